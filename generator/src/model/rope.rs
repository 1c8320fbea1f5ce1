//! Frequencies of rotary positions.

use super::error::LoadError;

/// Rotary positions of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// How frequencies are stretched for windows longer than those of pre-training.
    pub scaling: Option<RopeScaling>,
}

/// How frequencies are stretched.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// All by one factor.
    Linear {
        /// Divides every frequency.
        factor: f32,
    },
    /// Llama 3.1: low frequencies by the factor, high ones not, those between by degrees.
    /// As `_compute_llama3_parameters` of transformers.
    Llama3 {
        /// Divides the low frequencies.
        factor: f32,
        /// Bounds the low frequencies.
        low_frequency: f32,
        /// Bounds the high frequencies.
        high_frequency: f32,
        /// Window of pre-training, in tokens.
        original_positions: usize,
    },
    /// A divisor for each frequency, as GGUF's `rope_freqs.weight` gives them.
    Divisors(Vec<f32>),
}

impl Rope {
    /// Radians per position of each pair of a head, `head_dim / 2` of them.
    pub(super) fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let base = |pair: usize| {
            let exponent = (2 * pair) as f32 / head_dim as f32;
            1.0 / self.theta.powf(exponent)
        };
        let pairs = 0..head_dim / 2;
        match &self.scaling {
            None => pairs.map(base).collect(),
            Some(RopeScaling::Linear { factor }) => pairs.map(|pair| base(pair) / factor).collect(),
            Some(RopeScaling::Divisors(divisors)) => pairs
                .map(|pair| base(pair) / divisors.get(pair).copied().unwrap_or(1.0))
                .collect(),
            Some(RopeScaling::Llama3 {
                factor,
                low_frequency,
                high_frequency,
                original_positions,
            }) => {
                let window = *original_positions as f32;
                let stretched = |frequency: f32| {
                    let wavelength = 2.0 * std::f32::consts::PI / frequency;
                    if wavelength < window / high_frequency {
                        frequency
                    } else if wavelength > window / low_frequency {
                        frequency / factor
                    } else {
                        let smooth = (window / wavelength - low_frequency)
                            / (high_frequency - low_frequency);
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                };
                pairs.map(|pair| stretched(base(pair))).collect()
            }
        }
    }

    pub(super) fn check(&self, file: &str) -> Result<(), LoadError> {
        let positive = |key: &str, value: f32| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(LoadError::invalid_key(file, key, "no es mayor que cero"))
            }
        };
        positive("rope_theta", self.theta)?;
        match &self.scaling {
            None => Ok(()),
            Some(RopeScaling::Linear { factor }) => positive("rope_scaling.factor", *factor),
            Some(RopeScaling::Divisors(divisors)) => divisors
                .iter()
                .try_for_each(|divisor| positive("rope_freqs.weight", *divisor)),
            Some(RopeScaling::Llama3 {
                factor,
                low_frequency,
                high_frequency,
                ..
            }) => {
                positive("rope_scaling.factor", *factor)?;
                positive("rope_scaling.low_freq_factor", *low_frequency)?;
                positive(
                    "rope_scaling.high_freq_factor",
                    high_frequency - low_frequency,
                )
            }
        }
    }
}
