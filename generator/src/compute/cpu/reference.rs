//! Operations in plain serial loops: what the fast kernels are compared with in tests.

use candle_core::Result;
use half::f16;

use super::super::mask::{Chosen, RowChoice};
use super::super::ops::Rotation;
use super::super::plan::{BLOCK_TOKENS, HeadShape, StepPlan};
use super::super::rope::RotaryStyle;

pub(super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks_exact(weight.len()) {
        let squares: f32 = row.iter().map(|v| v * v).sum();
        let scale = 1.0 / (squares / row.len() as f32 + eps).sqrt();
        out.extend(row.iter().zip(weight).map(|(v, w)| v * scale * w));
    }
    out
}

pub(super) fn add_rms_norm(x: &[f32], delta: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mut out: Vec<f32> = x.iter().zip(delta).map(|(a, b)| a + b).collect();
    let normed = rms_norm(&out, weight, eps);
    out.extend(normed);
    out
}

pub(super) fn silu_mul(gate_up: &[f32], half: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(gate_up.len() / 2);
    for row in gate_up.chunks_exact(2 * half) {
        let (gate, up) = row.split_at(half);
        out.extend(gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u));
    }
    out
}

/// Rotates one head.
fn rotate(head: &[f32], out: &mut [f32], cos: &[f32], sin: &[f32], style: RotaryStyle) {
    let half = head.len() / 2;
    for i in 0..half {
        let (a, b) = match style {
            RotaryStyle::Halves => (i, i + half),
            RotaryStyle::Pairs => (2 * i, 2 * i + 1),
        };
        out[a] = head[a] * cos[i] - head[b] * sin[i];
        out[b] = head[b] * cos[i] + head[a] * sin[i];
    }
}

fn tables(rotation: &Rotation<'_>) -> Result<(Vec<f32>, Vec<f32>)> {
    Ok((
        rotation.table.cos.flatten_all()?.to_vec1()?,
        rotation.table.sin.flatten_all()?.to_vec1()?,
    ))
}

pub(super) fn rotate_queries(rotation: &Rotation<'_>, qkv: &[f32]) -> Result<Vec<f32>> {
    let HeadShape {
        heads, head_dim, ..
    } = rotation.shape;
    let (cos, sin) = tables(rotation)?;
    let half = head_dim / 2;
    let mut out = vec![0.0; rotation.plan.rows() * heads * head_dim];
    for (row, &position) in rotation.plan.plan.positions.iter().enumerate() {
        let at = position as usize * half;
        for head in 0..heads {
            let from = &qkv[row * rotation.shape.qkv_width() + head * head_dim..][..head_dim];
            let to = &mut out[(row * heads + head) * head_dim..][..head_dim];
            rotate(
                from,
                to,
                &cos[at..at + half],
                &sin[at..at + half],
                rotation.style,
            );
        }
    }
    Ok(out)
}

pub(super) fn store_keys(rotation: &Rotation<'_>, qkv: &[f32], keys: &mut [f16]) -> Result<()> {
    let HeadShape {
        heads,
        kv_heads,
        head_dim,
    } = rotation.shape;
    let (cos, sin) = tables(rotation)?;
    let half = head_dim / 2;
    let step = &rotation.plan.plan;
    let mut turned = vec![0.0; head_dim];
    for (row, (&position, &slot)) in step.positions.iter().zip(&step.slots).enumerate() {
        let at = position as usize * half;
        let (block, offset) = (slot as usize / BLOCK_TOKENS, slot as usize % BLOCK_TOKENS);
        for head in 0..kv_heads {
            let first = row * rotation.shape.qkv_width() + (heads + head) * head_dim;
            let from = &qkv[first..first + head_dim];
            rotate(
                from,
                &mut turned,
                &cos[at..at + half],
                &sin[at..at + half],
                rotation.style,
            );
            let base = (block * kv_heads + head) * head_dim * BLOCK_TOKENS;
            for (d, &value) in turned.iter().enumerate() {
                keys[base + d * BLOCK_TOKENS + offset] = f16::from_f32(value);
            }
        }
    }
    Ok(())
}

pub(super) fn store_values(rotation: &Rotation<'_>, qkv: &[f32], values: &mut [f16]) -> Result<()> {
    let HeadShape {
        heads,
        kv_heads,
        head_dim,
    } = rotation.shape;
    for (row, &slot) in rotation.plan.plan.slots.iter().enumerate() {
        let (block, offset) = (slot as usize / BLOCK_TOKENS, slot as usize % BLOCK_TOKENS);
        for head in 0..kv_heads {
            let first = row * rotation.shape.qkv_width() + (heads + kv_heads + head) * head_dim;
            let base = ((block * kv_heads + head) * BLOCK_TOKENS + offset) * head_dim;
            for d in 0..head_dim {
                values[base + d] = f16::from_f32(qkv[first + d]);
            }
        }
    }
    Ok(())
}

pub(super) fn attend(
    plan: &StepPlan,
    shape: HeadShape,
    q: &[f32],
    keys: &[f16],
    values: &[f16],
) -> Vec<f32> {
    let HeadShape {
        heads,
        kv_heads,
        head_dim,
    } = shape;
    let scale = 1.0 / (head_dim as f32).sqrt();
    let mut out = vec![0.0; q.len()];
    for span in &plan.spans {
        for row in span.first_row..span.first_row + span.rows {
            let past = plan.positions[row] as usize + 1;
            for head in 0..heads {
                let kv_head = head / shape.group();
                let at = (row * heads + head) * head_dim;
                let query = &q[at..at + head_dim];
                let base = |t: usize| {
                    (span.blocks[t / BLOCK_TOKENS] as usize * kv_heads + kv_head)
                        * head_dim
                        * BLOCK_TOKENS
                };
                let mut scores: Vec<f32> = (0..past)
                    .map(|t| {
                        let key = |d: usize| keys[base(t) + d * BLOCK_TOKENS + t % BLOCK_TOKENS];
                        (0..head_dim)
                            .map(|d| query[d] * key(d).to_f32())
                            .sum::<f32>()
                            * scale
                    })
                    .collect();
                let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for score in &mut scores {
                    *score = (*score - max).exp();
                    sum += *score;
                }
                for d in 0..head_dim {
                    let value =
                        |t: usize| values[base(t) + (t % BLOCK_TOKENS) * head_dim + d].to_f32();
                    out[at + d] = scores
                        .iter()
                        .enumerate()
                        .map(|(t, p)| p * value(t))
                        .sum::<f32>()
                        / sum;
                }
            }
        }
    }
    out
}

pub(super) fn choose(logits: &[f32], vocab: usize, choices: &[RowChoice]) -> Vec<Chosen> {
    logits
        .chunks_exact(vocab)
        .zip(choices)
        .map(|(row, choice)| choose_row(row, choice))
        .collect()
}

fn choose_row(row: &[f32], choice: &RowChoice) -> Chosen {
    let nothing = Chosen {
        token: 0,
        finite: false,
    };
    if row.iter().any(|v| v.is_nan() || *v == f32::INFINITY) {
        return nothing;
    }
    let mut allowed: Vec<(u32, f32)> = (0u32..)
        .zip(row.iter().copied())
        .filter(|(id, _)| choice.mask.as_ref().is_none_or(|mask| mask.allows(*id)))
        .filter(|(_, v)| *v > f32::NEG_INFINITY)
        .collect();
    // Most probable first, the lower id first among equals.
    allowed.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let Some(&(best, max)) = allowed.first() else {
        return nothing;
    };
    if choice.temperature <= 0.0 {
        return Chosen {
            token: best,
            finite: true,
        };
    }
    let mass = |v: f32| f64::from((v - max) / choice.temperature).exp();
    let total: f64 = allowed.iter().map(|(_, v)| mass(*v)).sum();
    let keep = if choice.top_p > 0.0 && choice.top_p < 1.0 {
        f64::from(choice.top_p)
    } else {
        1.0
    };
    let mut kept = 0.0;
    let mut last = 0;
    for (index, (_, v)) in allowed.iter().enumerate() {
        kept += mass(*v);
        last = index;
        if kept >= keep * total {
            break;
        }
    }
    let wanted = f64::from(choice.noise) * kept;
    let mut passed = 0.0;
    for (id, v) in &allowed[..=last] {
        passed += mass(*v);
        if passed > wanted {
            return Chosen {
                token: *id,
                finite: true,
            };
        }
    }
    Chosen {
        token: allowed[last].0,
        finite: true,
    }
}
