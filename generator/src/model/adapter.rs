//! PEFT LoRA adapters, merged into the weights when these are read.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use super::config::{Json, ModelConfig};
use super::error::LoadError;
use super::shards::{Shards, read_json};
use super::tensors::{Slot, slots};

const CONFIG: &str = "adapter_config.json";
const PREFIX: &str = "base_model.model.";

/// An adapter whose tensors have all been found to fit.
pub(super) struct Adapter {
    shards: Shards,
    /// Scale of `B A`, for each tensor that the adapter changes.
    scales: HashMap<String, f64>,
}

impl Adapter {
    /// Reads the headers of the adapter in `folder` and checks them against the model.
    pub(super) fn open(folder: &Path, config: &ModelConfig) -> Result<Self, LoadError> {
        let read = read_json(folder, CONFIG)?;
        let json = Json::new(CONFIG, &read)?;
        refuse_variants(&json)?;
        let rank = json.count("r")?;
        let alpha = f64::from(json.number("lora_alpha")?);
        let rank_stabilised = json.flag_or("use_rslora", false)?;
        let shards = Shards::open(folder, "adapter_model")?;
        let mut scales = HashMap::new();
        let mut used = 0;
        for slot in slots(config) {
            let shape = slot.shape(config);
            let target = slot.published_name();
            let (a, b) = names(&target);
            if !shards.contains(&a) && !shards.contains(&b) {
                continue;
            }
            let [outputs, inputs] = shape[..] else {
                return Err(refuse(format!("cambia «{target}», que no es una matriz")));
            };
            if slot == Slot::Embedding || slot == Slot::Head {
                return Err(refuse(
                    "cambia el vocabulario; solo se admiten las proyecciones de las capas",
                ));
            }
            let rank = pattern(&json, "rank_pattern", &target).unwrap_or(rank as f64);
            let alpha = pattern(&json, "alpha_pattern", &target).unwrap_or(alpha);
            let own = shards.entry(&a)?.shape.first().copied().unwrap_or(0);
            if own as f64 != rank {
                return Err(refuse(format!(
                    "«{a}» es de rango {own} y la configuración dice {rank}"
                )));
            }
            shards.check(&a, &[own, inputs])?;
            shards.check(&b, &[outputs, own])?;
            let scale = alpha / if rank_stabilised { rank.sqrt() } else { rank };
            scales.insert(target, scale);
            used += 2;
        }
        let names = shards.names();
        if used == 0 {
            return Err(refuse("no cambia ningún peso de este modelo"));
        }
        if used != names.len() {
            let known = |name: &&&str| {
                scales.keys().any(|target| {
                    let (a, b) = self::names(target);
                    **name == a || **name == b
                })
            };
            let other = names
                .iter()
                .find(|name| !known(name))
                .copied()
                .unwrap_or("?");
            return Err(refuse(format!(
                "contiene «{other}», que este modelo no tiene"
            )));
        }
        Ok(Self { shards, scales })
    }

    /// `tensor + scale B A`, computed in f32 and stored in the type it had.
    pub(super) fn merge(&mut self, slot: Slot, tensor: Tensor) -> Result<Tensor, LoadError> {
        let target = slot.published_name();
        let Some(scale) = self.scales.get(&target).copied() else {
            return Ok(tensor);
        };
        let (a, b) = names(&target);
        let a = self.shards.tensor(&a, &Device::Cpu)?.to_dtype(DType::F32)?;
        let b = self.shards.tensor(&b, &Device::Cpu)?.to_dtype(DType::F32)?;
        let change = (b.matmul(&a)? * scale)?;
        let merged = (tensor.to_dtype(DType::F32)? + change)?;
        Ok(merged.to_dtype(tensor.dtype())?)
    }

    /// Names of the files of weights.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.shards.files()
    }
}

/// The tensors of the adapter that change `target`.
fn names(target: &str) -> (String, String) {
    let stem = target.strip_suffix(".weight").unwrap_or(target);
    (
        format!("{PREFIX}{stem}.lora_A.weight"),
        format!("{PREFIX}{stem}.lora_B.weight"),
    )
}

fn refuse(reason: impl Into<String>) -> LoadError {
    LoadError::Adapter {
        reason: reason.into(),
    }
}

/// What PEFT can write and a plain `W + s B A` does not reproduce.
fn refuse_variants(json: &Json<'_>) -> Result<(), LoadError> {
    match json.get("peft_type").and_then(Value::as_str) {
        Some("LORA") => {}
        other => {
            return Err(refuse(format!(
                "es de tipo {}; solo se admite LORA",
                other.unwrap_or("desconocido")
            )));
        }
    }
    if json.flag_or("use_dora", false)? {
        return Err(refuse("usa DoRA; fúndalo con el modelo antes de usarlo"));
    }
    if json.flag_or("fan_in_fan_out", false)? {
        return Err(refuse("guarda las matrices traspuestas (fan_in_fan_out)"));
    }
    if json.flag_or("lora_bias", false)? {
        return Err(refuse("añade sesgos (lora_bias)"));
    }
    match json.get("bias").and_then(Value::as_str) {
        None | Some("none") => {}
        Some(other) => return Err(refuse(format!("entrena sesgos (bias = {other})"))),
    }
    for key in [
        "modules_to_save",
        "trainable_token_indices",
        "target_parameters",
        "layer_replication",
        "megatron_config",
        "eva_config",
        "corda_config",
        "alora_invocation_tokens",
        "arrow_config",
        "use_qalora",
        "velora_config",
        "lora_ga_config",
    ] {
        let empty = match json.get(key) {
            None | Some(Value::Bool(false)) => true,
            Some(Value::Array(values)) => values.is_empty(),
            Some(Value::Object(values)) => values.is_empty(),
            Some(_) => false,
        };
        if !empty {
            return Err(refuse(format!(
                "usa {key}, que no se admite; fúndalo con el modelo antes de usarlo"
            )));
        }
    }
    Ok(())
}

/// The value that `rank_pattern` or `alpha_pattern` gives this tensor: keys are module names or
/// their ends.
fn pattern(json: &Json<'_>, key: &str, target: &str) -> Option<f64> {
    let module = target.strip_suffix(".weight").unwrap_or(target);
    let patterns = json.get(key)?.as_object()?;
    patterns
        .iter()
        .find(|(name, _)| {
            module
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
        .and_then(|(_, value)| value.as_f64())
}
