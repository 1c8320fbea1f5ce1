use candle_core::{Device, Tensor};

use super::error::ComputeError;

/// Which two elements of a head are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RotaryStyle {
    /// `i` and `i + head_dim / 2`: weights as transformers keeps them, and Qwen2 in GGUF.
    Halves,
    /// `2i` and `2i + 1`: Llama in GGUF, whose q and k rows llama.cpp has permuted.
    Pairs,
}

/// Cosines and sines of every position, f32 `[max_positions, head_dim / 2]`.
#[derive(Clone, Debug)]
pub(crate) struct RopeTable {
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
    max_positions: usize,
    half: usize,
}

impl RopeTable {
    /// `inverse_frequencies`: one per pair, `theta^(-2i/head_dim)` after any scaling.
    ///
    /// # Errors
    /// No frequencies or positions; a device without room.
    pub(crate) fn new(
        inverse_frequencies: &[f32],
        max_positions: usize,
        device: &Device,
    ) -> Result<Self, ComputeError> {
        let half = inverse_frequencies.len();
        if half == 0 || max_positions == 0 {
            return Err(ComputeError::shape(
                "rope",
                "no hay frecuencias o posiciones",
            ));
        }
        let mut cos = Vec::with_capacity(half * max_positions);
        let mut sin = Vec::with_capacity(half * max_positions);
        for position in 0..max_positions {
            for &frequency in inverse_frequencies {
                let (s, c) = (position as f32 * frequency).sin_cos();
                cos.push(c);
                sin.push(s);
            }
        }
        Ok(Self {
            cos: Tensor::from_vec(cos, (max_positions, half), device)?,
            sin: Tensor::from_vec(sin, (max_positions, half), device)?,
            max_positions,
            half,
        })
    }

    /// Positions it knows.
    pub(crate) fn max_positions(&self) -> usize {
        self.max_positions
    }

    /// Pairs in a head: half its size.
    pub(crate) fn half(&self) -> usize {
        self.half
    }
}
