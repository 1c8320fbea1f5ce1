//! Models in one GGUF file.

mod config;
mod error;
mod header;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::Value;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

pub use error::GgufError;
pub(super) use header::Header;
use header::{Kind, TensorEntry};

use super::config::{Architecture, ModelConfig};
use super::error::LoadError;
use super::tensors::{Slot, slots};
use super::tokenizer::ModelTokenizer;
use super::weights::{Source, Weights};
use crate::compute::{Matrix, RotaryStyle};

const SUPPORTED: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K o Q6_K";
/// Divisors of the rotary frequencies: Llama 3.1's stretching, computed by the converter.
const DIVISORS: &str = "rope_freqs.weight";
/// Bytes that a model's tensors may not exceed: what an address can hold.
const LARGEST: u64 = 1 << 46;

/// A GGUF file whose header has been found right; no weights have been read.
pub(super) struct Gguf {
    pub(super) config: ModelConfig,
    header: Header,
    reader: TensorReader,
}

struct TensorReader {
    name: String,
    file: File,
    /// Read into before a tensor is made of it; kept between tensors.
    buffer: Vec<u8>,
}

impl Gguf {
    /// Reads the header and checks every tensor's presence, shape, type and place.
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let name = super::last_name(path);
        let wrong = |source| LoadError::Gguf {
            file: name.clone(),
            source,
        };
        let file = File::open(path).map_err(|source| LoadError::Read {
            file: name.clone(),
            source,
        })?;
        let header = Header::read(&file).map_err(wrong)?;
        if let Some(parts) = header.metadata.get("split.count")
            && let Ok(parts) = parts.to_u64()
            && parts > 1
        {
            return Err(wrong(GgufError::Split(parts)));
        }
        let mut reader = TensorReader {
            name,
            file,
            buffer: Vec::new(),
        };
        let divisors = match header.tensors.get(DIVISORS) {
            Some(entry) => {
                check(DIVISORS, entry)?;
                let divisors = reader.dense(entry, &Device::Cpu)?;
                Some(divisors.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
            }
            None => None,
        };
        let config = config::config(&header, &reader.name, divisors)?;
        check_tensors(&header, &config)?;
        Ok(Self {
            config,
            header,
            reader,
        })
    }

    /// The key and value metadata.
    pub(super) const fn metadata(&self) -> &HashMap<String, Value> {
        &self.header.metadata
    }

    /// A text of the metadata.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.header.metadata.get(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of a token that the metadata gives by id.
    pub(super) fn token(&self, key: &str) -> Option<&str> {
        let id = self.header.metadata.get(key)?.to_u64().ok()?;
        let tokens = self.header.metadata.get("tokenizer.ggml.tokens")?;
        match tokens.to_vec().ok()?.get(usize::try_from(id).ok()?)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the words of `tokenizer`, which lay beside the file, are those of the file.
    pub(super) fn agrees_with(&self, tokenizer: &ModelTokenizer) -> bool {
        let Some(Value::Array(tokens)) = self.header.metadata.get("tokenizer.ggml.tokens") else {
            return true;
        };
        let wrong = tokens
            .iter()
            .enumerate()
            .filter(|(id, token)| match token {
                Value::String(text) => tokenizer
                    .id_of(text)
                    .is_some_and(|other| other as usize != *id),
                _ => true,
            })
            .count();
        let known = tokens
            .iter()
            .filter(|token| matches!(token, Value::String(text) if tokenizer.id_of(text).is_some()))
            .count();
        // Fillers have no name in tokenizer.json, and some words are written otherwise there.
        wrong * 100 <= tokens.len() && known * 10 >= tokens.len() * 9
    }

    /// Bytes of the weights as they will lie on the device. A packed head that is the embedding too is
    /// held twice by the processor, see [`Linear::new`](crate::compute::Linear::new).
    pub(super) fn bytes(&self, device: &Device) -> u64 {
        let entry = |slot: Slot| self.header.tensors.get(&slot.gguf_name());
        let once: u64 = slots(&self.config)
            .into_iter()
            .filter_map(entry)
            .map(|entry| entry.bytes)
            .sum();
        let again = entry(Slot::Embedding)
            .filter(|entry| !is_dense(entry.kind))
            .filter(|_| self.config.tied_embeddings && device.is_cpu())
            .map_or(0, |entry| entry.bytes);
        once + again
    }

    /// Reads the weights.
    pub(super) fn weights(mut self, device: &Device) -> Result<(ModelConfig, Weights), LoadError> {
        // llama.cpp permutes the rows of q and k of Llama, and of Llama alone.
        let rotary = match self.config.architecture {
            Architecture::Llama => RotaryStyle::Pairs,
            Architecture::Qwen2 => RotaryStyle::Halves,
        };
        let config = self.config.clone();
        // The vocabulary is not needed twice.
        self.header.metadata = HashMap::new();
        let mut source = GgufSource {
            gguf: &mut self,
            device,
        };
        let weights = Weights::read(&config, rotary, device, &mut source)?;
        Ok((config, weights))
    }
}

/// The type must have kernels.
fn check(name: &str, entry: &TensorEntry) -> Result<(), LoadError> {
    if entry.kind.supported() {
        Ok(())
    } else {
        Err(LoadError::TensorType {
            name: name.to_owned(),
            found: entry.kind.name(),
            supported: SUPPORTED,
        })
    }
}

fn check_tensors(header: &Header, config: &ModelConfig) -> Result<(), LoadError> {
    let mut used = HashSet::from([DIVISORS.to_owned()]);
    let mut total = 0u64;
    for slot in slots(config) {
        let name = slot.gguf_name();
        let Some(entry) = header.tensors.get(&name) else {
            return Err(LoadError::TensorMissing { name });
        };
        let expected = slot.shape(config);
        if entry.shape != expected {
            let found = entry.shape.clone();
            return Err(LoadError::TensorShape {
                name,
                expected,
                found,
            });
        }
        check(&name, entry)?;
        if expected.len() == 1 && !is_dense(entry.kind) {
            return Err(LoadError::TensorType {
                name,
                found: entry.kind.name(),
                supported: "F32, F16 o BF16",
            });
        }
        total = total.saturating_add(entry.bytes);
        used.insert(name);
    }
    if total > LARGEST {
        return Err(LoadError::unsupported("más memoria de la que existe"));
    }
    let mut others: Vec<&String> = header
        .tensors
        .keys()
        .filter(|name| !used.contains(*name))
        .collect();
    others.sort();
    match others.first() {
        Some(other) => Err(LoadError::unsupported(format!(
            "el tensor «{other}», ajeno a su arquitectura"
        ))),
        None => Ok(()),
    }
}

const fn is_dense(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Known(GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
    )
}

impl TensorReader {
    fn fill(&mut self, entry: &TensorEntry) -> Result<(), LoadError> {
        self.buffer.resize(entry.bytes as usize, 0);
        self.file
            .seek(SeekFrom::Start(entry.start))
            .and_then(|_| self.file.read_exact(&mut self.buffer))
            .map_err(|source| LoadError::Read {
                file: self.name.clone(),
                source,
            })
    }

    /// A tensor of plain numbers.
    fn dense(&mut self, entry: &TensorEntry, device: &Device) -> Result<Tensor, LoadError> {
        let dtype = match entry.kind {
            Kind::Known(GgmlDType::F16) => DType::F16,
            Kind::Known(GgmlDType::BF16) => DType::BF16,
            _ => DType::F32,
        };
        self.fill(entry)?;
        Ok(Tensor::from_raw_buffer(
            &self.buffer,
            dtype,
            &entry.shape,
            device,
        )?)
    }

    fn matrix(&mut self, entry: &TensorEntry, device: &Device) -> Result<Matrix, LoadError> {
        match entry.kind {
            Kind::Known(dtype) if !is_dense(entry.kind) => {
                self.fill(entry)?;
                let storage = QStorage::from_data(Cow::Borrowed(&self.buffer), device, dtype)?;
                let tensor = QTensor::new(storage, entry.shape.clone())?;
                Ok(Matrix::Quantized(Arc::new(tensor)))
            }
            _ if device.is_cuda() => {
                let tensor = self.dense(entry, &Device::Cpu)?.to_dtype(DType::BF16)?;
                Ok(Matrix::Dense(tensor.to_device(device)?))
            }
            _ => Ok(Matrix::Dense(self.dense(entry, device)?)),
        }
    }
}

struct GgufSource<'a> {
    gguf: &'a mut Gguf,
    device: &'a Device,
}

impl GgufSource<'_> {
    fn entry(&self, slot: Slot) -> Result<TensorEntry, LoadError> {
        let name = slot.gguf_name();
        match self.gguf.header.tensors.get(&name) {
            Some(entry) => Ok(entry.clone()),
            None => Err(LoadError::TensorMissing { name }),
        }
    }
}

impl Source for GgufSource<'_> {
    fn matrix(&mut self, slot: Slot) -> Result<Matrix, LoadError> {
        let entry = self.entry(slot)?;
        self.gguf.reader.matrix(&entry, self.device)
    }

    fn vector(&mut self, slot: Slot) -> Result<Tensor, LoadError> {
        let entry = self.entry(slot)?;
        self.gguf.reader.dense(&entry, &Device::Cpu)
    }
}
