//! How long a text is for a model.

use std::path::{Path, PathBuf};

/// Counts the tokens of a text.
pub trait TokenCounter: Send + Sync {
    /// How many tokens `text` has.
    fn count(&self, text: &str) -> usize;
}

/// Counts words and adds a third: near enough where no model is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordCounter;

impl TokenCounter for WordCounter {
    fn count(&self, text: &str) -> usize {
        let words = text.split_whitespace().count();
        words + words * 3 / 10
    }
}

/// Counts with a model's own tokenizer.
pub struct TokenizerCounter {
    tokenizer: tokenizers::Tokenizer,
}

/// A `tokenizer.json` that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("el archivo del tokenizador no se puede leer: descargue o importe de nuevo el modelo")]
pub struct LoadTokenizerError {
    /// The file.
    pub path: PathBuf,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl TokenizerCounter {
    /// Reads a `tokenizer.json`. The file must have been verified before: a crafted one can panic.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, LoadTokenizerError> {
        let tokenizer =
            tokenizers::Tokenizer::from_file(path).map_err(|source| LoadTokenizerError {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self { tokenizer })
    }
}

impl TokenCounter for TokenizerCounter {
    /// Where the tokenizer refuses a text, its words are counted.
    fn count(&self, text: &str) -> usize {
        self.tokenizer
            .encode_fast(text, false)
            .map_or_else(|_| WordCounter.count(text), |encoding| encoding.len())
    }
}
