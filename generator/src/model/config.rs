//! The numbers that define a model, from `config.json` and `generation_config.json`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::LoadError;
use super::rope::{Rope, RopeScaling};
use crate::compute::HeadShape;

/// A family of models with the same arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Llama: Salamandra, ALIA, SmolLM2.
    Llama,
    /// Qwen2: Llama with bias on q, k and v.
    Qwen2,
}

/// The numbers that define a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Family.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Width inside the feed-forward part.
    pub intermediate: usize,
    /// Rows of the embedding.
    pub vocab: usize,
    /// Largest window, in tokens.
    pub max_positions: usize,
    /// Added under the root of RMSNorm.
    pub norm_eps: f32,
    /// Rotary positions.
    pub rope: Rope,
    /// Whether the embedding is also the head.
    pub tied_embeddings: bool,
    /// Whether q, k and v have a bias.
    pub attention_bias: bool,
    /// Whether the projection after attention has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward projections have a bias.
    pub mlp_bias: bool,
    /// Tokens that end the answer.
    pub stop_ids: BTreeSet<u32>,
    /// Token that begins a text, where the model has one.
    pub bos_id: Option<u32>,
}

/// The largest of any one number of a model; ALIA-40B's largest is 256,000.
const LARGEST: usize = 1 << 24;

impl ModelConfig {
    /// Width of all heads of queries.
    #[must_use]
    pub const fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all heads of keys.
    #[must_use]
    pub const fn key_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// How its attention heads are laid out.
    pub(crate) const fn head_shape(&self) -> HeadShape {
        HeadShape {
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
        }
    }

    /// Reads `config.json` and, where there is one, `generation_config.json`.
    pub(super) fn from_json(config: &Value, generation: Option<&Value>) -> Result<Self, LoadError> {
        let json = Json::new("config.json", config)?;
        let architecture = architecture(&json)?;
        refuse_variants(&json)?;
        let hidden = json.count("hidden_size")?;
        let heads = json.count("num_attention_heads")?;
        let kv_heads = json.count_or("num_key_value_heads", heads)?;
        let head_dim = match json.get("head_dim") {
            Some(_) => json.count("head_dim")?,
            None if hidden % heads == 0 => hidden / heads,
            None => {
                return Err(json.invalid("hidden_size", "no es múltiplo de num_attention_heads"));
            }
        };
        let qwen = architecture == Architecture::Qwen2;
        let bias = json.flag_or("attention_bias", false)?;
        let mut stop_ids = json.ids("eos_token_id")?;
        let mut bos_id = json.ids("bos_token_id")?.first().copied();
        if let Some(generation) = generation {
            let generation = Json::new("generation_config.json", generation)?;
            stop_ids.extend(generation.ids("eos_token_id")?);
            bos_id = bos_id.or(generation.ids("bos_token_id")?.first().copied());
        }
        let read = Self {
            architecture,
            hidden,
            layers: json.count("num_hidden_layers")?,
            heads,
            kv_heads,
            head_dim,
            intermediate: json.count("intermediate_size")?,
            vocab: json.count("vocab_size")?,
            max_positions: json.count("max_position_embeddings")?,
            norm_eps: json.number("rms_norm_eps")?,
            rope: rope(&json)?,
            tied_embeddings: json.flag_or("tie_word_embeddings", false)?,
            attention_bias: qwen || bias,
            output_bias: bias && !qwen,
            mlp_bias: json.flag_or("mlp_bias", false)?,
            stop_ids,
            bos_id,
        };
        read.check("config.json")?;
        Ok(read)
    }

    /// What every later step relies on.
    pub(super) fn check(&self, file: &str) -> Result<(), LoadError> {
        let fail = |key: &str, reason: &str| Err(LoadError::invalid_key(file, key, reason));
        for (key, value) in [
            ("hidden_size", self.hidden),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("intermediate_size", self.intermediate),
            ("vocab_size", self.vocab),
            ("max_position_embeddings", self.max_positions),
        ] {
            if value == 0 || value > LARGEST {
                return fail(key, "está fuera de lo posible");
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return fail("num_key_value_heads", "no divide a num_attention_heads");
        }
        if !self.head_dim.is_multiple_of(2) {
            return fail("head_dim", "es impar");
        }
        if self.query_width() > LARGEST || self.layers > 4096 {
            return fail("num_hidden_layers", "está fuera de lo posible");
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0 && self.norm_eps < 1.0) {
            return fail("rms_norm_eps", "está fuera de lo posible");
        }
        self.rope.check(file)?;
        let strange = self.stop_ids.iter().chain(&self.bos_id);
        if let Some(id) = strange.into_iter().find(|id| **id as usize >= self.vocab) {
            return fail("eos_token_id", &format!("{id} no está en el vocabulario"));
        }
        Ok(())
    }
}

/// The tokens that `generation_config.json` says end the answer.
pub(super) fn stop_ids(file: &str, generation: &Value) -> Result<BTreeSet<u32>, LoadError> {
    Json::new(file, generation)?.ids("eos_token_id")
}

fn architecture(json: &Json<'_>) -> Result<Architecture, LoadError> {
    let named = json
        .get("architectures")
        .and_then(Value::as_array)
        .and_then(|names| names.first())
        .or_else(|| json.get("model_type"))
        .and_then(Value::as_str)
        .ok_or_else(|| LoadError::missing_key(json.file, "architectures"))?;
    match named {
        "LlamaForCausalLM" | "llama" => Ok(Architecture::Llama),
        "Qwen2ForCausalLM" | "qwen2" => Ok(Architecture::Qwen2),
        other => Err(LoadError::Architecture {
            found: other.to_owned(),
        }),
    }
}

/// Variants under the same name that would be computed wrongly.
fn refuse_variants(json: &Json<'_>) -> Result<(), LoadError> {
    if let Some(quantised) = json.get("quantization_config") {
        let method = quantised.get("quant_method").and_then(Value::as_str);
        return Err(LoadError::unsupported(format!(
            "pesos cuantizados con «{}» (use los originales o un GGUF)",
            method.unwrap_or("?")
        )));
    }
    if let Some(act) = json
        .get("hidden_act")
        .or_else(|| json.get("hidden_activation"))
        && !matches!(act.as_str(), Some("silu" | "swish"))
    {
        return Err(LoadError::unsupported(format!("la activación {act}")));
    }
    if json.flag_or("use_sliding_window", false)? {
        return Err(LoadError::unsupported("ventana deslizante"));
    }
    if let Some(Value::Number(factor)) = json.get("partial_rotary_factor")
        && factor.as_f64() != Some(1.0)
    {
        return Err(LoadError::unsupported("posiciones rotatorias parciales"));
    }
    Ok(())
}

/// Theta under either of its keys, scaling under either of its.
fn rope(json: &Json<'_>) -> Result<Rope, LoadError> {
    let parameters = match json.get("rope_parameters") {
        Some(parameters) => Some(Json::new_in(json.file, "rope_parameters", parameters)?),
        None => None,
    };
    let theta = match &parameters {
        Some(parameters) if parameters.get("rope_theta").is_some() => {
            parameters.number("rope_theta")?
        }
        _ => json.number("rope_theta")?,
    };
    let scaling = match json.get("rope_scaling") {
        Some(scaling) => Some(Json::new_in(json.file, "rope_scaling", scaling)?),
        None => parameters,
    };
    let scaling = match &scaling {
        Some(scaling) => scaling_of(scaling)?,
        None => None,
    };
    Ok(Rope { theta, scaling })
}

fn scaling_of(json: &Json<'_>) -> Result<Option<RopeScaling>, LoadError> {
    let kind = json.get("rope_type").or_else(|| json.get("type"));
    match kind.and_then(Value::as_str) {
        Some("default") => Ok(None),
        // `rope_parameters` with theta alone.
        None if kind.is_none() && json.get("factor").is_none() => Ok(None),
        Some("linear") => Ok(Some(RopeScaling::Linear {
            factor: json.number("factor")?,
        })),
        Some("llama3") => Ok(Some(RopeScaling::Llama3 {
            factor: json.number("factor")?,
            low_frequency: json.number("low_freq_factor")?,
            high_frequency: json.number("high_freq_factor")?,
            original_positions: json.count("original_max_position_embeddings")?,
        })),
        other => Err(LoadError::unsupported(format!(
            "el escalado de posiciones «{}»",
            other.unwrap_or("?")
        ))),
    }
}

/// A JSON object with the words to say what is wrong in it. `null` counts as absent.
pub(super) struct Json<'a> {
    pub(super) file: &'a str,
    prefix: &'a str,
    object: &'a Map<String, Value>,
}

impl<'a> Json<'a> {
    pub(super) fn new(file: &'a str, value: &'a Value) -> Result<Self, LoadError> {
        Self::new_in(file, "", value)
    }

    fn new_in(file: &'a str, prefix: &'a str, value: &'a Value) -> Result<Self, LoadError> {
        match value.as_object() {
            Some(object) => Ok(Self {
                file,
                prefix,
                object,
            }),
            None => Err(LoadError::invalid_key(file, prefix, "no es un objeto")),
        }
    }

    fn key(&self, key: &str) -> String {
        if self.prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.prefix)
        }
    }

    fn invalid(&self, key: &str, reason: &str) -> LoadError {
        LoadError::invalid_key(self.file, &self.key(key), reason)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn need(&self, key: &str) -> Result<&'a Value, LoadError> {
        self.get(key)
            .ok_or_else(|| LoadError::missing_key(self.file, &self.key(key)))
    }

    pub(super) fn count(&self, key: &str) -> Result<usize, LoadError> {
        self.need(key)?
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0 && *count <= LARGEST)
            .ok_or_else(|| self.invalid(key, "no es un número natural posible"))
    }

    fn count_or(&self, key: &str, other: usize) -> Result<usize, LoadError> {
        self.get(key).map_or(Ok(other), |_| self.count(key))
    }

    pub(super) fn number(&self, key: &str) -> Result<f32, LoadError> {
        self.need(key)?
            .as_f64()
            .map(|number| number as f32)
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.invalid(key, "no es un número"))
    }

    pub(super) fn flag_or(&self, key: &str, other: bool) -> Result<bool, LoadError> {
        self.get(key).map_or(Ok(other), |value| {
            value
                .as_bool()
                .ok_or_else(|| self.invalid(key, "no es verdadero ni falso"))
        })
    }

    /// One id or several; none where the key is absent.
    fn ids(&self, key: &str) -> Result<BTreeSet<u32>, LoadError> {
        let id = |value: &Value| {
            value
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or_else(|| self.invalid(key, "no es un número de símbolo"))
        };
        match self.get(key) {
            None => Ok(BTreeSet::new()),
            Some(Value::Array(values)) => values.iter().map(id).collect(),
            Some(value) => Ok(BTreeSet::from([id(value)?])),
        }
    }
}
