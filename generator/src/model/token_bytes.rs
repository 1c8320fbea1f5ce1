//! What each token of a vocabulary stands for, in bytes.

use tokenizers::Tokenizer;

/// The bytes of every token, one after another in one piece of memory.
pub(super) struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token ends; it starts where the one before ends.
    ends: Vec<u32>,
    /// One bit a token.
    control: Vec<u64>,
    /// One bit a token: an id that stands for something.
    known: Vec<u64>,
    strips_space: bool,
}

/// How the vocabulary writes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// One printable character a byte (GPT-2).
    ByteLevel,
    /// `▁` for a space, `<0xAB>` for a byte.
    SentencePiece { byte_fallback: bool },
    /// As it is.
    Plain,
}

impl TokenBytes {
    /// Of the ids below `count`, which the caller has found to be all; those that no word has mean
    /// nothing.
    pub(super) fn of(
        tokenizer: &Tokenizer,
        count: usize,
        controls: impl Iterator<Item = u32>,
    ) -> Self {
        let decoder = tokenizer
            .get_decoder()
            .and_then(|decoder| serde_json::to_value(decoder).ok())
            .unwrap_or_default();
        let (spelling, strips_space) = read_decoder(&decoder);
        let added = tokenizer.get_added_tokens_decoder();
        let mut all = Self {
            bytes: Vec::with_capacity(count * 7),
            ends: Vec::with_capacity(count),
            control: vec![0; count.div_ceil(64)],
            known: vec![0; count.div_ceil(64)],
            strips_space,
        };
        for id in 0..count as u32 {
            if let Some(token) = added.get(&id) {
                match spelling {
                    Spelling::ByteLevel => all.bytes.extend_from_slice(token.content.as_bytes()),
                    _ => spell(&token.content, spelling, &mut all.bytes),
                }
                set(&mut all.known, id);
            } else if let Some(token) = tokenizer.id_to_token(id) {
                spell(&token, spelling, &mut all.bytes);
                set(&mut all.known, id);
            }
            all.ends.push(all.bytes.len() as u32);
        }
        for id in controls {
            set(&mut all.control, id);
        }
        all
    }

    pub(super) fn get(&self, id: u32) -> Option<&[u8]> {
        if !get(&self.known, id) || get(&self.control, id) {
            return None;
        }
        let end = *self.ends.get(id as usize)? as usize;
        let start = match id {
            0 => 0,
            _ => self.ends[id as usize - 1] as usize,
        };
        Some(&self.bytes[start..end])
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_control(&self, id: u32) -> bool {
        get(&self.control, id)
    }

    pub(super) const fn strips_space(&self) -> bool {
        self.strips_space
    }
}

fn set(bits: &mut [u64], id: u32) {
    if let Some(word) = bits.get_mut(id as usize / 64) {
        *word |= 1 << (id % 64);
    }
}

fn get(bits: &[u64], id: u32) -> bool {
    bits.get(id as usize / 64)
        .is_some_and(|word| word >> (id % 64) & 1 == 1)
}

/// Reads from a decoder how tokens are spelt, and whether a text's first space is dropped.
fn read_decoder(decoder: &serde_json::Value) -> (Spelling, bool) {
    let mut steps: Vec<&serde_json::Value> = Vec::new();
    match decoder.get("decoders").and_then(|all| all.as_array()) {
        Some(all) => steps.extend(all),
        None => steps.push(decoder),
    }
    let is = |step: &serde_json::Value, name: &str| step["type"] == name;
    if steps.iter().any(|step| is(step, "ByteLevel")) {
        return (Spelling::ByteLevel, false);
    }
    let byte_fallback = steps.iter().any(|step| is(step, "ByteFallback"));
    let metaspace = steps.iter().find(|step| is(step, "Metaspace"));
    let replaces = steps.iter().any(|step| {
        is(step, "Replace") && step["pattern"]["String"] == "▁" && step["content"] == " "
    });
    let strips = steps
        .iter()
        .any(|step| is(step, "Strip") && step["content"] == " " && step["start"] == 1);
    match metaspace {
        Some(step) => (
            Spelling::SentencePiece { byte_fallback },
            step["prepend_scheme"] != "never",
        ),
        None if byte_fallback || replaces => (Spelling::SentencePiece { byte_fallback }, strips),
        None => (Spelling::Plain, false),
    }
}

fn spell(token: &str, spelling: Spelling, bytes: &mut Vec<u8>) {
    match spelling {
        Spelling::ByteLevel => {
            let from = bytes.len();
            for c in token.chars() {
                match byte_of(c) {
                    Some(byte) => bytes.push(byte),
                    // Not written in the byte alphabet: an added word that stands for itself.
                    None => {
                        bytes.truncate(from);
                        bytes.extend_from_slice(token.as_bytes());
                        return;
                    }
                }
            }
        }
        Spelling::SentencePiece { byte_fallback } => match fallback_byte(token) {
            Some(byte) if byte_fallback => bytes.push(byte),
            _ => bytes.extend_from_slice(token.replace('▁', " ").as_bytes()),
        },
        Spelling::Plain => bytes.extend_from_slice(token.as_bytes()),
    }
}

/// `<0xAB>` is the byte AB.
pub(super) fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// The byte that GPT-2 writes as `c`: printable bytes stand for themselves, the others follow
/// from U+0100 in order.
fn byte_of(c: char) -> Option<u8> {
    let code = c as u32;
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some(code as u8),
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
        0x143 => Some(0xad),
        _ => None,
    }
}
