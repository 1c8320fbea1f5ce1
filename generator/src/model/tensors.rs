//! Which tensors a model consists of, whatever the file calls them.

use super::config::ModelConfig;

/// A place in the model that a tensor fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Embedding,
    Norm,
    Head,
    Layer(usize, Part),
}

/// A place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    AttentionNorm,
    Query,
    Key,
    Value,
    Output,
    QueryBias,
    KeyBias,
    ValueBias,
    OutputBias,
    MlpNorm,
    Gate,
    Up,
    Down,
    GateBias,
    UpBias,
    DownBias,
}

impl Slot {
    /// Its shape: `[length]` or `[outputs, inputs]`.
    pub(super) fn shape(self, config: &ModelConfig) -> Vec<usize> {
        let hidden = config.hidden;
        let (query, key, inner) = (
            config.query_width(),
            config.key_width(),
            config.intermediate,
        );
        match self {
            Self::Embedding | Self::Head => vec![config.vocab, hidden],
            Self::Norm => vec![hidden],
            Self::Layer(_, part) => match part {
                Part::AttentionNorm | Part::MlpNorm | Part::OutputBias | Part::DownBias => {
                    vec![hidden]
                }
                Part::Query => vec![query, hidden],
                Part::Key | Part::Value => vec![key, hidden],
                Part::Output => vec![hidden, query],
                Part::QueryBias => vec![query],
                Part::KeyBias | Part::ValueBias => vec![key],
                Part::Gate | Part::Up => vec![inner, hidden],
                Part::Down => vec![hidden, inner],
                Part::GateBias | Part::UpBias => vec![inner],
            },
        }
    }

    /// The name transformers gives it.
    pub(super) fn published_name(self) -> String {
        match self {
            Self::Embedding => "model.embed_tokens.weight".to_owned(),
            Self::Norm => "model.norm.weight".to_owned(),
            Self::Head => "lm_head.weight".to_owned(),
            Self::Layer(layer, part) => format!(
                "model.layers.{layer}.{}",
                match part {
                    Part::AttentionNorm => "input_layernorm.weight",
                    Part::Query => "self_attn.q_proj.weight",
                    Part::Key => "self_attn.k_proj.weight",
                    Part::Value => "self_attn.v_proj.weight",
                    Part::Output => "self_attn.o_proj.weight",
                    Part::QueryBias => "self_attn.q_proj.bias",
                    Part::KeyBias => "self_attn.k_proj.bias",
                    Part::ValueBias => "self_attn.v_proj.bias",
                    Part::OutputBias => "self_attn.o_proj.bias",
                    Part::MlpNorm => "post_attention_layernorm.weight",
                    Part::Gate => "mlp.gate_proj.weight",
                    Part::Up => "mlp.up_proj.weight",
                    Part::Down => "mlp.down_proj.weight",
                    Part::GateBias => "mlp.gate_proj.bias",
                    Part::UpBias => "mlp.up_proj.bias",
                    Part::DownBias => "mlp.down_proj.bias",
                }
            ),
        }
    }

    /// The name llama.cpp gives it.
    pub(super) fn gguf_name(self) -> String {
        match self {
            Self::Embedding => "token_embd.weight".to_owned(),
            Self::Norm => "output_norm.weight".to_owned(),
            Self::Head => "output.weight".to_owned(),
            Self::Layer(layer, part) => format!(
                "blk.{layer}.{}",
                match part {
                    Part::AttentionNorm => "attn_norm.weight",
                    Part::Query => "attn_q.weight",
                    Part::Key => "attn_k.weight",
                    Part::Value => "attn_v.weight",
                    Part::Output => "attn_output.weight",
                    Part::QueryBias => "attn_q.bias",
                    Part::KeyBias => "attn_k.bias",
                    Part::ValueBias => "attn_v.bias",
                    Part::OutputBias => "attn_output.bias",
                    Part::MlpNorm => "ffn_norm.weight",
                    Part::Gate => "ffn_gate.weight",
                    Part::Up => "ffn_up.weight",
                    Part::Down => "ffn_down.weight",
                    Part::GateBias => "ffn_gate.bias",
                    Part::UpBias => "ffn_up.bias",
                    Part::DownBias => "ffn_down.bias",
                }
            ),
        }
    }
}

/// All tensors of a model, in the order they are read.
pub(super) fn slots(config: &ModelConfig) -> Vec<Slot> {
    let mut slots = vec![Slot::Embedding];
    let mut parts = vec![
        Part::AttentionNorm,
        Part::Query,
        Part::Key,
        Part::Value,
        Part::Output,
        Part::MlpNorm,
        Part::Gate,
        Part::Up,
        Part::Down,
    ];
    if config.attention_bias {
        parts.extend([Part::QueryBias, Part::KeyBias, Part::ValueBias]);
    }
    if config.output_bias {
        parts.push(Part::OutputBias);
    }
    if config.mlp_bias {
        parts.extend([Part::GateBias, Part::UpBias, Part::DownBias]);
    }
    for layer in 0..config.layers {
        slots.extend(parts.iter().map(|part| Slot::Layer(layer, *part)));
    }
    slots.push(Slot::Norm);
    if !config.tied_embeddings {
        slots.push(Slot::Head);
    }
    slots
}
