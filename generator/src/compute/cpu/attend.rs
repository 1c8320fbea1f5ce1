#![allow(unsafe_code, reason = "vector kernel over a block-wise cache")]
//! Causal attention over the block tables of many sequences.
//!
//! The past of a query is cut at multiples of [`CHUNK_TOKENS`] positions. Each chunk gives a partial
//! softmax (greatest score, sum, weighted values), and these are merged in order. A long past of few
//! queries is computed chunk by chunk in parallel, many queries tile by tile; the arithmetic of a
//! query is the same, so neither rows nor threads change a bit of it.

use half::f16;

use super::super::plan::{BLOCK_TOKENS, HeadShape, Span, StepPlan};
use super::lanes::{Isa, LANES, Lanes, Work, exp};
use super::pool::{Scratch, Shared, filled, parallel, threads};

/// Positions whose softmax is computed at once.
const CHUNK_TOKENS: usize = 4 * BLOCK_TOKENS;

/// Queries (rows times heads of a group) that share the conversion of a block.
const TILE_QUERIES: usize = 48;

thread_local! {
    static SCRATCH: std::cell::Cell<Scratch> = const { std::cell::Cell::new(Scratch::new()) };
}

/// Some rows of a sequence and the queries of one group of heads.
#[derive(Clone, Copy)]
struct Unit<'a> {
    span: &'a Span,
    kv_head: usize,
    /// Rows of the span.
    first: usize,
    rows: usize,
}

impl Unit<'_> {
    /// Tokens the last row sees.
    fn context(&self) -> usize {
        self.span.context - self.span.rows + self.first + self.rows
    }

    fn chunks(&self) -> usize {
        self.context().div_ceil(CHUNK_TOKENS)
    }
}

/// What all units read.
#[derive(Clone, Copy)]
struct Common<'a> {
    shape: HeadShape,
    q: &'a [f32],
    keys: &'a [f16],
    values: &'a [f16],
}

/// `[rows, heads * head_dim]` queries to the same shape.
pub(in super::super) fn attend(
    plan: &StepPlan,
    shape: HeadShape,
    q: &[f32],
    keys: &[f16],
    values: &[f16],
) -> Vec<f32> {
    on(Isa::best(), plan, shape, q, keys, values)
}

pub(super) fn on(
    isa: Isa,
    plan: &StepPlan,
    shape: HeadShape,
    q: &[f32],
    keys: &[f16],
    values: &[f16],
) -> Vec<f32> {
    let common = Common { shape, q, keys, values };
    let tile = (TILE_QUERIES / shape.group()).max(1);
    let mut units = Vec::new();
    for span in &plan.spans {
        for first in (0..span.rows).step_by(tile) {
            let rows = tile.min(span.rows - first);
            units.extend((0..shape.kv_heads).map(|kv_head| Unit { span, kv_head, first, rows }));
        }
    }
    // The longest past first: it would hold up the end.
    units.sort_by_key(|unit| std::cmp::Reverse(unit.context()));
    let work: usize = units.iter().map(|u| u.rows * shape.group() * u.context()).sum();
    let enough = work * shape.head_dim >= 32 * 1024;
    let pieces: usize = units.iter().map(Unit::chunks).sum();
    // SAFETY: each query of each row belongs to one unit, and that writes it.
    unsafe {
        filled(q.len(), |out: *mut f32| {
            let out = Shared::new(out);
            if enough && units.len() < 4 * threads() && pieces > units.len() {
                in_pieces(isa, &common, &units, pieces, out);
            } else {
                parallel(units.len(), enough, |range| {
                    for unit in &units[range] {
                        isa.run(Whole { common: &common, unit, out });
                    }
                });
            }
        })
    }
}

/// Floats of one query's partial softmax: greatest score, sum, then the weighted values.
fn partial_size(shape: HeadShape) -> usize {
    LANES + shape.head_dim.next_multiple_of(LANES)
}

/// Chunks in parallel, then their merges.
fn in_pieces(isa: Isa, common: &Common<'_>, units: &[Unit<'_>], pieces: usize, out: Shared<f32>) {
    let group = common.shape.group();
    let size = partial_size(common.shape);
    let mut list = Vec::with_capacity(pieces);
    let mut starts = Vec::with_capacity(units.len());
    let mut total = 0;
    for (index, unit) in units.iter().enumerate() {
        starts.push(total);
        for chunk in 0..unit.chunks() {
            list.push((index, chunk, total));
            total += unit.rows * group * size;
        }
    }
    let mut memory = Scratch::new();
    let partials = Shared::new(memory.bytes(total * 4).cast::<f32>());
    parallel(list.len(), true, |range| {
        for &(index, chunk, at) in &list[range] {
            // SAFETY: each piece has its own part of the memory.
            let partials = unsafe { partials.get().add(at) };
            isa.run(Piece { common, unit: &units[index], chunk, partials });
        }
    });
    for (unit, start) in units.iter().zip(starts) {
        // SAFETY: the unit's pieces stand one after another from there.
        let partials = unsafe { partials.get().add(start) };
        isa.run(Merge { common, unit, partials, out });
    }
}

/// One unit from beginning to end.
struct Whole<'a> {
    common: &'a Common<'a>,
    unit: &'a Unit<'a>,
    out: Shared<f32>,
}

impl Work for Whole<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (common, unit) = (self.common, self.unit);
        let size = partial_size(common.shape);
        let queries = unit.rows * common.shape.group();
        let mut scratch = SCRATCH.replace(Scratch::new());
        let kernel = kernel_bytes(common.shape, queries);
        let memory = scratch.bytes(kernel + 2 * queries * size * 4);
        // SAFETY: the scratch holds the kernel's area and two partials for each query.
        unsafe {
            let states = memory.add(kernel).cast::<f32>();
            let partials = states.add(queries * size);
            for chunk in 0..unit.chunks() {
                let to = if chunk == 0 { states } else { partials };
                piece::<L>(common, unit, chunk, memory, to);
                if chunk > 0 {
                    for query in 0..queries {
                        if sees(common, unit, query) > chunk * CHUNK_TOKENS {
                            let at = query * size;
                            merge::<L>(common.shape, states.add(at), partials.add(at));
                        }
                    }
                }
            }
            for query in 0..queries {
                finish::<L>(common, unit, query, states.add(query * size), self.out);
            }
        }
        SCRATCH.set(scratch);
    }
}

/// One chunk of one unit.
struct Piece<'a> {
    common: &'a Common<'a>,
    unit: &'a Unit<'a>,
    chunk: usize,
    partials: *mut f32,
}

impl Work for Piece<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let queries = self.unit.rows * self.common.shape.group();
        let mut scratch = SCRATCH.replace(Scratch::new());
        let memory = scratch.bytes(kernel_bytes(self.common.shape, queries));
        // SAFETY: the areas are as large as they must be.
        unsafe { piece::<L>(self.common, self.unit, self.chunk, memory, self.partials) }
        SCRATCH.set(scratch);
    }
}

/// The chunks of one unit into one, and out.
struct Merge<'a> {
    common: &'a Common<'a>,
    unit: &'a Unit<'a>,
    partials: *mut f32,
    out: Shared<f32>,
}

impl Work for Merge<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let (common, unit) = (self.common, self.unit);
        let size = partial_size(common.shape);
        let queries = unit.rows * common.shape.group();
        for query in 0..queries {
            // SAFETY: the partials of chunk c stand at c * queries.
            unsafe {
                let state = self.partials.add(query * size);
                for chunk in 1..unit.chunks() {
                    if sees(common, unit, query) > chunk * CHUNK_TOKENS {
                        let next = self.partials.add((chunk * queries + query) * size);
                        merge::<L>(common.shape, state, next);
                    }
                }
                finish::<L>(common, unit, query, state, self.out);
            }
        }
    }
}

/// Tokens the row of a query sees.
#[inline(always)]
fn sees(common: &Common<'_>, unit: &Unit<'_>, query: usize) -> usize {
    unit.span.context - unit.span.rows + unit.first + query / common.shape.group() + 1
}

/// Where a query's head stands in q and in the output.
#[inline(always)]
fn head_at(common: &Common<'_>, unit: &Unit<'_>, query: usize) -> usize {
    let HeadShape { heads, head_dim, .. } = common.shape;
    let group = common.shape.group();
    let row = unit.span.first_row + unit.first + query / group;
    (row * heads + unit.kv_head * group + query % group) * head_dim
}

/// Bytes [`piece`] needs: a block as f32, and the scores of every query in a chunk.
fn kernel_bytes(shape: HeadShape, queries: usize) -> usize {
    let block = BLOCK_TOKENS * shape.head_dim.next_multiple_of(LANES);
    (block + queries * CHUNK_TOKENS) * 4
}

/// The partial softmax of each query of `unit` over one chunk. Queries that see nothing of the chunk
/// get nothing.
#[inline(always)]
unsafe fn piece<L: Lanes>(
    common: &Common<'_>,
    unit: &Unit<'_>,
    chunk: usize,
    memory: *mut u8,
    partials: *mut f32,
) {
    let HeadShape { kv_heads, head_dim, .. } = common.shape;
    let queries = unit.rows * common.shape.group();
    let padded = head_dim.next_multiple_of(LANES);
    let size = partial_size(common.shape);
    let start = chunk * CHUNK_TOKENS;
    let end = unit.context().min(start + CHUNK_TOKENS);
    let blocks = (start / BLOCK_TOKENS)..end.div_ceil(BLOCK_TOKENS);
    // Queries in order of their rows: all from `seeing` on see something of the chunk.
    let seeing = (0..queries).find(|&q| sees(common, unit, q) > start).unwrap_or(queries);
    // SAFETY: memory and partials are as `kernel_bytes` and `partial_size` say; blocks are in the
    // cache, which `ops::attend` has checked.
    unsafe {
        let block_f32 = memory.cast::<f32>();
        let scores = block_f32.add(BLOCK_TOKENS * padded);
        for block in blocks.clone() {
            let base = (unit.span.blocks[block] as usize * kv_heads + unit.kv_head)
                * head_dim
                * BLOCK_TOKENS;
            let keys = &common.keys[base..base + head_dim * BLOCK_TOKENS];
            for i in (0..keys.len()).step_by(LANES) {
                L::store(block_f32.add(i), L::load_f16(keys.as_ptr().add(i).cast()));
            }
            let to = scores.add((block * BLOCK_TOKENS) - start);
            let mut query = seeing;
            while query < queries {
                let left = queries - query;
                if L::QUERIES >= 4 && left >= 4 {
                    block_scores::<L, 4>(common, unit, query, block_f32, to);
                    query += 4;
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
        for block in blocks {
            let first = block * BLOCK_TOKENS;
            let base = (unit.span.blocks[block] as usize * kv_heads + unit.kv_head)
                * head_dim
                * BLOCK_TOKENS;
            let values = &common.values[base..base + head_dim * BLOCK_TOKENS];
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
                rest.as_mut_ptr().copy_from_nonoverlapping(from.add(whole), head_dim - whole);
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
unsafe fn merge<L: Lanes>(shape: HeadShape, state: *mut f32, next: *const f32) {
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
        state.add(1).write((*state.add(1)).mul_add(keep, *next.add(1) * take));
        for d in (LANES..partial_size(shape)).step_by(LANES) {
            let added = L::mul(L::load(next.add(d)), L::splat(take));
            L::store(state.add(d), L::fma(L::load(state.add(d)), L::splat(keep), added));
        }
    }
}

/// Divides by the sum and writes one query's result.
#[inline(always)]
unsafe fn finish<L: Lanes>(
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
            L::store(rest.as_mut_ptr(), L::mul(L::load(state.add(LANES + whole)), inverse));
            to.add(whole).copy_from_nonoverlapping(rest.as_ptr(), head_dim - whole);
        }
    }
}
