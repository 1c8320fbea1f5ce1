#![allow(unsafe_code, reason = "vector kernel over a block-wise cache")]
//! The partial softmax of one chunk of the past, and how two are joined.

use half::f16;

use super::super::super::plan::{BLOCK_TOKENS, HeadShape};
use super::super::lanes::{LANES, Lanes, exp};
use super::super::pool::Shared;
use super::{CHUNK_TOKENS, Common, Unit};

/// Floats of one query's partial softmax: greatest score, sum, then the weighted values.
pub(super) fn partial_size(shape: HeadShape) -> usize {
    LANES + shape.head_dim.next_multiple_of(LANES)
}

/// Tokens the row of a query sees.
#[inline(always)]
pub(super) fn sees(common: &Common<'_>, unit: &Unit<'_>, query: usize) -> usize {
    unit.span.context - unit.span.rows + unit.first + query / common.shape.group() + 1
}

/// Where a query's head stands in q and in the output.
#[inline(always)]
fn head_at(common: &Common<'_>, unit: &Unit<'_>, query: usize) -> usize {
    let HeadShape {
        heads, head_dim, ..
    } = common.shape;
    let group = common.shape.group();
    let row = unit.span.first_row + unit.first + query / group;
    (row * heads + unit.kv_head * group + query % group) * head_dim
}

/// Where a block of the unit's sequence stands in the keys and in the values.
#[inline(always)]
fn block_at(common: &Common<'_>, unit: &Unit<'_>, block: usize) -> usize {
    let HeadShape {
        kv_heads, head_dim, ..
    } = common.shape;
    (unit.span.blocks[block] as usize * kv_heads + unit.kv_head) * head_dim * BLOCK_TOKENS
}

/// Bytes [`piece`] needs: a block as f32, and the scores of every query in a chunk.
pub(super) fn kernel_bytes(shape: HeadShape, queries: usize) -> usize {
    let block = BLOCK_TOKENS * shape.head_dim.next_multiple_of(LANES);
    (block + queries * CHUNK_TOKENS) * 4
}

/// The partial softmax of each query of `unit` over one chunk. Queries that see nothing of the chunk
/// get nothing.
#[inline(always)]
pub(super) unsafe fn piece<L: Lanes>(
    common: &Common<'_>,
    unit: &Unit<'_>,
    chunk: usize,
    memory: *mut u8,
    partials: *mut f32,
) {
    let head_dim = common.shape.head_dim;
    let queries = unit.rows * common.shape.group();
    let padded = head_dim.next_multiple_of(LANES);
    let size = partial_size(common.shape);
    let start = chunk * CHUNK_TOKENS;
    let end = unit.context().min(start + CHUNK_TOKENS);
    let blocks = (start / BLOCK_TOKENS)..end.div_ceil(BLOCK_TOKENS);
    // Queries in order of their rows: all from `seeing` on see something of the chunk.
    let seeing = (0..queries)
        .find(|&q| sees(common, unit, q) > start)
        .unwrap_or(queries);
    // SAFETY: memory and partials are as `kernel_bytes` and `partial_size` say; blocks are in the
    // cache, which `ops::attend` has checked.
    unsafe {
        let block_f32 = memory.cast::<f32>();
        let scores = block_f32.add(BLOCK_TOKENS * padded);
        for block in blocks.clone() {
            let base = block_at(common, unit, block);
            let keys = &common.keys[base..base + head_dim * BLOCK_TOKENS];
            let (following, of) = if block + 1 < blocks.end {
                (block + 1, common.keys)
            } else {
                (blocks.start, common.values)
            };
            let next = of.as_ptr().wrapping_add(block_at(common, unit, following));
            for i in (0..keys.len()).step_by(LANES) {
                L::prefetch(next.wrapping_add(i).cast());
                L::store(block_f32.add(i), L::load_f16(keys.as_ptr().add(i).cast()));
            }
            let to = scores.add((block * BLOCK_TOKENS) - start);
            let mut query = seeing;
            while query < queries {
                let left = queries - query;
                if L::QUERIES >= 4 && left >= 4 {
                    block_scores::<L, 4>(common, unit, query, block_f32, to);
                    query += 4;
                } else if L::QUERIES >= 4 && left == 3 {
                    block_scores::<L, 3>(common, unit, query, block_f32, to);
                    query += 3;
                } else if L::QUERIES >= 2 && left >= 2 {
                    block_scores::<L, 2>(common, unit, query, block_f32, to);
                    query += 2;
                } else {
                    block_scores::<L, 1>(common, unit, query, block_f32, to);
                    query += 1;
                }
            }
        }
        for query in seeing..queries {
            let count = sees(common, unit, query).min(end) - start;
            let to = partials.add(query * size);
            weights::<L>(scores.add(query * CHUNK_TOKENS), count, to);
            for d in (0..padded).step_by(LANES) {
                L::store(to.add(LANES + d), L::zero());
            }
        }
        for block in blocks.clone() {
            let first = block * BLOCK_TOKENS;
            let base = block_at(common, unit, block);
            let values = &common.values[base..base + head_dim * BLOCK_TOKENS];
            // The next block's values, then the next chunk's keys if there is one.
            let (following, of) = if block + 1 < blocks.end {
                (block + 1, common.values)
            } else {
                (blocks.end.min(unit.span.blocks.len() - 1), common.keys)
            };
            let next = of.as_ptr().wrapping_add(block_at(common, unit, following));
            for i in (0..values.len()).step_by(2 * LANES) {
                L::prefetch(next.wrapping_add(i).cast());
            }
            // Slots after the last token may hold anything, NaN too: they are not read.
            let tokens = BLOCK_TOKENS.min(end - first);
            widen_values::<L>(values, head_dim, padded, tokens, block_f32);
            let weights = scores.add(first - start);
            let mut query = seeing;
            while query < queries {
                let left = queries - query;
                let count = |last: usize| {
                    tokens.min(sees(common, unit, query + last).saturating_sub(first))
                };
                let to = partials.add(query * size + LANES);
                let from = weights.add(query * CHUNK_TOKENS);
                if L::QUERIES >= 4 && left >= 4 {
                    weigh::<L, 4>(from, count(3), block_f32, padded, to, size);
                    query += 4;
                } else if L::QUERIES >= 4 && left == 3 {
                    weigh::<L, 3>(from, count(2), block_f32, padded, to, size);
                    query += 3;
                } else if L::QUERIES >= 2 && left >= 2 {
                    weigh::<L, 2>(from, count(1), block_f32, padded, to, size);
                    query += 2;
                } else {
                    weigh::<L, 1>(from, count(0), block_f32, padded, to, size);
                    query += 1;
                }
            }
        }
    }
}

/// A block's values as f32, rows padded with zeros to whole vectors.
#[inline(always)]
unsafe fn widen_values<L: Lanes>(
    values: &[f16],
    head_dim: usize,
    padded: usize,
    tokens: usize,
    to: *mut f32,
) {
    // SAFETY: `to` has room for a block of padded rows; the tail goes through a copy.
    unsafe {
        for token in 0..tokens {
            let from = values.as_ptr().add(token * head_dim).cast::<u16>();
            let to = to.add(token * padded);
            let whole = head_dim / LANES * LANES;
            for d in (0..whole).step_by(LANES) {
                L::store(to.add(d), L::load_f16(from.add(d)));
            }
            if whole < padded {
                let mut rest = [0u16; LANES];
                rest.as_mut_ptr()
                    .copy_from_nonoverlapping(from.add(whole), head_dim - whole);
                L::store(to.add(whole), L::load_f16(rest.as_ptr()));
            }
        }
    }
}

/// Scores of `Q` queries with a block of keys `[head_dim][BLOCK_TOKENS]`: `Σ over d, in order`, then
/// times `1/sqrt(head_dim)`. `to` is the first query's place in the chunk.
#[inline(always)]
unsafe fn block_scores<L: Lanes, const Q: usize>(
    common: &Common<'_>,
    unit: &Unit<'_>,
    query: usize,
    keys: *const f32,
    to: *mut f32,
) {
    let head_dim = common.shape.head_dim;
    // SAFETY: every query has `head_dim` elements in q and CHUNK_TOKENS scores.
    unsafe {
        let mut from = [common.q.as_ptr(); Q];
        for (i, from) in from.iter_mut().enumerate() {
            *from = from.add(head_at(common, unit, query + i));
        }
        let mut sums = [[L::zero(); 2]; Q];
        for d in 0..head_dim {
            let low = L::load(keys.add(d * BLOCK_TOKENS));
            let high = L::load(keys.add(d * BLOCK_TOKENS + LANES));
            for (i, sums) in sums.iter_mut().enumerate() {
                let q = L::splat(*from[i].add(d));
                sums[0] = L::fma(q, low, sums[0]);
                sums[1] = L::fma(q, high, sums[1]);
            }
        }
        let scale = L::splat(1.0 / (head_dim as f32).sqrt());
        for (i, sums) in sums.into_iter().enumerate() {
            let to = to.add((query + i) * CHUNK_TOKENS);
            L::store(to, L::mul(sums[0], scale));
            L::store(to.add(LANES), L::mul(sums[1], scale));
        }
    }
}

/// The first `count` scores to `e^(score - greatest)`, the rest of the chunk to 0; `to` gets the
/// greatest and the sum.
#[inline(always)]
unsafe fn weights<L: Lanes>(scores: *mut f32, count: usize, to: *mut f32) {
    // SAFETY: the chunk has CHUNK_TOKENS scores, `to` two floats.
    unsafe {
        let vectors = count.div_ceil(LANES);
        let last = count - (vectors - 1) * LANES;
        let bits = u16::MAX >> (LANES - last);
        let tail = scores.add((vectors - 1) * LANES);
        let none = L::splat(f32::NEG_INFINITY);
        L::store(tail, L::select(bits, L::load(tail), none));
        let mut greatest = none;
        for v in 0..vectors {
            greatest = L::max(L::load(scores.add(v * LANES)), greatest);
        }
        let greatest = L::greatest(greatest);
        let mut sum = L::zero();
        for v in 0..vectors {
            let at = scores.add(v * LANES);
            let weight = exp::<L>(L::sub(L::load(at), L::splat(greatest)));
            L::store(at, weight);
            sum = L::add(sum, weight);
        }
        for v in vectors..CHUNK_TOKENS / LANES {
            L::store(scores.add(v * LANES), L::zero());
        }
        to.write(greatest);
        to.add(1).write(L::sum(sum));
    }
}

/// Adds `weight * value` of the first `tokens` tokens of a block, in order, to the sums of `Q` queries
/// that stand `size` apart. Weights of tokens a query does not see are 0 and change nothing.
#[inline(always)]
unsafe fn weigh<L: Lanes, const Q: usize>(
    weights: *const f32,
    tokens: usize,
    values: *const f32,
    padded: usize,
    to: *mut f32,
    size: usize,
) {
    // SAFETY: as the caller's areas.
    unsafe {
        let mut d = 0;
        while d < padded {
            if L::QUERIES >= 4 && padded - d >= 4 * LANES {
                weigh_part::<L, Q, 4>(weights, tokens, values.add(d), padded, to.add(d), size);
                d += 4 * LANES;
            } else {
                weigh_part::<L, Q, 1>(weights, tokens, values.add(d), padded, to.add(d), size);
                d += LANES;
            }
        }
    }
}

#[inline(always)]
unsafe fn weigh_part<L: Lanes, const Q: usize, const D: usize>(
    weights: *const f32,
    tokens: usize,
    values: *const f32,
    padded: usize,
    to: *mut f32,
    size: usize,
) {
    // SAFETY: as the caller's areas.
    unsafe {
        let mut sums = [[L::zero(); D]; Q];
        for (q, sums) in sums.iter_mut().enumerate() {
            for (d, sum) in sums.iter_mut().enumerate() {
                *sum = L::load(to.add(q * size + d * LANES));
            }
        }
        for token in 0..tokens {
            let mut value = [L::zero(); D];
            for (d, value) in value.iter_mut().enumerate() {
                *value = L::load(values.add(token * padded + d * LANES));
            }
            for (q, sums) in sums.iter_mut().enumerate() {
                let weight = L::splat(*weights.add(q * CHUNK_TOKENS + token));
                for (d, sum) in sums.iter_mut().enumerate() {
                    *sum = L::fma(weight, value[d], *sum);
                }
            }
        }
        for (q, sums) in sums.into_iter().enumerate() {
            for (d, sum) in sums.into_iter().enumerate() {
                L::store(to.add(q * size + d * LANES), sum);
            }
        }
    }
}

/// Joins the next chunk's partial softmax to the state.
#[inline(always)]
pub(super) unsafe fn merge<L: Lanes>(shape: HeadShape, state: *mut f32, next: *const f32) {
    // SAFETY: both are partials of this shape.
    unsafe {
        let (a, b) = (*state, *next);
        let greatest = if a > b { a } else { b };
        let scale = [a - greatest, b - greatest].map(|x| {
            let mut value = [0.0f32; LANES];
            value[0] = x;
            value
        });
        let mut factor = [0.0f32; LANES];
        L::store(factor.as_mut_ptr(), exp::<L>(L::load(scale[0].as_ptr())));
        let keep = factor[0];
        L::store(factor.as_mut_ptr(), exp::<L>(L::load(scale[1].as_ptr())));
        let take = factor[0];
        state.write(greatest);
        state
            .add(1)
            .write((*state.add(1)).mul_add(keep, *next.add(1) * take));
        for d in (LANES..partial_size(shape)).step_by(LANES) {
            let added = L::mul(L::load(next.add(d)), L::splat(take));
            L::store(
                state.add(d),
                L::fma(L::load(state.add(d)), L::splat(keep), added),
            );
        }
    }
}

/// Divides by the sum and writes one query's result.
#[inline(always)]
pub(super) unsafe fn finish<L: Lanes>(
    common: &Common<'_>,
    unit: &Unit<'_>,
    query: usize,
    state: *const f32,
    out: Shared<f32>,
) {
    let head_dim = common.shape.head_dim;
    // SAFETY: this query's place in the output is its own.
    unsafe {
        let to = out.get().add(head_at(common, unit, query));
        let inverse = L::splat(1.0 / *state.add(1));
        let whole = head_dim / LANES * LANES;
        for d in (0..whole).step_by(LANES) {
            L::store(to.add(d), L::mul(L::load(state.add(LANES + d)), inverse));
        }
        if whole < head_dim {
            let mut rest = [0.0; LANES];
            L::store(
                rest.as_mut_ptr(),
                L::mul(L::load(state.add(LANES + whole)), inverse),
            );
            to.add(whole)
                .copy_from_nonoverlapping(rest.as_ptr(), head_dim - whole);
        }
    }
}
