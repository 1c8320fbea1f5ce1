//! What whoever loads a model may choose.

use std::path::PathBuf;

use candle_core::quantized::GgmlDType;

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU where there is one and this program was built for it; else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

/// How weights published as bf16, f16 or f32 are packed when they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// 8 bits and a scale for 32 numbers.
    Q8_0,
    /// 4 bits, scales for 32 and 256 numbers.
    Q4K,
    /// 6 bits, scales for 16 and 256 numbers.
    Q6K,
}

impl Packing {
    pub(super) const fn dtype(self) -> GgmlDType {
        match self {
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q4K => GgmlDType::Q4K,
            Self::Q6K => GgmlDType::Q6K,
        }
    }
}

/// How a model is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Where it computes.
    pub device: DeviceChoice,
    /// Folder of a PEFT LoRA adapter, merged into the weights.
    pub adapter: Option<PathBuf>,
    /// Window wanted, in tokens; 0 means the model's.
    pub context_tokens: usize,
    /// Tokens that the cache of keys and values holds in all; 0 means one window.
    pub cache_tokens: usize,
    /// The most tokens that one step will compute, on which the workspace depends; 0 means 512.
    pub step_tokens: usize,
    /// Bytes it may take, where less than is free.
    pub memory_limit: Option<u64>,
    /// Packs a folder's weights while they are read.
    pub quantize: Option<Packing>,
}
