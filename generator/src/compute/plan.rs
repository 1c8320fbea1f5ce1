use std::sync::Arc;

use candle_core::Device;

use super::error::ComputeError;

/// Tokens in one block of the KV cache.
pub(crate) const BLOCK_TOKENS: usize = 32;

/// How the attention heads are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

impl HeadShape {
    /// Query heads that share one key and value head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// Width of a fused q|k|v row.
    pub(crate) fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// # Errors
    /// Zero sizes, heads that are no multiple of the key heads, an odd head size.
    pub(crate) fn check(&self) -> Result<(), ComputeError> {
        let sound = self.heads > 0
            && self.kv_heads > 0
            && self.heads.is_multiple_of(self.kv_heads)
            && self.head_dim > 0
            && self.head_dim.is_multiple_of(2);
        if sound {
            Ok(())
        } else {
            Err(ComputeError::shape(
                "cabezas de atención",
                format!("{self:?}"),
            ))
        }
    }
}

/// The rows of one sequence in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its first row in the batch.
    pub(crate) first_row: usize,
    /// How many rows; they stand at the positions `context - rows .. context`.
    pub(crate) rows: usize,
    /// Tokens in the cache after this step: position of the last row + 1.
    pub(crate) context: usize,
    /// Block table: the cache block of each `BLOCK_TOKENS` positions.
    pub(crate) blocks: Vec<u32>,
}

/// Whose rows a step's batch holds and where their keys and values go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepPlan {
    /// Position in its sequence, per row.
    pub(crate) positions: Vec<u32>,
    /// `block * BLOCK_TOKENS + offset` in the cache, per row.
    pub(crate) slots: Vec<u32>,
    /// In the order of their rows, without gaps.
    pub(crate) spans: Vec<Span>,
}

impl StepPlan {
    /// Checks the plan once, so that the kernels may rely on it, and copies to the device what its
    /// kernels read.
    ///
    /// # Errors
    /// A plan that contradicts itself; a device that does not take the copies.
    pub(crate) fn on(self, device: &Device) -> Result<DevicePlan, ComputeError> {
        self.check()?;
        #[cfg(not(feature = "cuda"))]
        let _ = device;
        Ok(DevicePlan {
            #[cfg(feature = "cuda")]
            cuda: if device.is_cuda() {
                Some(Arc::new(super::cuda::PlanOnDevice::new(&self, device)?))
            } else {
                None
            },
            plan: Arc::new(self),
        })
    }

    /// Rows in the batch.
    pub(crate) fn rows(&self) -> usize {
        self.positions.len()
    }

    fn check(&self) -> Result<(), ComputeError> {
        let refuse = |text: String| Err(ComputeError::Plan(text));
        if self.slots.len() != self.positions.len() {
            return refuse(format!(
                "{} posiciones y {} huecos",
                self.positions.len(),
                self.slots.len()
            ));
        }
        let mut next = 0;
        for span in &self.spans {
            if span.first_row != next || span.rows == 0 || span.rows > span.context {
                return refuse(format!(
                    "tramo de {} filas desde {}",
                    span.rows, span.first_row
                ));
            }
            if span.blocks.len() < span.context.div_ceil(BLOCK_TOKENS) {
                return refuse(format!(
                    "{} bloques no bastan para {} tokens",
                    span.blocks.len(),
                    span.context
                ));
            }
            next += span.rows;
            let Some(positions) = self.positions.get(span.first_row..next) else {
                return refuse(format!("un tramo acaba en la fila {next}"));
            };
            let start = span.context - span.rows;
            if positions
                .iter()
                .enumerate()
                .any(|(i, &p)| p as usize != start + i)
            {
                return refuse("las posiciones de un tramo no son consecutivas".to_owned());
            }
        }
        if next != self.positions.len() {
            return refuse(format!(
                "los tramos cubren {next} de {} filas",
                self.positions.len()
            ));
        }
        let mut slots = self.slots.clone();
        slots.sort_unstable();
        if slots.windows(2).any(|pair| pair[0] == pair[1]) {
            return refuse("dos filas escriben en el mismo hueco".to_owned());
        }
        Ok(())
    }
}

/// A checked [`StepPlan`] and what the device needs of it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DevicePlan {
    pub(crate) plan: Arc<StepPlan>,
    #[cfg(feature = "cuda")]
    pub(crate) cuda: Option<Arc<super::cuda::PlanOnDevice>>,
}

impl DevicePlan {
    pub(crate) fn rows(&self) -> usize {
        self.plan.rows()
    }
}
