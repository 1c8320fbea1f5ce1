//! A model as it is published: configuration, weights, tokenizer, chat template.

mod adapter;
mod bpe;
mod config;
mod device;
mod error;
mod folder;
mod gguf;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod malformed;
mod open;
mod options;
mod plan;
mod random;
mod rope;
mod shapes;
mod shards;
mod template;
mod tensors;
mod token_bytes;
mod tokenizer;
mod weights;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

pub use config::{Architecture, ModelConfig};
pub(crate) use device::device as open_device;
pub use error::LoadError;
pub use gguf::GgufError;
pub use options::{DeviceChoice, LoadOptions, Packing};
pub use plan::MemoryPlan;
pub(crate) use random::RandomFormat;
pub use rope::{Rope, RopeScaling};
pub use shapes::{Shape, UnknownShape};
pub use template::TemplateError;
pub(crate) use template::{ChatTemplate, Role, Turn};
pub use tokenizer::TokenizerError;
pub(crate) use tokenizer::{ModelTokenizer, StreamDecoder};
pub(crate) use weights::{LayerWeights, Weights};

/// A model, loaded and ready to compute.
pub struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) weights: Weights,
    pub(crate) tokenizer: Arc<ModelTokenizer>,
    pub(crate) template: ChatTemplate,
    pub(crate) device: Device,
    name: String,
    digest: String,
    plan: MemoryPlan,
    context_tokens: usize,
    cache_tokens: usize,
}

impl Model {
    /// Loads a folder as published, or a GGUF file.
    ///
    /// # Errors
    /// [`LoadError`] for whatever is missing, damaged, not supported, or does not fit.
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        open::open(path, options)
    }

    /// The numbers that define it.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Name of the folder or file it came from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of what was loaded, in hexadecimal: the manifest's identity, or the file's.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it occupies.
    #[must_use]
    pub const fn plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// The window, in tokens of prompt and answer.
    #[must_use]
    pub const fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// Tokens that the cache should hold in all, as planned for.
    #[must_use]
    pub const fn cache_tokens(&self) -> usize {
        self.cache_tokens
    }
}

/// The last part of a path: all that is said of it to people.
fn last_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
