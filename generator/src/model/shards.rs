//! Safetensors files: headers first, data only when everything about them holds.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::Value;

use super::error::LoadError;

/// A header larger than this is no header.
const LARGEST_HEADER: u64 = 100 << 20;
pub(super) const SUPPORTED: &str = "BF16, F16 o F32";

/// Where a tensor lies.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    shard: usize,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

impl Entry {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes as u64
    }
}

/// The tensors of a folder, or of one file.
#[derive(Debug)]
pub(super) struct Shards {
    files: Vec<(String, File)>,
    entries: HashMap<String, Entry>,
    /// Tensors of types that are not read: refused only when they are asked for.
    strange: HashMap<String, String>,
    /// Read into before a tensor is made of it; kept between tensors.
    buffer: Vec<u8>,
}

impl Shards {
    /// Reads the headers of `stem`'s shards: those of `<stem>.safetensors.index.json`, else
    /// `<stem>.safetensors`.
    pub(super) fn open(folder: &Path, stem: &str) -> Result<Self, LoadError> {
        let index = format!("{stem}.safetensors.index.json");
        let mut shards = Self {
            files: Vec::new(),
            entries: HashMap::new(),
            strange: HashMap::new(),
            buffer: Vec::new(),
        };
        if !folder.join(&index).exists() {
            shards.add(folder, &format!("{stem}.safetensors"))?;
            return Ok(shards);
        }
        let placed = weight_map(&read_json(folder, &index)?, &index)?;
        let mut names: Vec<&String> = placed.values().collect();
        names.sort();
        names.dedup();
        for name in names {
            if name.contains(['/', '\\']) || name.starts_with("..") {
                let reason = "nombra un archivo fuera de la carpeta";
                return Err(LoadError::invalid_key(&index, "weight_map", reason));
            }
            shards.add(folder, name)?;
        }
        for (tensor, file) in &placed {
            let there = match shards.entries.get(tensor) {
                Some(entry) => shards.files[entry.shard].0 == *file,
                None => shards.strange.contains_key(tensor),
            };
            if !there {
                return Err(LoadError::TensorMissing {
                    name: tensor.clone(),
                });
            }
        }
        Ok(shards)
    }

    /// Reads the header of one file and checks it against the file's length.
    fn add(&mut self, folder: &Path, name: &str) -> Result<(), LoadError> {
        let read = |source| LoadError::Read {
            file: name.to_owned(),
            source,
        };
        let mut file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LoadError::ShardMissing {
                    file: name.to_owned(),
                });
            }
            Err(source) => return Err(read(source)),
        };
        let found = file.metadata().map_err(read)?.len();
        let truncated = |expected| LoadError::ShardTruncated {
            file: name.to_owned(),
            expected,
            found,
        };
        let invalid = |source: Box<dyn std::error::Error + Send + Sync>| LoadError::ShardInvalid {
            file: name.to_owned(),
            source,
        };
        if found < 8 {
            return Err(truncated(8));
        }
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(read)?;
        let length = u64::from_le_bytes(length);
        if length > LARGEST_HEADER {
            return Err(invalid("cabecera demasiado larga".into()));
        }
        if length > found - 8 {
            return Err(truncated(length + 8));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(read)?;
        // Checks that offsets follow one another and agree with types and shapes.
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| invalid(Box::new(error)))?;
        let data = 8 + length;
        let expected = data.saturating_add(metadata.data_len() as u64);
        if expected != found {
            return Err(truncated(expected));
        }
        let shard = self.files.len();
        for (tensor, info) in metadata.tensors() {
            let (start, end) = info.data_offsets;
            let Some(dtype) = dtype(info.dtype) else {
                self.strange.insert(tensor, info.dtype.to_string());
                continue;
            };
            let entry = Entry {
                shard,
                dtype,
                shape: info.shape.clone(),
                start: data + start as u64,
                bytes: end - start,
            };
            self.entries.insert(tensor, entry);
        }
        self.files.push((name.to_owned(), file));
        Ok(())
    }

    /// All names, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        let all = self.entries.keys().chain(self.strange.keys());
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Names of the files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name) || self.strange.contains_key(name)
    }

    /// Where a tensor lies; it must be there and of a type that is read.
    pub(super) fn entry(&self, name: &str) -> Result<&Entry, LoadError> {
        match (self.entries.get(name), self.strange.get(name)) {
            (Some(entry), _) => Ok(entry),
            (None, Some(found)) => Err(LoadError::TensorType {
                name: name.to_owned(),
                found: found.clone(),
                supported: SUPPORTED,
            }),
            (None, None) => Err(LoadError::TensorMissing {
                name: name.to_owned(),
            }),
        }
    }

    /// The same, and it has this shape.
    pub(super) fn check(&self, name: &str, shape: &[usize]) -> Result<&Entry, LoadError> {
        let entry = self.entry(name)?;
        if entry.shape == shape {
            Ok(entry)
        } else {
            Err(LoadError::TensorShape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            })
        }
    }

    /// Reads a tensor as it was published.
    pub(super) fn tensor(&mut self, name: &str, device: &Device) -> Result<Tensor, LoadError> {
        let entry = self.entry(name)?.clone();
        let (file_name, file) = &mut self.files[entry.shard];
        self.buffer.resize(entry.bytes, 0);
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut self.buffer))
            .map_err(|source| LoadError::Read {
                file: file_name.clone(),
                source,
            })?;
        Ok(Tensor::from_raw_buffer(
            &self.buffer,
            entry.dtype,
            &entry.shape,
            device,
        )?)
    }
}

fn dtype(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}

fn weight_map(index: &Value, file: &str) -> Result<BTreeMap<String, String>, LoadError> {
    let map = index
        .get("weight_map")
        .ok_or_else(|| LoadError::missing_key(file, "weight_map"))?
        .as_object()
        .ok_or_else(|| LoadError::invalid_key(file, "weight_map", "no es un objeto"))?;
    map.iter()
        .map(|(tensor, shard)| match shard.as_str() {
            Some(shard) => Ok((tensor.clone(), shard.to_owned())),
            None => Err(LoadError::invalid_key(
                file,
                "weight_map",
                "no nombra archivos",
            )),
        })
        .collect()
}

/// Reads and parses a JSON file of a folder.
pub(super) fn read_json(folder: &Path, name: &str) -> Result<Value, LoadError> {
    let bytes = std::fs::read(folder.join(name)).map_err(|source| LoadError::Read {
        file: name.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| LoadError::Json {
        file: name.to_owned(),
        source,
    })
}

/// The same where the file need not be there.
pub(super) fn read_json_if_any(folder: &Path, name: &str) -> Result<Option<Value>, LoadError> {
    if folder.join(name).exists() {
        read_json(folder, name).map(Some)
    } else {
        Ok(None)
    }
}
