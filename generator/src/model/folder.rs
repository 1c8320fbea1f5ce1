//! Models as published: `config.json`, safetensors shards, tokenizer.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Tensor};

use super::adapter::Adapter;
use super::config::ModelConfig;
use super::error::LoadError;
use super::options::{LoadOptions, Packing};
use super::shards::{Shards, read_json, read_json_if_any};
use super::tensors::{Slot, slots};
use super::weights::{Source, Weights};
use crate::compute::{Matrix, RotaryStyle};

/// A folder whose headers have all been found right; no data has been read.
pub(super) struct Folder {
    pub(super) config: ModelConfig,
    shards: Shards,
    adapter: Option<Adapter>,
    packing: Option<Packing>,
}

impl Folder {
    /// Reads configuration and headers.
    pub(super) fn open(folder: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let config = read_json(folder, "config.json")?;
        let generation = read_json_if_any(folder, "generation_config.json")?;
        let config = ModelConfig::from_json(&config, generation.as_ref())?;
        let shards = Shards::open(folder, "model")?;
        check(&shards, &config)?;
        let adapter = match &options.adapter {
            Some(folder) => Some(Adapter::open(folder, &config)?),
            None => None,
        };
        Ok(Self {
            config,
            shards,
            adapter,
            packing: options.quantize,
        })
    }

    /// Names of the files of weights.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.shards.files()
    }

    /// Names of the adapter's files of weights.
    pub(super) fn adapter_files(&self) -> Vec<&str> {
        self.adapter.iter().flat_map(Adapter::files).collect()
    }

    /// Bytes of the weights as they will lie on the device. A packed head that is the embedding too is
    /// held twice by the processor, see [`Linear::new`](crate::compute::Linear::new).
    pub(super) fn bytes(&self, device: &Device) -> u64 {
        let twice = self.config.tied_embeddings && device.is_cpu();
        let packed_head =
            (twice && self.packed(Slot::Embedding).is_some()).then_some(Slot::Embedding);
        slots(&self.config)
            .into_iter()
            .chain(packed_head)
            .filter_map(|slot| {
                let entry = self.shards.entry(&slot.published_name()).ok()?;
                let elements: usize = entry.shape.iter().product();
                Some(match self.packed(slot) {
                    Some(packing) => {
                        let dtype = packing.dtype();
                        (elements / dtype.block_size() * dtype.type_size()) as u64
                    }
                    None if device.is_cuda() => elements as u64 * 2,
                    None => entry.bytes(),
                })
            })
            .sum()
    }

    /// Reads the data.
    pub(super) fn weights(mut self, device: &Device) -> Result<(ModelConfig, Weights), LoadError> {
        let config = self.config.clone();
        let mut source = FolderSource {
            folder: &mut self,
            device,
        };
        let weights = Weights::read(&config, RotaryStyle::Halves, device, &mut source)?;
        Ok((config, weights))
    }

    /// How a tensor is packed; blocks must fill its rows.
    fn packed(&self, slot: Slot) -> Option<Packing> {
        let shape = slot.shape(&self.config);
        self.packing.filter(|packing| {
            shape.len() == 2 && shape[1].is_multiple_of(packing.dtype().block_size())
        })
    }
}

/// Every tensor is there, and none that would go unused: that would be another model.
fn check(shards: &Shards, config: &ModelConfig) -> Result<(), LoadError> {
    let mut used = HashSet::new();
    for slot in slots(config) {
        let name = slot.published_name();
        shards.check(&name, &slot.shape(config))?;
        used.insert(name);
    }
    // transformers ignores these two as well.
    let head = Slot::Head.published_name();
    let ignored = |name: &str| name.ends_with(".rotary_emb.inv_freq") || name == head;
    let other = shards
        .names()
        .into_iter()
        .find(|name| !used.contains(*name) && !ignored(name));
    match other {
        Some(other) => Err(LoadError::unsupported(format!(
            "el tensor «{other}», ajeno a su arquitectura"
        ))),
        None => Ok(()),
    }
}

struct FolderSource<'a> {
    folder: &'a mut Folder,
    device: &'a Device,
}

impl Source for FolderSource<'_> {
    fn matrix(&mut self, slot: Slot) -> Result<Matrix, LoadError> {
        let name = slot.published_name();
        let mut tensor = self.folder.shards.tensor(&name, &Device::Cpu)?;
        if let Some(adapter) = &mut self.folder.adapter {
            tensor = adapter.merge(slot, tensor)?;
        }
        if let Some(packing) = self.folder.packed(slot) {
            let packed = QTensor::quantize_onto(
                &tensor.to_dtype(DType::F32)?,
                packing.dtype(),
                self.device,
            )?;
            return Ok(Matrix::Quantized(Arc::new(packed)));
        }
        if self.device.is_cuda() {
            tensor = tensor.to_dtype(DType::BF16)?.to_device(self.device)?;
        }
        Ok(Matrix::Dense(tensor))
    }

    fn vector(&mut self, slot: Slot) -> Result<Tensor, LoadError> {
        self.folder
            .shards
            .tensor(&slot.published_name(), &Device::Cpu)
    }
}
