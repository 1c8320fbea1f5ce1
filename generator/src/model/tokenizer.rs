//! Text to token ids and back. What a document says never becomes a control token.
//!
//! A prompt is encoded in one pass over the whole rendered text, so that pieces merge exactly as
//! they do in transformers; only *where a control token may be read* is decided here: in the words
//! of the template, never in data. That is why the `tokenizers` crate is told to read none at all
//! and control tokens are found by hand.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer};

use super::token_bytes::{TokenBytes, fallback_byte};

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file cannot be read.
    #[error(
        "no se puede leer el tokenizador del modelo: compruebe que tokenizer.json existe y se puede abrir"
    )]
    Read(#[source] std::io::Error),
    /// It is no tokenizer, or breaks its own rules.
    #[error("el tokenizador del modelo está dañado: vuelva a descargar el modelo")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A GGUF file whose tokenizer is of a kind that is not read.
    #[error(
        "el tokenizador del GGUF es de un tipo que no se admite ({kind}): ponga tokenizer.json junto al GGUF"
    )]
    Unsupported {
        /// The kind it names.
        kind: String,
    },
    /// A GGUF file without a part of its tokenizer.
    #[error("al tokenizador del GGUF le falta «{key}»: ponga tokenizer.json junto al GGUF")]
    Missing {
        /// The metadata key.
        key: String,
    },
    /// Ids beyond the rows of the model's embedding.
    #[error("el tokenizador tiene {tokens} símbolos y el modelo {vocab}: no son del mismo modelo")]
    Vocabulary {
        /// One more than the highest id of the tokenizer.
        tokens: usize,
        /// Rows of the embedding.
        vocab: usize,
    },
    /// The text cannot be encoded.
    #[error("no se puede convertir el texto en símbolos del modelo")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A token that is no text: it opens or closes a turn, or is kept for tools and padding.
#[derive(Debug, Clone)]
struct Control {
    text: String,
    id: u32,
    lstrip: bool,
    rstrip: bool,
}

/// The tokenizer of a model.
pub(crate) struct ModelTokenizer {
    /// Reads no control tokens, adds none.
    inner: Tokenizer,
    /// Longest first.
    controls: Vec<Control>,
    bytes: TokenBytes,
    /// SentencePiece's dummy prefix: a space before the first word of a text.
    prefix_space: bool,
    /// The control token that stands for characters the vocabulary lacks, and its own text.
    unknown: Option<(u32, String)>,
}

impl ModelTokenizer {
    /// Reads a `tokenizer.json` for a model whose embedding has `vocab` rows.
    pub(crate) fn from_file(path: &Path, vocab: usize) -> Result<Self, TokenizerError> {
        let json = std::fs::read(path).map_err(TokenizerError::Read)?;
        Self::from_bytes(&json, vocab)
    }

    /// Reads the bytes of a `tokenizer.json`.
    pub(crate) fn from_bytes(json: &[u8], vocab: usize) -> Result<Self, TokenizerError> {
        let inner = guarded(|| Tokenizer::from_bytes(json)).map_err(TokenizerError::Invalid)?;
        Self::new(inner, vocab)
    }

    /// Makes the vocabulary as large as the model's embedding; the ids added mean nothing.
    pub(super) fn new(mut inner: Tokenizer, vocab: usize) -> Result<Self, TokenizerError> {
        // Before anything is made for each id: a file may name any number.
        let tokens = count(&inner);
        if tokens > vocab {
            return Err(TokenizerError::Vocabulary { tokens, vocab });
        }
        // Cutting or padding belongs to whoever knows the window.
        inner
            .with_truncation(None)
            .map_err(TokenizerError::Invalid)?;
        inner.with_padding(None);
        let mut prefix_space = false;
        if let Some(PreTokenizerWrapper::Metaspace(metaspace)) = inner.get_pre_tokenizer()
            && metaspace.get_prepend_scheme() == PrependScheme::First
        {
            // Pieces are encoded one by one and only the first of the text begins it.
            let mut metaspace = metaspace.clone();
            metaspace.set_prepend_scheme(PrependScheme::Never);
            inner.with_pre_tokenizer(Some(PreTokenizerWrapper::Metaspace(metaspace)));
            prefix_space = true;
        }
        let mut controls: Vec<Control> = Vec::new();
        let mut made_special: Vec<AddedToken> = Vec::new();
        for (id, token) in inner.get_added_tokens_decoder() {
            if !token.special && !looks_like_control(&token.content) {
                continue;
            }
            controls.push(Control {
                text: token.content.clone(),
                id,
                lstrip: token.lstrip,
                rstrip: token.rstrip,
            });
            if !token.special {
                made_special.push(AddedToken {
                    special: true,
                    ..token
                });
            }
        }
        if !made_special.is_empty() {
            guarded(|| inner.add_special_tokens(made_special)).map_err(TokenizerError::Invalid)?;
        }
        inner.set_encode_special_tokens(true);
        controls.sort_by(|a, b| {
            b.text
                .len()
                .cmp(&a.text.len())
                .then_with(|| a.text.cmp(&b.text))
        });
        let bytes = TokenBytes::of(&inner, vocab, controls.iter().map(|control| control.id));
        let mut all = Self {
            inner,
            controls,
            bytes,
            prefix_space,
            unknown: None,
        };
        all.unknown = all.find_unknown();
        Ok(all)
    }

    /// What the tokenizer makes of a character that no vocabulary has, where that is a control token.
    fn find_unknown(&self) -> Option<(u32, String)> {
        let encoding = guarded(|| self.inner.encode("\u{10ffff}", false)).ok()?;
        let id = *encoding.get_ids().iter().find(|id| self.special(**id))?;
        Some((id, self.inner.id_to_token(id)?))
    }

    /// The ids of a rendered template in which the ranges `data` (in order, apart) are words that
    /// somebody else wrote: control tokens are read outside them only.
    pub(crate) fn encode_rendered(
        &self,
        text: &str,
        data: &[Range<usize>],
    ) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        let mut from = 0;
        for (range, control) in self.find_controls(text, data) {
            // White space that the control token before took with it.
            if range.start < from {
                continue;
            }
            let mut piece = &text[from..range.start];
            if control.lstrip {
                piece = piece.trim_end();
            }
            self.encode_piece(piece, from == 0, &mut ids)?;
            ids.push(control.id);
            from = range.end;
            if control.rstrip {
                from += text[from..].len() - text[from..].trim_start().len();
            }
        }
        self.encode_piece(&text[from..], from == 0, &mut ids)?;
        Ok(ids)
    }

    fn find_controls(&self, text: &str, data: &[Range<usize>]) -> Vec<(Range<usize>, &Control)> {
        let mut found = Vec::new();
        let mut start = 0;
        let ends = data
            .iter()
            .cloned()
            .chain(std::iter::once(text.len()..text.len()));
        for next in ends {
            let mut at = start;
            while at < next.start {
                let here = &text[at..next.start];
                match self.controls.iter().find(|c| here.starts_with(&c.text)) {
                    Some(control) => {
                        found.push((at..at + control.text.len(), control));
                        at += control.text.len();
                    }
                    None => at += here.chars().next().map_or(1, char::len_utf8),
                }
            }
            start = next.end;
        }
        found
    }

    /// Encodes what stands between two control tokens.
    fn encode_piece(
        &self,
        piece: &str,
        first: bool,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        if piece.is_empty() {
            return Ok(());
        }
        let prefixed;
        let piece = if first && self.prefix_space && !piece.starts_with(' ') {
            prefixed = format!(" {piece}");
            &prefixed
        } else {
            piece
        };
        // What is still to be encoded, the next last.
        let mut left = vec![piece];
        while let Some(piece) = left.pop() {
            let encoding =
                guarded(|| self.inner.encode(piece, false)).map_err(TokenizerError::Encode)?;
            let before = left.len();
            // A vocabulary may hold a control string as a word of its own: cut each in two.
            let mut rest = piece;
            for place in (0..encoding.len()).rev() {
                let offsets = encoding.get_offsets()[place];
                if let Some(cut) = self.cut(encoding.get_ids()[place], piece, offsets)
                    && cut < rest.len()
                {
                    left.push(&rest[cut..]);
                    rest = &rest[..cut];
                }
            }
            if left.len() > before {
                left.push(rest);
            } else {
                ids.extend(encoding.get_ids().iter().filter(|id| !self.special(**id)));
            }
        }
        Ok(())
    }

    /// Where to cut a piece so that the words at `start..end` are not read as the control token `id`.
    fn cut(&self, id: u32, piece: &str, (start, end): (usize, usize)) -> Option<usize> {
        if !self.special(id) {
            return None;
        }
        // Cut finer, unknown characters are unknown still, and a text may be full of them.
        if let Some((unknown, text)) = &self.unknown
            && *unknown == id
            && piece.get(start..end) != Some(text)
        {
            return None;
        }
        (start + 1..end).find(|at| piece.is_char_boundary(*at))
    }

    /// The bytes a token stands for; `None` for control tokens and ids that mean nothing.
    pub(crate) fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.bytes.get(id)
    }

    /// Rows of the model's embedding: ids are below it.
    pub(crate) fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the token is a control token.
    pub(crate) fn special(&self, id: u32) -> bool {
        self.bytes.is_control(id)
    }

    /// The id of a token by the text it has in the vocabulary, such as `<|im_end|>`.
    pub(crate) fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Whether a text's first word has a dummy space before it.
    pub(crate) fn prefixes_space(&self) -> bool {
        self.prefix_space || self.bytes.strips_space()
    }
}

/// The `tokenizers` crate slices before it looks: where a damaged file makes it panic, that is an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("it breaks its own rules".into()))
}

/// One more than the highest id.
fn count(inner: &Tokenizer) -> usize {
    let highest = inner.get_vocab(true).into_values().max();
    highest.map_or(0, |id| id as usize + 1)
}

/// Added tokens that no text should be read as, though their file does not call them special:
/// `<|im_start|>`, `<tool_call>`, `[INST]`.
fn looks_like_control(text: &str) -> bool {
    let inside = |open: &str, close: &str| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
    };
    (inside("<", ">") && fallback_byte(text).is_none()) || inside("[", "]")
}

/// Text out of ids as they come: whole characters only.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamDecoder {
    pending: Vec<u8>,
    started: bool,
}

impl StreamDecoder {
    /// At the start of a text.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The characters that `ids` finish; control tokens are left out.
    pub(crate) fn push(&mut self, tokenizer: &ModelTokenizer, ids: &[u32]) -> String {
        for id in ids {
            let mut bytes = tokenizer.token_bytes(*id).unwrap_or_default();
            if !self.started && !bytes.is_empty() {
                self.started = true;
                if tokenizer.prefixes_space() {
                    bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
                }
            }
            self.pending.extend_from_slice(bytes);
        }
        let mut text = String::new();
        let mut done = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let invalid = chunk.invalid();
            let is_last = done + invalid.len() == self.pending.len();
            if invalid.is_empty() || (is_last && may_continue(invalid)) {
                break;
            }
            text.push('\u{fffd}');
            done += invalid.len();
        }
        self.pending.drain(..done);
        text
    }
}

/// Whether these bytes are the start of a character, cut short.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests;
