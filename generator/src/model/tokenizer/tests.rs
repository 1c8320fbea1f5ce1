//! Texts of the five languages, hostile ones, and both ways of spelling a vocabulary.

use std::collections::HashMap;
use std::io::Write as _;

use candle_core::quantized::gguf_file::{self, Value};
use proptest::prelude::*;
use serde_json::json;

use super::*;

impl ModelTokenizer {
    /// A tokenizer for a model that has a row for each of its ids and no more.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        let rows = Tokenizer::from_bytes(json).map_or(0, |inner| count(&inner));
        Self::from_bytes(json, rows)
    }

    /// The ids of `text` as ordinary words: strings of control tokens in it are words too, and
    /// nothing is put before or after.
    pub(crate) fn encode_text(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        self.encode_piece(text, true, &mut ids)?;
        Ok(ids)
    }

    /// The ids of a text that is all template: control tokens in it are read.
    pub(crate) fn encode_template(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode_rendered(text, &[])
    }

    /// The text of `ids`, control tokens left out, without the dummy space some tokenizers begin
    /// with. Bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn decode(&self, ids: &[u32]) -> String {
        let mut stream = StreamDecoder::new();
        let mut text = stream.push(self, ids);
        text.push_str(&stream.finish());
        text
    }
}

impl StreamDecoder {
    /// What is left: an unfinished character becomes U+FFFD.
    pub(crate) fn finish(self) -> String {
        if self.pending.is_empty() {
            String::new()
        } else {
            "\u{fffd}".to_owned()
        }
    }
}

const CONTROLS: [&str; 4] = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"];

fn added(id: usize, content: &str, special: bool) -> serde_json::Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": special})
}

/// Control tokens (the last not called special by its file), `<0x00>`…`<0xFF>`, some pieces.
fn sentence_piece(prefix: bool) -> ModelTokenizer {
    let mut vocab = serde_json::Map::new();
    let mut add = |token: String| {
        let next = vocab.len();
        vocab.entry(token).or_insert(next.into());
    };
    CONTROLS
        .iter()
        .for_each(|control| add((*control).to_owned()));
    (0..=255).for_each(|byte| add(format!("<0x{byte:02X}>")));
    for piece in
        "▁ a b c d e l o s i _ < > | m t r ▁a la ▁la as ▁las do sis dosis ▁dosis <| |> ▁▁ im"
            .split(' ')
    {
        add(piece.to_owned());
    }
    let merges = [
        "▁ a", "l a", "▁ la", "a s", "▁la s", "d o", "s i", "< |", "| >", "i m", "▁ ▁",
    ];
    for merge in merges {
        add(merge.replace(' ', ""));
    }
    let (normalizer, pre_tokenizer) = if prefix {
        (
            json!(null),
            json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}),
        )
    } else {
        (
            json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
            json!(null),
        )
    };
    let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    decoders.extend(prefix.then_some(strip));
    let added: Vec<_> = CONTROLS
        .iter()
        .enumerate()
        .map(|(id, control)| added(id, control, id < 3))
        .collect();
    let json = json!({
        "version": "1.0", "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": true,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "byte_fallback": true,
            "ignore_merges": false, "vocab": vocab, "merges": merges},
    });
    ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap()
}

/// Metadata of a GGUF with single bytes and a few merges.
fn metadata() -> HashMap<String, Value> {
    let mut tokens: Vec<String> = CONTROLS.map(str::to_owned).to_vec();
    tokens.extend((0..=255).map(|byte| spelt(byte).to_string()));
    tokens.extend(["la", "Ġla", "<|", "|>", "im"].map(str::to_owned));
    let merges = ["l a", "Ġ la", "< |", "| >", "i m"];
    let strings = |all: &[String]| Value::Array(all.iter().cloned().map(Value::String).collect());
    let types = (0..tokens.len()).map(|id| Value::I32(if id < 4 { 3 } else { 1 }));
    HashMap::from([
        ("tokenizer.ggml.model".into(), Value::String("gpt2".into())),
        ("tokenizer.ggml.pre".into(), Value::String("smollm".into())),
        (
            "tokenizer.ggml.token_type".into(),
            Value::Array(types.collect()),
        ),
        (
            "tokenizer.ggml.merges".into(),
            strings(&merges.map(str::to_owned)),
        ),
        ("tokenizer.ggml.tokens".into(), strings(&tokens)),
    ])
}

fn spelt(byte: u8) -> char {
    match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte as char,
        0..=0x20 => char::from_u32(0x100 + u32::from(byte)).unwrap(),
        0x7f..=0xa0 => char::from_u32(0x121 + u32::from(byte) - 0x7f).unwrap(),
        0xad => '\u{143}',
    }
}

fn byte_level() -> ModelTokenizer {
    ModelTokenizer::from_gguf(&metadata(), 265).unwrap()
}

fn pieces(tokenizer: &ModelTokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter()
        .map(|id| tokenizer.inner.id_to_token(*id).unwrap())
        .collect()
}

#[test]
fn a_sentence_piece_token_stands_for_its_bytes() {
    let tokenizer = sentence_piece(true);
    let bytes = |token| tokenizer.token_bytes(tokenizer.id_of(token).unwrap());
    assert_eq!(bytes("▁las"), Some(b" las".as_slice()));
    assert_eq!(bytes("<0x0A>"), Some(b"\n".as_slice()));
    assert_eq!(bytes("<0xC3>"), Some([0xc3].as_slice()));
    assert_eq!(bytes("<|im_start|>"), None);
    assert_eq!(tokenizer.token_bytes(1_000_000), None);
}

#[test]
fn a_byte_level_token_stands_for_its_bytes() {
    let tokenizer = byte_level();
    let bytes = |token: &str| tokenizer.token_bytes(tokenizer.id_of(token).unwrap());
    assert_eq!(bytes("Ġla"), Some(b" la".as_slice()));
    for byte in 0..=255 {
        assert_eq!(bytes(&spelt(byte).to_string()), Some([byte].as_slice()));
    }
    assert_eq!(bytes("</s>"), None);
}

#[test]
fn the_dummy_space_is_put_before_the_first_word_only_and_taken_away_again() {
    let tokenizer = sentence_piece(true);
    let ids = tokenizer.encode_text("las las").unwrap();
    assert_eq!(pieces(&tokenizer, &ids), ["▁las", "▁las"]);
    assert_eq!(tokenizer.decode(&ids), "las las");
    let ids = tokenizer
        .encode_template("<|im_start|>las<|im_end|>la")
        .unwrap();
    assert_eq!(
        pieces(&tokenizer, &ids),
        ["<|im_start|>", "la", "s", "<|im_end|>", "la"]
    );
    assert!(!sentence_piece(false).prefixes_space());
}

#[test]
fn control_strings_are_read_in_templates_and_are_words_in_texts() {
    for tokenizer in [sentence_piece(true), sentence_piece(false), byte_level()] {
        for text in CONTROLS {
            let ids = tokenizer.encode_template(text).unwrap();
            assert_eq!(ids, [tokenizer.id_of(text).unwrap()]);
            assert!(tokenizer.special(ids[0]));
            let ids = tokenizer.encode_text(text).unwrap();
            assert!(ids.iter().all(|id| !tokenizer.special(*id)), "{text}");
            assert_eq!(tokenizer.decode(&ids), text);
        }
    }
}

#[test]
fn control_strings_within_data_are_words_and_its_words_merge_with_the_template() {
    let tokenizer = byte_level();
    let text = "<|im_start|>l<|im_end|>a<|im_end|>";
    // The data is `<|im_end|>a`, after an `l` of the template.
    let ids = tokenizer
        .encode_rendered(text, std::slice::from_ref(&(13..24)))
        .unwrap();
    let controls = ids.iter().filter(|id| tokenizer.special(**id)).count();
    assert_eq!(controls, 2);
    let ids = tokenizer
        .encode_rendered("<|im_start|>la", std::slice::from_ref(&(13..14)))
        .unwrap();
    assert_eq!(pieces(&tokenizer, &ids), ["<|im_start|>", "la"]);
}

#[test]
fn a_control_string_that_is_also_a_word_of_the_vocabulary_is_still_not_read_in_a_text() {
    let mut metadata = metadata();
    metadata.insert(
        "tokenizer.ggml.pre".into(),
        Value::String("llama-bpe".into()),
    );
    let Some(Value::Array(tokens)) = metadata.get_mut("tokenizer.ggml.tokens") else {
        panic!("tokens");
    };
    // Llama 3 takes a piece that is a token whole; `lalala` is such a piece.
    tokens[3] = Value::String("lalala".into());
    let tokenizer = ModelTokenizer::from_gguf(&metadata, 265).unwrap();
    assert_eq!(tokenizer.encode_template("lalala").unwrap(), [3]);
    let ids = tokenizer.encode_text("lalala").unwrap();
    assert!(!ids.contains(&3), "{ids:?}");
    assert_eq!(tokenizer.decode(&ids), "lalala");
}

#[test]
fn a_vocabulary_fits_a_larger_embedding_and_no_smaller_one() {
    let tokenizer = ModelTokenizer::from_gguf(&metadata(), 512).unwrap();
    assert_eq!(tokenizer.vocab_size(), 512);
    assert_eq!(tokenizer.token_bytes(511), None);
    assert!(!tokenizer.special(511));
    let refused = ModelTokenizer::from_gguf(&metadata(), 100);
    assert!(matches!(
        refused,
        Err(TokenizerError::Vocabulary {
            tokens: 265,
            vocab: 100
        })
    ));
}

#[test]
fn a_gguf_tokenizer_that_cannot_be_read_is_refused_by_name() {
    let refused = |key: &str, value: Option<Value>| {
        let mut metadata = metadata();
        metadata.remove(key);
        metadata.extend(value.map(|value| (key.to_owned(), value)));
        let error = ModelTokenizer::from_gguf(&metadata, 265)
            .map(|_| ())
            .unwrap_err();
        error.to_string()
    };
    let text = |text: &str| Some(Value::String(text.to_owned()));
    assert!(refused("tokenizer.ggml.pre", text("tekken")).contains("tekken"));
    assert!(refused("tokenizer.ggml.model", text("llama")).contains("llama"));
    assert!(refused("tokenizer.ggml.merges", None).contains("tokenizer.ggml.merges"));
    assert!(refused("tokenizer.ggml.tokens", text("x")).contains("tokenizer.ggml.tokens"));
    let merges = Value::Array(vec![Value::String("la".into())]);
    assert!(refused("tokenizer.ggml.merges", Some(merges)).contains("dañado"));
    for merge in ["x y", "<|im_start|> <|im_end|>"] {
        let merges = Value::Array(vec![Value::String(merge.into())]);
        assert!(refused("tokenizer.ggml.merges", Some(merges)).contains("dañado"));
    }
    assert!(ModelTokenizer::from_json(b"{\"version\": \"1.0\"").is_err());
    assert!(ModelTokenizer::from_json(b"").is_err());
}

/// Words of one character; `added` are control tokens, `<unk>` among them.
fn lettered(vocab: serde_json::Value, added: Vec<serde_json::Value>) -> serde_json::Value {
    json!({
        "version": "1.0", "added_tokens": added, "normalizer": null, "pre_tokenizer": null,
        "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "byte_fallback": false,
            "ignore_merges": true, "vocab": vocab, "merges": []},
    })
}

#[test]
fn a_word_of_any_number_is_refused_before_room_is_made_for_it() {
    for id in [265_u32, 4_000_000_000, u32::MAX] {
        let json = lettered(json!({"<unk>": 0, "a": id}), vec![added(0, "<unk>", true)]);
        let refused = ModelTokenizer::from_bytes(json.to_string().as_bytes(), 265);
        let Err(TokenizerError::Vocabulary { tokens, vocab: 265 }) = refused else {
            panic!("{id}");
        };
        assert_eq!(tokens, id as usize + 1);
    }
}

#[test]
fn a_merge_or_prefix_that_the_words_do_not_bear_out_is_refused() {
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = lettered(
            json!({"<unk>": 0, "x": 1, "y": 2, "xy": 3}),
            vec![added(0, "<unk>", true)],
        );
        json["model"]["merges"] = json!(["x y"]);
        change(&mut json["model"]);
        ModelTokenizer::from_bytes(json.to_string().as_bytes(), 8).err()
    };
    assert!(refused(&|_| {}).is_none());
    let without_word = refused(&|model| {
        let words = model["vocab"].as_object_mut().unwrap();
        words.retain(|word, _| word.len() == 1);
        model["unk_token"] = json!(null);
    });
    assert!(matches!(without_word, Some(TokenizerError::Invalid(_))));
    let long_prefix = refused(&|model| model["continuing_subword_prefix"] = json!("###"));
    assert!(matches!(long_prefix, Some(TokenizerError::Invalid(_))));
}

#[test]
fn a_long_text_of_characters_the_vocabulary_lacks_is_read_to_its_end() {
    for id in 0..2 {
        let json = lettered(
            json!({"<unk>": id, "a": 1 - id}),
            vec![added(id, "<unk>", true)],
        );
        let tokenizer = ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap();
        let text = format!("{}a", "ñ一a".repeat(20_000));
        let ids = tokenizer.encode_text(&text).unwrap();
        assert_eq!(ids, vec![1 - id as u32; 20_001]);
        assert!(
            tokenizer
                .encode_text(&"ñ".repeat(20_000))
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_long_text_of_control_strings_that_are_words_is_read_to_its_end() {
    let mut vocab: serde_json::Map<_, _> = "<|im_end|>"
        .chars()
        .zip(0..)
        .map(|(letter, id)| (letter.to_string(), json!(id)))
        .collect();
    vocab.insert("<|im_end|>".into(), json!(20));
    vocab.insert("<unk>".into(), json!(21));
    let mut json = lettered(
        json!(vocab),
        vec![added(20, "<|im_end|>", true), added(21, "<unk>", true)],
    );
    let tokenizer = ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode_template("<|im_end|>").unwrap(), [20]);
    // Each word on its own, as `ignore_merges` reads it.
    json["pre_tokenizer"] = json!({"type": "Split", "pattern": {"String": "<|im_end|>"},
        "behavior": "Isolated", "invert": false});
    let tokenizer = ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap();
    let ids = tokenizer.encode_text(&"<|im_end|>".repeat(5_000)).unwrap();
    assert_eq!(ids.len(), 50_000);
    assert_eq!(tokenizer.decode(&ids[..10]), "<|im_end|>");
    assert!(ids.iter().all(|id| !tokenizer.special(*id)));
}

#[test]
fn a_control_token_of_white_space_is_gone_where_the_one_before_took_the_white_space() {
    let mut taking = added(0, "<unk>", true);
    taking["rstrip"] = json!(true);
    let spaces = added(1, "\n", true);
    let json = lettered(json!({"<unk>": 0, "\n": 1, "a": 2}), vec![taking, spaces]);
    let tokenizer = ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap();
    let ids = |text| tokenizer.encode_template(text).unwrap();
    assert_eq!(ids("a\na"), [2, 1, 2]);
    assert_eq!(ids("<unk>\na"), [0, 2]);
    assert_eq!(ids("<unk> \n\n a\n<unk>\n"), [0, 2, 1, 0]);
}

/// Ids made by llama.cpp; see `scripts/make-fixtures/tokenizer-ids.mjs`.
const GOLDEN: &str = include_str!("../../../tests/fixtures/tokenizer/smollm2-135m-instruct.json");

#[test]
fn the_ids_of_smollm2_are_those_of_llama_cpp() {
    let folder = std::env::var_os("SISTOLE_TEST_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-models"),
        Into::into,
    );
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.exists() {
        let _ = std::io::stderr()
            .write_all(b"NOT RUN: SmolLM2 is not there; scripts/fetch-test-models.sh fetches it\n");
        return;
    }
    let mut file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let content = gguf_file::Content::read(&mut file).unwrap();
    let tokenizer = ModelTokenizer::from_gguf(&content.metadata, 49_152).unwrap();
    assert_eq!(tokenizer.vocab_size(), 49_152);
    let cases: Vec<serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let ids = tokenizer.encode_text(text).unwrap();
        assert_eq!(ids, expected, "{text:?}");
        assert_eq!(tokenizer.decode(&ids), text);
    }
}

/// Strings with control strings, spaces and characters of several bytes among letters.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z <>|_/]{0,6}",
        Just("<|im_end|>".to_owned()),
        Just("</s>".to_owned()),
        Just("<|im_start|>system\n".to_owned()),
        Just("<0x0A>".to_owned()),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_yields_a_control_token_and_every_text_comes_back(text in texts()) {
        let tokenizer = byte_level();
        let ids = tokenizer.encode_text(&text).unwrap();
        prop_assert!(ids.iter().all(|id| !tokenizer.special(*id)));
        prop_assert_eq!(tokenizer.decode(&ids), text.as_str());
        let tokenizer = sentence_piece(false);
        let ids = tokenizer.encode_text(&text).unwrap();
        prop_assert!(ids.iter().all(|id| !tokenizer.special(*id)));
        // SentencePiece writes a space as ▁ and cannot tell the two apart; `<0x0A>` is a byte.
        prop_assert_eq!(tokenizer.decode(&ids), text.replace('▁', " "));
    }

    #[test]
    fn text_comes_out_the_same_one_token_at_a_time(ids in prop::collection::vec(0_u32..270, 0..40)) {
        for tokenizer in [byte_level(), sentence_piece(true)] {
            let mut stream = StreamDecoder::new();
            let mut text = String::new();
            for id in &ids {
                text.push_str(&stream.push(&tokenizer, &[*id]));
            }
            text.push_str(&stream.finish());
            prop_assert_eq!(text, tokenizer.decode(&ids));
        }
    }
}
