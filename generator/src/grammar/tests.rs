//! What can be written, and that nothing else can.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const REFUSAL: &str = "Los documentos no responden a esta pregunta.";

/// A tokenizer of single bytes and some longer words, spelt as GPT-2 does.
fn tokenizer(words: &[&str]) -> Arc<ModelTokenizer> {
    let mut vocab: BTreeMap<String, u32> = BTreeMap::new();
    let mut add = |token: String| {
        let next = vocab.len() as u32;
        vocab.entry(token).or_insert(next);
    };
    add("<|end|>".to_owned());
    for byte in 0..=u8::MAX {
        add(spelt(&[byte]));
    }
    for word in words {
        add(spelt(word.as_bytes()));
    }
    let json = serde_json::json!({
        "version": "1.0",
        "added_tokens": [{
            "id": 0, "content": "<|end|>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        }],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": []},
    });
    Arc::new(ModelTokenizer::from_json(json.to_string().as_bytes()).unwrap())
}

fn spelt(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => *byte as char,
            0..=0x20 => char::from_u32(0x100 + u32::from(*byte)).unwrap(),
            0x7f..=0xa0 => char::from_u32(0x121 + u32::from(*byte) - 0x7f).unwrap(),
            0xad => '\u{143}',
        })
        .collect()
}

const WORDS: &[&str] = &[
    " la",
    "La",
    " dosis",
    " de",
    "5",
    " 10",
    " mg",
    ". ",
    ".",
    " [",
    "[1",
    "] ",
    "].",
    " [1]",
    ". [2]",
    "][",
    "\n",
    "\n\n",
    "- ",
    " <",
    "</",
    "http",
    "://",
    " año",
    "ñ",
    "é ",
    "\u{201d}",
    "Los documentos",
    " no responden",
    " Dr",
    ". El",
    "?",
    "!",
    "?\n",
    "…",
    "  ",
    "(",
    ")",
    " «",
    "\u{e2}",
    "≥",
    "日本",
    "\u{202e}",
    "x\u{301}",
    "12",
    "[12]",
    "[1][2]",
    " p.",
    " ej.",
    "1.",
    "2",
];

fn vocabulary() -> Arc<Vocabulary> {
    Arc::new(Vocabulary::new(tokenizer(WORDS), &BTreeSet::from([0])))
}

fn grammar(marks: usize) -> Grammar {
    Grammar::new(&vocabulary(), marks, REFUSAL)
}

/// Whether the bytes of `text` can be written, and the answer can end after them.
fn check(text: &str, marks: usize) -> (bool, bool) {
    let grammar = grammar(marks);
    let mut state = grammar.start();
    for byte in text.bytes() {
        match grammar.next(state, u32::from(byte) + 1) {
            Some(next) => state = next,
            None => return (false, false),
        }
    }
    (true, grammar.is_complete(state))
}

#[track_caller]
fn can_be_written(text: &str) {
    assert_eq!(check(text, 12), (true, true), "{text:?}");
}

#[track_caller]
fn cannot_be_written(text: &str) {
    assert!(!check(text, 12).0, "{text:?}");
}

#[track_caller]
fn cannot_end(text: &str) {
    assert_eq!(check(text, 12), (true, false), "{text:?}");
}

#[test]
fn sentences_end_in_marks_before_or_after_the_full_stop() {
    can_be_written("Inicie 2,5 mg cada 24 h. [1]");
    can_be_written("Inicie 2,5 mg cada 24 h [1].");
    can_be_written("Inicie 2,5 mg. [1][12] Doble la dosis a las 2 semanas [3].");
    can_be_written("Inicie 2,5 mg. [2] [1]\n- Vigile el potasio [4]\n- Vigile la TA [5]");
    can_be_written("¿Hay edemas? [1] Sí. [2]");
    cannot_end("Inicie 2,5 mg cada 24 h");
    cannot_end("Inicie 2,5 mg cada 24 h.");
    cannot_end("");
    cannot_end("[".trim_matches('['));
}

#[test]
fn no_sentence_begins_before_the_last_has_its_mark() {
    cannot_be_written("Espere dos semanas. Doble");
    cannot_be_written("Espere dos semanas.\n");
    cannot_be_written("Espere dos semanas\n");
    cannot_be_written("¿Hay edemas? S");
    cannot_be_written("Espere 24 h. Doble");
    cannot_be_written("Dé 5 mg. Doble");
    cannot_be_written("Espere [1] doble");
    cannot_be_written("[1]");
    cannot_be_written("1. [1]");
}

#[test]
fn decimals_and_abbreviations_end_no_sentence() {
    can_be_written("Potasio de 5.5 mmol/l (p. ej. por IECA) i.v. lenta, máx. 40 mg. al día. [1]");
    can_be_written("Avise al Dr. Ruiz. [1]");
    can_be_written("1. Inicie enalapril [1]\n2. Suspenda [2]");
    can_be_written("18. artikuluaren arabera. [1]");
    can_be_written("Bloqueo de 2.º o 3.er grado en EE.UU. desde 2021. [1]");
}

#[test]
fn only_marks_that_were_offered_exist() {
    for text in [
        "Sí [0",
        "Sí [13",
        "Sí [2][2",
        "Sí [1a",
        "Sí [ 1",
        "Sí [1][2][3][4][",
        "Sí ]",
    ] {
        cannot_be_written(text);
    }
    assert_eq!(check("Sí [3]", 2), (false, false));
    assert_eq!(check("Sí [1][2][", 2), (false, false));
    assert_eq!(check("Sí [12]", 12), (true, true));
    assert_eq!(check("Sí [64]", 100), (true, true));
    assert_eq!(check("Sí [65]", 100), (false, false));
}

#[test]
fn links_markup_code_and_other_scripts_are_never_written() {
    for text in [
        "Vea <b",
        "Vea </",
        "Vea <!",
        "Vea http",
        "Vea HTTPS",
        "Vea www",
        "Vea a//",
        "Use `",
        "Use *",
        "# ",
        "Vea {",
        "Vea |",
        "Vea \\",
        "Vea _",
        "a\u{0}",
        "a\t",
        "a\r",
        "a\u{200b}",
        "a\u{202e}",
        "a\u{a0}",
        "a\u{2028}",
        "日",
        "Да",
        "😀",
        "Vea aemps.es",
        "A  ",
    ] {
        cannot_be_written(text);
    }
    can_be_written("FEVI <40 %, < 35 % o <= 50 % y PA > 90/60 mmHg ± 5. [1]");
}

#[test]
fn the_refusal_stands_alone() {
    can_be_written(REFUSAL);
    cannot_be_written(&format!("{REFUSAL} "));
    cannot_be_written(&format!("Sí. [1] {REFUSAL}").replace(" a esta pregunta.", "\n"));
    cannot_end(&format!("Sí. [1] {REFUSAL}"));
    can_be_written("Los documentos no responden a esta pregunta sobre bisoprolol. [1]");
}

#[test]
fn a_refusal_that_no_sentence_could_be_can_be_written() {
    let refusal = "nada\t日本: {}";
    let grammar = Grammar::new(&vocabulary(), 3, refusal);
    let end = refusal.bytes().try_fold(grammar.start(), |state, byte| {
        assert!(grammar.mask(state).allows(u32::from(byte) + 1));
        grammar.next(state, u32::from(byte) + 1)
    });
    assert!(grammar.is_complete(end.unwrap()));
    assert_eq!(grammar.mask(end.unwrap()).count(), 1);
}

#[test]
fn a_sentence_without_end_is_made_to_end() {
    let grammar = grammar(3);
    let mut state = grammar.start();
    let mut written = String::new();
    for byte in b"La".iter().chain(b" dosis".repeat(200).iter()) {
        let token = u32::from(*byte) + 1;
        if !grammar.mask(state).allows(token) {
            break;
        }
        state = grammar.next(state, token).unwrap();
        written.push(*byte as char);
    }
    assert!(written.len() < 400, "{}", written.len());
    for byte in " [2]".bytes().skip(usize::from(written.ends_with(' '))) {
        assert!(grammar.mask(state).allows(u32::from(byte) + 1));
        state = grammar.next(state, u32::from(byte) + 1).unwrap();
    }
    assert!(grammar.is_complete(state));
}

/// The text of tokens chosen by `choices` among those the masks allow, until the answer ends.
/// Towards the end the tokens that lead to it are taken.
fn wander(grammar: &Grammar, choices: &[u16]) -> String {
    let tokenizer = &grammar.vocabulary.tokenizer;
    let mut state = grammar.start();
    let mut tokens = Vec::new();
    for turn in 0.. {
        let mask = grammar.mask(state);
        let allowed: Vec<u32> = (0..mask.vocab() as u32)
            .filter(|t| mask.allows(*t))
            .collect();
        assert!(
            !allowed.is_empty(),
            "no way on after {:?}",
            tokenizer.decode(&tokens)
        );
        let choice = choices.get(turn).copied();
        let token = match choice {
            Some(choice) => allowed[choice as usize % allowed.len()],
            None if mask.allows(0) => 0,
            None => *[b'1', b'2', b']', b'[', b' ', b'.', b'L', b'o']
                .iter()
                .map(|byte| u32::from(*byte) + 1)
                .find(|token| mask.allows(*token))
                .as_ref()
                .unwrap_or(&allowed[turn % allowed.len()]),
        };
        if token == 0 {
            break;
        }
        tokens.push(token);
        state = grammar.next(state, token).expect("allowed");
        assert!(
            turn < choices.len() + 2_000,
            "no end: {:?}",
            tokenizer.decode(&tokens)
        );
    }
    tokenizer.decode(&tokens)
}

/// The tokens to wander over: words more often than single bytes.
fn steps() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_masks_allow_is_an_answer_whose_sentences_have_marks(
        marks in 1_usize..20,
        choices in steps(),
    ) {
        let answer = wander(&grammar(marks), &choices);
        prop_assert!(!answer.contains('\u{fffd}'), "{answer:?}");
        if answer != REFUSAL {
            let sentences = split(&answer, marks);
            prop_assert!(!sentences.is_empty());
            for sentence in sentences {
                prop_assert!(!sentence.marks.is_empty(), "{:?} of {:?}", sentence, answer);
                prop_assert!(!sentence.text.is_empty(), "{:?} of {:?}", sentence, answer);
                prop_assert!(!sentence.text.contains(['[', ']', '`', '\n']), "{:?}", sentence);
                prop_assert!(!sentence.text.to_lowercase().contains("://"));
            }
        }
    }

    #[test]
    fn a_mask_allows_the_tokens_that_have_a_next_state_and_no_others(
        marks in 1_usize..20,
        choices in steps(),
    ) {
        let grammar = grammar(marks);
        let mut state = grammar.start();
        for choice in choices {
            let mask = grammar.mask(state);
            let nexts: Vec<u32> = (0..mask.vocab() as u32)
                .filter(|token| {
                    let next = grammar.next(state, *token);
                    assert_eq!(mask.allows(*token), next.is_some(), "{state:?} {token}");
                    next.is_some()
                })
                .collect();
            match nexts.get(choice as usize % nexts.len().max(1)) {
                Some(token) => state = grammar.next(state, *token).unwrap(),
                None => break,
            }
        }
    }

    #[test]
    fn sentences_are_the_same_however_the_text_is_cut(
        text in "([A-Za-zñ]{1,6}|[ .,!?\n]|\\[[0-9]{1,2}\\]|\\[|- |Dr\\. ){0,40}",
        cuts in prop::collection::vec(0_usize..8, 0..60),
    ) {
        let whole = split(&text, 9);
        let mut stream = SentenceStream::new(9);
        let mut found = Vec::new();
        let mut rest = text.as_str();
        for cut in cuts {
            let cut = rest.char_indices().nth(cut).map_or(rest.len(), |(at, _)| at);
            found.extend(stream.push(&rest[..cut]));
            rest = &rest[cut..];
        }
        found.extend(stream.push(rest));
        found.extend(stream.finish());
        prop_assert_eq!(found, whole);
    }
}
