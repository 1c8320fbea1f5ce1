//! The header of a GGUF file, checked word by word: nothing is allocated for what the file's
//! length cannot hold, and no tensor lies outside it.
//!
//! Format: `docs/gguf.md` of ggml.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;

use super::error::GgufError;

const MAGIC: [u8; 4] = *b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
/// The largest model has some thousands of tensors and hundreds of keys.
const MOST_TENSORS: u64 = 1 << 17;
const MOST_KEYS: u64 = 1 << 16;
/// Vocabularies have some 256,000 words and twice as many merges.
const MOST_ELEMENTS: u64 = 1 << 22;
const MOST_DIMENSIONS: u32 = 4;
const LONGEST_NAME: u64 = 1 << 10;
const LONGEST_TEXT: u64 = 64 << 20;

/// The type of a tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Kind {
    /// One that candle knows.
    Known(GgmlDType),
    /// Any other, by its number.
    Other(u32),
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct TensorEntry {
    pub(in crate::model) kind: Kind,
    /// Row-major: `[outputs, inputs]`.
    pub(in crate::model) shape: Vec<usize>,
    /// From the start of the file.
    pub(in crate::model) start: u64,
    /// 0 where the type is not known.
    pub(in crate::model) bytes: u64,
}

/// A header in which everything holds.
#[derive(Debug)]
pub(in crate::model) struct Header {
    pub(in crate::model) metadata: HashMap<String, Value>,
    pub(in crate::model) tensors: HashMap<String, TensorEntry>,
}

impl Header {
    /// Reads a header from the start of `source`.
    pub(in crate::model) fn read<R: Read + Seek>(source: R) -> Result<Self, GgufError> {
        let mut reader = Reader::new(source)?;
        if reader.bytes::<4>().map_err(|_| GgufError::Magic)? != MAGIC {
            return Err(GgufError::Magic);
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let tensors = reader.count("tensores", MOST_TENSORS, 24)?;
        let keys = reader.count("claves", MOST_KEYS, 13)?;
        let mut metadata = HashMap::new();
        for _ in 0..keys {
            let key = reader.text(LONGEST_NAME)?;
            let kind = reader.u32()?;
            let value = reader.value(kind, true)?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(GgufError::Repeated(key));
            }
        }
        let mut infos = Vec::new();
        for _ in 0..tensors {
            infos.push(reader.tensor()?);
        }
        let alignment = alignment(&metadata)?;
        let data = reader
            .at
            .checked_next_multiple_of(alignment)
            .ok_or(GgufError::Alignment(alignment))?;
        let tensors = place(infos, data, alignment, reader.length)?;
        Ok(Self { metadata, tensors })
    }
}

fn alignment(metadata: &HashMap<String, Value>) -> Result<u64, GgufError> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    let alignment = value.to_u64().map_err(|_| GgufError::Alignment(0))?;
    if alignment.is_power_of_two() && alignment <= 1 << 20 {
        Ok(alignment)
    } else {
        Err(GgufError::Alignment(alignment))
    }
}

/// Makes offsets absolute; every tensor must lie within the file and none within another.
fn place(
    infos: Vec<(String, TensorEntry)>,
    data: u64,
    alignment: u64,
    length: u64,
) -> Result<HashMap<String, TensorEntry>, GgufError> {
    let mut tensors = HashMap::with_capacity(infos.len());
    let mut stretches = Vec::with_capacity(infos.len());
    for (name, mut entry) in infos {
        let wrong = |reason| GgufError::Tensor {
            name: name.clone(),
            reason,
        };
        if !entry.start.is_multiple_of(alignment) {
            return Err(wrong("no está alineado"));
        }
        let start = data.checked_add(entry.start);
        let end = start.and_then(|start| start.checked_add(entry.bytes));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(wrong("está en una posición imposible"));
        };
        if end > length {
            return Err(GgufError::Truncated {
                expected: end,
                found: length,
            });
        }
        entry.start = start;
        stretches.push((start, end, name.clone()));
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(GgufError::Repeated(name));
        }
    }
    stretches.sort_unstable();
    for pair in stretches.windows(2) {
        if pair[0].1 > pair[1].0 {
            return Err(GgufError::Tensor {
                name: pair[1].2.clone(),
                reason: "se solapa con otro",
            });
        }
    }
    Ok(tensors)
}

/// Reads forward and never beyond the file.
struct Reader<R> {
    source: std::io::BufReader<R>,
    at: u64,
    length: u64,
    /// Elements of arrays that may still be read.
    elements: u64,
}

impl<R: Read + Seek> Reader<R> {
    fn new(mut source: R) -> Result<Self, GgufError> {
        let length = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        Ok(Self {
            source: std::io::BufReader::with_capacity(1 << 16, source),
            at: 0,
            length,
            elements: 2 * MOST_ELEMENTS,
        })
    }

    /// Whether so many bytes are left.
    fn need(&self, bytes: u64) -> Result<(), GgufError> {
        match self.at.checked_add(bytes) {
            Some(end) if end <= self.length => Ok(()),
            end => Err(GgufError::Truncated {
                expected: end.unwrap_or(u64::MAX),
                found: self.length,
            }),
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        self.need(N as u64)?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least` bytes each.
    fn count(&mut self, what: &'static str, most: u64, least: u64) -> Result<u64, GgufError> {
        let found = self.u64()?;
        if found > most {
            return Err(GgufError::Count { what, found });
        }
        self.need(found * least)?;
        Ok(found)
    }

    fn text(&mut self, longest: u64) -> Result<String, GgufError> {
        let length = self.count("letras", longest, 1)?;
        let mut bytes = vec![0; length as usize];
        self.source.read_exact(&mut bytes)?;
        self.at += length;
        // Some writers end texts with a zero.
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn value(&mut self, kind: u32, arrays: bool) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::U8(u8::from_le_bytes(self.bytes()?)),
            1 => Value::I8(i8::from_le_bytes(self.bytes()?)),
            2 => Value::U16(u16::from_le_bytes(self.bytes()?)),
            3 => Value::I16(i16::from_le_bytes(self.bytes()?)),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.bytes()?)),
            6 => Value::F32(f32::from_le_bytes(self.bytes()?)),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            8 => Value::String(self.text(LONGEST_TEXT)?),
            9 if arrays => {
                let kind = self.u32()?;
                let least = match kind {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    4..=6 => 4,
                    8 | 10..=12 => 8,
                    other => return Err(GgufError::ValueType(other)),
                };
                let count = self.count("elementos", MOST_ELEMENTS, least)?;
                self.elements = self.elements.checked_sub(count).ok_or(GgufError::Count {
                    what: "elementos",
                    found: count,
                })?;
                let values = (0..count).map(|_| self.value(kind, false));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            10 => Value::U64(self.u64()?),
            11 => Value::I64(i64::from_le_bytes(self.bytes()?)),
            12 => Value::F64(f64::from_le_bytes(self.bytes()?)),
            other => return Err(GgufError::ValueType(other)),
        })
    }

    /// Name, dimensions, type and offset of one tensor.
    fn tensor(&mut self) -> Result<(String, TensorEntry), GgufError> {
        let name = self.text(LONGEST_NAME)?;
        let wrong = |reason| GgufError::Tensor {
            name: name.clone(),
            reason,
        };
        let dimensions = self.u32()?;
        if dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return Err(wrong("tiene un número de dimensiones imposible"));
        }
        let mut shape = Vec::new();
        let mut elements = 1u64;
        for _ in 0..dimensions {
            let size = self.u64()?;
            elements = elements
                .checked_mul(size)
                .filter(|elements| *elements > 0 && *elements <= 1 << 48)
                .ok_or_else(|| wrong("tiene una dimensión imposible"))?;
            shape.push(size as usize);
        }
        let kind = kind(self.u32()?);
        let bytes = match kind {
            Kind::Known(dtype) => {
                if !shape[0].is_multiple_of(dtype.block_size()) {
                    return Err(wrong("no tiene filas de bloques enteros"));
                }
                elements / dtype.block_size() as u64 * dtype.type_size() as u64
            }
            Kind::Other(_) => 0,
        };
        let start = self.u64()?;
        // The file names the innermost dimension first.
        shape.reverse();
        let entry = TensorEntry {
            kind,
            shape,
            start,
            bytes,
        };
        Ok((name, entry))
    }
}

fn kind(number: u32) -> Kind {
    Kind::Known(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => return Kind::Other(other),
    })
}

impl Kind {
    /// The name llama.cpp gives it.
    pub(in crate::model) fn name(self) -> String {
        match self {
            Self::Known(dtype) => match dtype {
                GgmlDType::Q2K => "Q2_K".to_owned(),
                GgmlDType::Q3K => "Q3_K".to_owned(),
                GgmlDType::Q4K => "Q4_K".to_owned(),
                GgmlDType::Q5K => "Q5_K".to_owned(),
                GgmlDType::Q6K => "Q6_K".to_owned(),
                other => format!("{other:?}"),
            },
            Self::Other(number) => match number {
                9 => "Q8_1",
                15 => "Q8_K",
                16 => "IQ2_XXS",
                17 => "IQ2_XS",
                18 => "IQ3_XXS",
                19 => "IQ1_S",
                20 => "IQ4_NL",
                21 => "IQ3_S",
                22 => "IQ2_S",
                23 => "IQ4_XS",
                24 => "I8",
                25 => "I16",
                26 => "I32",
                27 => "I64",
                28 => "F64",
                29 => "IQ1_M",
                34 => "TQ1_0",
                35 => "TQ2_0",
                39 => "MXFP4",
                _ => return format!("número {number}"),
            }
            .to_owned(),
        }
    }

    /// Whether there are kernels for it.
    pub(in crate::model) const fn supported(self) -> bool {
        matches!(
            self,
            Self::Known(
                GgmlDType::F32
                    | GgmlDType::F16
                    | GgmlDType::BF16
                    | GgmlDType::Q4_0
                    | GgmlDType::Q4_1
                    | GgmlDType::Q5_0
                    | GgmlDType::Q5_1
                    | GgmlDType::Q8_0
                    | GgmlDType::Q4K
                    | GgmlDType::Q5K
                    | GgmlDType::Q6K
            )
        )
    }
}
