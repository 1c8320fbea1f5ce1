//! Whether a GPU computes what the processor computes: small random models on both.

use std::collections::BTreeSet;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};

use super::forward::Forward;
use super::noise::noise;
use crate::compute::{BLOCK_TOKENS, ComputeError, RowChoice, Span, StepPlan, choose};
use crate::model::{
    Architecture, DeviceChoice, LoadError, Model, ModelConfig, RandomFormat, Rope, open_device,
};

/// Largest `‖device − processor‖ / ‖processor‖` of the logits that counts as the same. Activations on a
/// GPU are bf16 (8 bits, so 2⁻⁹ of relative error in each of some twenty roundings on the way) and f32
/// on the processor; a wrong index, mask or position gives errors near 1.
const BOUND: f64 = 0.03;

/// Rows of each step: a long prompt in two pieces, one token, as many as a verified draft, one more.
const STEPS: [usize; 6] = [200, 83, 1, 6, 1, 17];

/// One model computed on both.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ParityReport {
    /// What the model is like.
    pub model: String,
    /// Rows of logits compared.
    pub rows: usize,
    /// `‖device − processor‖ / ‖processor‖` over all logits.
    pub relative_error: f64,
    /// The same of the worst step, by its rows.
    pub worst_step: (usize, f64),
    /// Share of the rows with the same most probable token.
    pub same_token: f64,
    /// Rows whose token chosen on the device is not the largest of the logits it gave.
    pub wrong_choices: usize,
    /// Whether a sequence's logits are the same bits alone and beside another; promised of dense weights.
    pub same_in_batch: bool,
    /// Whether all of it is as it must be.
    pub passes: bool,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The device is not there, or a model does not fit.
    #[error("no se puede preparar el modelo de prueba: {0}")]
    Load(#[from] LoadError),
    /// The device failed.
    #[error("el cálculo de prueba ha fallado")]
    Compute(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<ComputeError> for ParityError {
    fn from(error: ComputeError) -> Self {
        Self::Compute(Box::new(error))
    }
}

impl From<candle_core::Error> for ParityError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(Box::new(error))
    }
}

/// Computes a text with small random models of each kind on the processor and on the device.
///
/// # Errors
/// [`ParityError`]: no such device, or one that fails. Different results are no error: the reports say.
pub fn compare_with_cpu(choice: DeviceChoice) -> Result<Vec<ParityReport>, ParityError> {
    let device = open_device(choice)?;
    // heads, heads of keys, width of a head, bias: SmolLM2, Salamandra and ALIA, Qwen2, a lone MHA.
    let shapes = [
        (9, 3, 64, false),
        (16, 2, 128, false),
        (14, 2, 64, true),
        (4, 4, 128, false),
    ];
    let mut reports = Vec::new();
    for (heads, kv_heads, head_dim, bias) in shapes {
        let config = config(heads, kv_heads, head_dim, bias);
        reports.push(compare(&config, RandomFormat::Dense(DType::BF16), &device)?);
    }
    for format in [GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K] {
        let config = config(16, 4, 64, false);
        reports.push(compare(&config, RandomFormat::Quantized(format), &device)?);
    }
    Ok(reports)
}

fn config(heads: usize, kv_heads: usize, head_dim: usize, bias: bool) -> ModelConfig {
    ModelConfig {
        architecture: if bias {
            Architecture::Qwen2
        } else {
            Architecture::Llama
        },
        hidden: heads * head_dim,
        layers: 3,
        heads,
        kv_heads,
        head_dim,
        intermediate: 1_536,
        vocab: 4_100,
        max_positions: 512,
        norm_eps: 1e-5,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        tied_embeddings: bias,
        attention_bias: bias,
        output_bias: false,
        mlp_bias: false,
        stop_ids: BTreeSet::new(),
        bos_id: None,
    }
}

fn compare(
    config: &ModelConfig,
    format: RandomFormat,
    device: &Device,
) -> Result<ParityReport, ParityError> {
    let blocks = 64;
    let open = |device: &Device| -> Result<Forward, ParityError> {
        Ok(Forward::new(
            Model::random(config.clone(), format, device, 3)?,
            blocks,
        )?)
    };
    let (here, there) = (open(&Device::Cpu)?, open(device)?);
    let mut course = Course {
        vocab: config.vocab,
        ..Course::default()
    };
    let mut report = ParityReport {
        model: format!(
            "{format:?}, {} cabezas de {}, {} de claves",
            config.heads, config.head_dim, config.kv_heads
        ),
        rows: 0,
        relative_error: 0.0,
        worst_step: (0, 0.0),
        same_token: 0.0,
        wrong_choices: 0,
        same_in_batch: true,
        passes: false,
    };
    let (mut apart, mut whole, mut same) = (0.0, 0.0, 0);
    for rows in STEPS {
        let (ids, plan) = course.step(rows);
        let wanted = logits(&here, &ids, plan.clone())?;
        let (got, chosen) = logits_and_choices(&there, &ids, plan)?;
        let (mut step_apart, mut step_whole) = (0.0, 0.0);
        for ((wanted, got), chosen) in wanted.iter().zip(&got).zip(chosen) {
            for (a, b) in wanted.iter().zip(got) {
                step_apart += f64::from(a - b).powi(2);
                step_whole += f64::from(*a).powi(2);
            }
            let best = best(got);
            same += usize::from(self::best(wanted) == best);
            report.wrong_choices += usize::from(chosen != Some(best));
        }
        report.rows += rows;
        let error = (step_apart / step_whole).sqrt();
        // No number is larger than NaN, so it stays the worst.
        if error.is_nan() || error > report.worst_step.1 {
            report.worst_step = (rows, error);
        }
        apart += step_apart;
        whole += step_whole;
    }
    report.relative_error = (apart / whole).sqrt();
    report.same_token = same as f64 / report.rows as f64;
    report.same_in_batch = same_in_batch(&there, &mut course)?;
    // candle's kernels for blocks sum in an order that depends on the rows.
    let promises_bits = device.is_cpu() || matches!(format, RandomFormat::Dense(_));
    report.passes = report.relative_error <= BOUND
        && report.worst_step.1 <= 2.0 * BOUND
        && report.wrong_choices == 0
        && (report.same_in_batch || !promises_bits);
    Ok(report)
}

/// One row at the end of the sequence, alone and then beside another sequence's rows: the kernels for
/// few rows promise the same bits. Computing a row twice writes the same keys and values again.
fn same_in_batch(forward: &Forward, course: &mut Course) -> Result<bool, ParityError> {
    let (ids, plan) = course.step(1);
    let alone = logits(forward, &ids, plan.clone())?;
    let mut other = Course {
        vocab: course.vocab,
        first_block: 40,
        seed: 5,
        ..Course::default()
    };
    let (more_ids, more) = other.step(5);
    let mut both = plan;
    both.positions.extend(&more.positions);
    both.slots.extend(&more.slots);
    both.spans.extend(more.spans.into_iter().map(|span| Span {
        first_row: 1,
        ..span
    }));
    let together = logits(forward, &[&ids[..], &more_ids].concat(), both)?;
    let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    Ok(bits(&alone[0]) == bits(&together[0]))
}

/// A growing sequence of random tokens, its blocks in an order of their own.
#[derive(Debug, Default)]
struct Course {
    vocab: usize,
    first_block: usize,
    seed: u64,
    computed: usize,
}

impl Course {
    fn step(&mut self, rows: usize) -> (Vec<u32>, StepPlan) {
        let start = self.computed;
        let context = start + rows;
        self.computed = context;
        let ids = (start..context)
            .map(|position| self.token(position))
            .collect();
        // 11 is prime to 24, so each of the sequence's 24 blocks comes once.
        let block = |index: usize| self.first_block + index * 11 % 24;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let slot = |position: usize| {
            number(block(position / BLOCK_TOKENS) * BLOCK_TOKENS + position % BLOCK_TOKENS)
        };
        let blocks = (0..context.div_ceil(BLOCK_TOKENS))
            .map(|index| number(block(index)))
            .collect();
        let plan = StepPlan {
            positions: (start..context).map(number).collect(),
            slots: (start..context).map(slot).collect(),
            spans: vec![Span {
                first_row: 0,
                rows,
                context,
                blocks,
            }],
        };
        (ids, plan)
    }

    fn token(&self, position: usize) -> u32 {
        let drawn = (noise(self.seed, position) * self.vocab as f32) as usize;
        u32::try_from(drawn.min(self.vocab - 1)).unwrap_or(0)
    }
}

fn logits(forward: &Forward, ids: &[u32], plan: StepPlan) -> Result<Vec<Vec<f32>>, ParityError> {
    Ok(logits_and_choices(forward, ids, plan)?.0)
}

type Rows = (Vec<Vec<f32>>, Vec<Option<u32>>);

fn logits_and_choices(forward: &Forward, ids: &[u32], plan: StepPlan) -> Result<Rows, ParityError> {
    let rows: Vec<u32> = (0u32..).take(ids.len()).collect();
    let Some(logits) = forward.run(ids, plan, &rows)? else {
        return Ok((Vec::new(), Vec::new()));
    };
    let chosen = choose(&logits, &vec![RowChoice::default(); ids.len()])?;
    let chosen = chosen
        .iter()
        .map(|choice| choice.finite.then_some(choice.token))
        .collect();
    Ok((logits.to_vec2::<f32>()?, chosen))
}

/// The largest, the first among equals.
fn best(row: &[f32]) -> u32 {
    let mut best = 0;
    for (token, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = token;
        }
    }
    u32::try_from(best).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The processor against itself: whatever the comparison finds there is its own mistake.
    #[test]
    fn the_processor_equals_itself() {
        for (format, bias) in [
            (RandomFormat::Dense(DType::BF16), true),
            (RandomFormat::Quantized(GgmlDType::Q8_0), false),
        ] {
            let report = compare(&config(4, 2, 64, bias), format, &Device::Cpu).unwrap();
            assert!(report.passes, "{report:?}");
            assert_eq!(
                (report.relative_error, report.same_token),
                (0.0, 1.0),
                "{report:?}"
            );
            assert_eq!(report.rows, STEPS.iter().sum::<usize>());
        }
    }
}
