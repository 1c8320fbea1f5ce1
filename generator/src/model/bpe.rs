//! A byte-level BPE tokenizer out of GGUF metadata, as llama.cpp reads it: unlike Qwen's own
//! `tokenizer.json` it does not compose characters (NFC). Prompts are composed already.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

use super::tokenizer::{ModelTokenizer, TokenizerError, guarded};

/// GGUF's token types that are no text: unknown, control, unused.
const CONTROL_TYPES: [i64; 3] = [2, 3, 5];
/// GGUF's token type of added words.
const USER_DEFINED: i64 = 4;

/// How text is cut before merging.
struct Cut {
    /// One after another, each within the pieces of the one before.
    expressions: &'static [&'static str],
    /// A piece that is a token whole is that token, whatever the merges say.
    ignore_merges: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The cuts of llama.cpp's `tokenizer.ggml.pre` names (`src/llama-vocab.cpp`).
fn cut(pre: &str) -> Option<Cut> {
    let plain = |expressions| Cut {
        expressions,
        ignore_merges: false,
    };
    Some(match pre {
        "default" => plain(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        "gpt-2" | "gpt2" => plain(&[GPT2]),
        "smollm" | "starcoder" | "refact" | "command-r" => plain(&[r"\p{N}", GPT2]),
        "qwen2" | "deepseek-r1-qwen" => plain(&[QWEN2]),
        "llama-bpe" | "llama3" | "llama-v3" => Cut {
            ignore_merges: true,
            ..plain(&[LLAMA3])
        },
        "smaug-bpe" => plain(&[LLAMA3]),
        _ => return None,
    })
}

impl ModelTokenizer {
    /// Makes the tokenizer of a GGUF file, whose embedding has `rows` rows, from its metadata.
    pub(crate) fn from_gguf(
        metadata: &HashMap<String, Value>,
        rows: usize,
    ) -> Result<Self, TokenizerError> {
        let kind = text(metadata, "tokenizer.ggml.model")?;
        if kind != "gpt2" {
            return Err(TokenizerError::Unsupported { kind: kind.into() });
        }
        let pre = text(metadata, "tokenizer.ggml.pre").unwrap_or("default");
        let cut = cut(pre).ok_or_else(|| TokenizerError::Unsupported {
            kind: format!("gpt2, {pre}"),
        })?;
        let tokens = strings(metadata, "tokenizer.ggml.tokens")?;
        let vocab: Vocab = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| ((*token).to_owned(), id as u32))
            .collect();
        let merges = strings(metadata, "tokenizer.ggml.merges")?
            .into_iter()
            .map(|merge| {
                let wrong = |reason: &str| TokenizerError::Invalid(reason.into());
                // A token may begin with the separator itself only where it is one byte long.
                let (left, right) = merge
                    .split_once(' ')
                    .ok_or_else(|| wrong("a merge without a space"))?;
                if !vocab.contains_key(&[left, right].concat()) {
                    return Err(wrong("a merge whose word is not in the vocabulary"));
                }
                Ok((left.to_owned(), right.to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let builder = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .ignore_merges(cut.ignore_merges);
        let model = guarded(|| builder.build()).map_err(TokenizerError::Invalid)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(pre_tokenizer(&cut)?));
        tokenizer.with_decoder(Some(ByteLevel::new(false, false, false)));
        let added = added_tokens(metadata, &tokens)?;
        guarded(|| tokenizer.add_tokens(added)).map_err(TokenizerError::Invalid)?;
        Self::new(tokenizer, rows)
    }
}

fn pre_tokenizer(cut: &Cut) -> Result<PreTokenizerWrapper, TokenizerError> {
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for expression in cut.expressions {
        let split = Split::new(
            SplitPattern::Regex((*expression).to_owned()),
            SplitDelimiterBehavior::Isolated,
            false,
        )
        .map_err(TokenizerError::Invalid)?;
        steps.push(split.into());
    }
    steps.push(ByteLevel::new(false, false, false).into());
    Ok(Sequence::new(steps).into())
}

fn added_tokens(
    metadata: &HashMap<String, Value>,
    tokens: &[&str],
) -> Result<Vec<AddedToken>, TokenizerError> {
    let mut special = vec![false; tokens.len()];
    let mut added = vec![false; tokens.len()];
    if let Some(Value::Array(types)) = metadata.get("tokenizer.ggml.token_type") {
        for (id, kind) in types.iter().enumerate().take(tokens.len()) {
            let kind = integer(kind).unwrap_or(1);
            special[id] = CONTROL_TYPES.contains(&kind);
            added[id] = special[id] || kind == USER_DEFINED;
        }
    }
    for name in ["bos", "eos", "eot", "eom", "padding", "unknown"] {
        let id = metadata
            .get(&format!("tokenizer.ggml.{name}_token_id"))
            .and_then(integer)
            .and_then(|id| usize::try_from(id).ok())
            .filter(|id| *id < tokens.len());
        if let Some(id) = id {
            (special[id], added[id]) = (true, true);
        }
    }
    Ok(tokens
        .iter()
        .enumerate()
        .filter(|(id, token)| added[*id] && !token.is_empty())
        .map(|(id, token)| AddedToken::from(*token, special[id]).normalized(false))
        .collect())
}

fn text<'a>(metadata: &'a HashMap<String, Value>, key: &str) -> Result<&'a str, TokenizerError> {
    match metadata.get(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(TokenizerError::Missing { key: key.into() }),
    }
}

fn strings<'a>(
    metadata: &'a HashMap<String, Value>,
    key: &str,
) -> Result<Vec<&'a str>, TokenizerError> {
    let missing = || TokenizerError::Missing { key: key.into() };
    let Some(Value::Array(values)) = metadata.get(key) else {
        return Err(missing());
    };
    values
        .iter()
        .map(|value| match value {
            Value::String(text) => Ok(text.as_str()),
            _ => Err(missing()),
        })
        .collect()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::U8(v) => Some(i64::from(*v)),
        Value::I8(v) => Some(i64::from(*v)),
        Value::U16(v) => Some(i64::from(*v)),
        Value::I16(v) => Some(i64::from(*v)),
        Value::U32(v) => Some(i64::from(*v)),
        Value::I32(v) => Some(i64::from(*v)),
        Value::U64(v) => i64::try_from(*v).ok(),
        Value::I64(v) => Some(*v),
        _ => None,
    }
}
