//! The numbers that define a model, from GGUF metadata.

use std::collections::{BTreeSet, HashMap};

use candle_core::quantized::gguf_file::Value;

use super::header::Header;
use crate::model::config::{Architecture, ModelConfig};
use crate::model::error::LoadError;
use crate::model::rope::{Rope, RopeScaling};
use crate::model::tensors::{Part, Slot};

/// Metadata with the words to say what is wrong in it.
struct Keys<'a> {
    file: &'a str,
    architecture: &'a str,
    metadata: &'a HashMap<String, Value>,
}

impl Keys<'_> {
    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(&self.full(key))
    }

    fn missing(&self, key: &str) -> LoadError {
        LoadError::missing_key(self.file, &self.full(key))
    }

    fn invalid(&self, key: &str, reason: &str) -> LoadError {
        LoadError::invalid_key(self.file, &self.full(key), reason)
    }

    /// A count; llama.cpp writes one for each layer where they differ, and sometimes where not.
    fn count_if_any(&self, key: &str) -> Result<Option<usize>, LoadError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let count = match value {
            Value::Array(values) => {
                let mut counts = values.iter().map(integer);
                let first = counts.next().flatten();
                if counts.any(|count| count != first) {
                    return Err(LoadError::unsupported(format!(
                        "capas distintas entre sí ({})",
                        self.full(key)
                    )));
                }
                first
            }
            value => integer(value),
        };
        count
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count <= 1 << 24)
            .map(Some)
            .ok_or_else(|| self.invalid(key, "no es un número natural posible"))
    }

    fn count(&self, key: &str) -> Result<usize, LoadError> {
        self.count_if_any(key)?.ok_or_else(|| self.missing(key))
    }

    fn number_if_any(&self, key: &str) -> Result<Option<f32>, LoadError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value {
            Value::F32(number) => Ok(Some(*number)),
            Value::F64(number) => Ok(Some(*number as f32)),
            value => integer(value)
                .map(|number| Some(number as f32))
                .ok_or_else(|| self.invalid(key, "no es un número")),
        }
    }

    fn number(&self, key: &str) -> Result<f32, LoadError> {
        self.number_if_any(key)?.ok_or_else(|| self.missing(key))
    }
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::I8(v) => u64::try_from(*v).ok(),
        Value::I16(v) => u64::try_from(*v).ok(),
        Value::I32(v) => u64::try_from(*v).ok(),
        Value::I64(v) => u64::try_from(*v).ok(),
        Value::Bool(_) => None,
        value => value.to_u64().ok(),
    }
}

/// Reads the numbers of `header`; `divisors` are those of `rope_freqs.weight`.
pub(super) fn config(
    header: &Header,
    file: &str,
    divisors: Option<Vec<f32>>,
) -> Result<ModelConfig, LoadError> {
    let metadata = &header.metadata;
    let named = match metadata.get("general.architecture") {
        Some(Value::String(name)) => name.as_str(),
        _ => return Err(LoadError::missing_key(file, "general.architecture")),
    };
    let architecture = match named {
        "llama" => Architecture::Llama,
        "qwen2" => Architecture::Qwen2,
        other => {
            return Err(LoadError::Architecture {
                found: other.to_owned(),
            });
        }
    };
    let keys = Keys {
        file,
        architecture: named,
        metadata,
    };
    let hidden = keys.count("embedding_length")?;
    let heads = keys.count("attention.head_count")?;
    let head_dim = match keys.count_if_any("attention.key_length")? {
        Some(length) => length,
        None if heads > 0 && hidden % heads == 0 => hidden / heads,
        None => return Err(keys.invalid("attention.head_count", "no divide a embedding_length")),
    };
    refuse_variants(&keys, head_dim)?;
    let bias = |part| {
        header
            .tensors
            .contains_key(&Slot::Layer(0, part).gguf_name())
    };
    let embedding = header.tensors.get(&Slot::Embedding.gguf_name());
    let read = ModelConfig {
        architecture,
        hidden,
        layers: keys.count("block_count")?,
        heads,
        kv_heads: keys
            .count_if_any("attention.head_count_kv")?
            .unwrap_or(heads),
        head_dim,
        intermediate: keys.count("feed_forward_length")?,
        vocab: embedding.map_or(0, |entry| entry.shape[0]),
        max_positions: keys.count("context_length")?,
        norm_eps: keys.number("attention.layer_norm_rms_epsilon")?,
        rope: Rope {
            theta: keys.number("rope.freq_base")?,
            scaling: scaling(&keys, divisors, head_dim)?,
        },
        tied_embeddings: !header.tensors.contains_key(&Slot::Head.gguf_name()),
        attention_bias: architecture == Architecture::Qwen2 || bias(Part::QueryBias),
        output_bias: bias(Part::OutputBias),
        mlp_bias: bias(Part::GateBias),
        stop_ids: ids(
            metadata,
            &["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"],
        ),
        bos_id: ids(metadata, &["tokenizer.ggml.bos_token_id"])
            .first()
            .copied(),
    };
    if embedding.is_none() {
        return Err(LoadError::TensorMissing {
            name: Slot::Embedding.gguf_name(),
        });
    }
    read.check(file)?;
    Ok(read)
}

fn ids(metadata: &HashMap<String, Value>, keys: &[&str]) -> BTreeSet<u32> {
    keys.iter()
        .filter_map(|key| metadata.get(*key).and_then(integer))
        .filter_map(|id| u32::try_from(id).ok())
        .collect()
}

/// Variants under the same name that would be computed wrongly.
fn refuse_variants(keys: &Keys<'_>, head_dim: usize) -> Result<(), LoadError> {
    if keys.count_if_any("expert_count")?.unwrap_or(0) > 0 {
        return Err(LoadError::unsupported("mezcla de expertos"));
    }
    if keys
        .count_if_any("rope.dimension_count")?
        .unwrap_or(head_dim)
        != head_dim
    {
        return Err(LoadError::unsupported("posiciones rotatorias parciales"));
    }
    if keys
        .count_if_any("attention.value_length")?
        .unwrap_or(head_dim)
        != head_dim
    {
        return Err(LoadError::unsupported(
            "claves y valores de distinta anchura",
        ));
    }
    Ok(())
}

fn scaling(
    keys: &Keys<'_>,
    divisors: Option<Vec<f32>>,
    head_dim: usize,
) -> Result<Option<RopeScaling>, LoadError> {
    let kind = match keys.get("rope.scaling.type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(_) => return Err(keys.invalid("rope.scaling.type", "no es un texto")),
        None => "",
    };
    // `rope.scale_linear` is the older name.
    let factor = match keys.number_if_any("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => keys.number_if_any("rope.scale_linear")?,
    };
    let factor = match (kind, factor) {
        ("none", _) => None,
        ("" | "linear", factor) => factor.filter(|factor| *factor != 1.0),
        (other, _) => {
            return Err(LoadError::unsupported(format!(
                "el escalado de posiciones «{other}»"
            )));
        }
    };
    match (factor, divisors) {
        (None, None) => Ok(None),
        (Some(factor), None) => Ok(Some(RopeScaling::Linear { factor })),
        (factor, Some(mut divisors)) => {
            if divisors.len() != head_dim / 2 {
                return Err(LoadError::TensorShape {
                    name: "rope_freqs.weight".to_owned(),
                    expected: vec![head_dim / 2],
                    found: vec![divisors.len()],
                });
            }
            for divisor in &mut divisors {
                *divisor *= factor.unwrap_or(1.0);
            }
            Ok(Some(RopeScaling::Divisors(divisors)))
        }
    }
}
