//! Quantised matrices in the order the CPU kernels read them.
//!
//! Sixteen rows (outputs) make a panel. Where a row had the words `w0 w1 …` of its blocks, the panel
//! has the `w0` of all sixteen, then their `w1`, and so on: the same bytes, in an order that is read
//! from beginning to end, a vector at a time, without shuffles.

use candle_core::quantized::{GgmlDType, QTensor};

use super::super::error::ComputeError;
use super::formats::{Format, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::lanes::LANES;
use super::pool::{Line, parallel_chunks};

/// A quantised matrix in panels. The last panel is filled up with zeros.
pub(in super::super) struct Packed {
    lines: Vec<Line>,
    pub(super) format: GgmlDType,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    panel: usize,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Packed({:?}, {}x{})",
            self.format, self.outputs, self.inputs
        )
    }
}

impl Packed {
    /// Rearranges a matrix `[outputs, inputs]` of whole blocks.
    ///
    /// # Errors
    /// A format without kernels; a tensor whose bytes are not those of its shape.
    pub(in super::super) fn new(tensor: &QTensor) -> Result<Self, ComputeError> {
        let (outputs, inputs) = tensor.shape().dims2()?;
        let format = tensor.dtype();
        let data = tensor.data()?;
        let (block, bytes, leading) = match format {
            GgmlDType::Q4_0 => of::<Q4_0>(),
            GgmlDType::Q4_1 => of::<Q4_1>(),
            GgmlDType::Q5_0 => of::<Q5_0>(),
            GgmlDType::Q5_1 => of::<Q5_1>(),
            GgmlDType::Q8_0 => of::<Q8_0>(),
            GgmlDType::Q4K => of::<Q4K>(),
            GgmlDType::Q5K => of::<Q5K>(),
            GgmlDType::Q6K => of::<Q6K>(),
            other => return Err(ComputeError::UnsupportedQuantization(format!("{other:?}"))),
        };
        if !inputs.is_multiple_of(block) || data.len() != outputs * (inputs / block) * bytes {
            let detail = format!("{} bytes de {format:?} para {outputs}x{inputs}", data.len());
            return Err(ComputeError::shape("linear", detail));
        }
        let lines = pack(&data, outputs, inputs / block, bytes, leading);
        Ok(Self {
            lines,
            format,
            outputs,
            inputs,
            panel: panel_lines(inputs / block, bytes),
        })
    }

    /// Bytes it takes.
    pub(in super::super) fn bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }

    /// The blocks of sixteen outputs from `16 * index`.
    pub(super) fn panel(&self, index: usize) -> &[Line] {
        &self.lines[index * self.panel..(index + 1) * self.panel]
    }
}

fn of<T: Format>() -> (usize, usize, bool) {
    (T::BLOCK, T::BYTES, T::LEADING_HALF)
}

/// Cache lines of a panel.
fn panel_lines(blocks: usize, bytes: usize) -> usize {
    (blocks * bytes * LANES).div_ceil(size_of::<Line>())
}

/// `blocks` blocks of `bytes` bytes a row.
fn pack(data: &[u8], outputs: usize, blocks: usize, bytes: usize, leading: bool) -> Vec<Line> {
    let panels = outputs.div_ceil(LANES);
    let size = panel_lines(blocks, bytes);
    let row = blocks * bytes;
    let mut lines = vec![Line::ZERO; panels * size];
    parallel_chunks(&mut lines, size, |panel, lines| {
        let to = Line::bytes_mut(lines);
        let count = LANES.min(outputs - panel * LANES);
        for lane in 0..count {
            let from = &data[(panel * LANES + lane) * row..][..row];
            for (block, from) in from.chunks_exact(bytes).enumerate() {
                let to = &mut to[block * bytes * LANES..][..bytes * LANES];
                let mut at = 0;
                while at < bytes {
                    let half = (leading && at == 0) || bytes - at < 4;
                    let width = if half { 2 } else { 4 };
                    let place = at * LANES + lane * width;
                    to[place..place + width].copy_from_slice(&from[at..at + width]);
                    at += width;
                }
            }
        }
    });
    lines
}
