#![allow(unsafe_code, reason = "vector kernel over a block-wise cache")]
//! Causal attention over the block tables of many sequences.
//!
//! The past of a query is cut at multiples of [`CHUNK_TOKENS`] positions. Each chunk gives a partial
//! softmax (greatest score, sum, weighted values), and these are merged in order. A long past of few
//! queries is computed chunk by chunk in parallel, many queries tile by tile; the arithmetic of a
//! query is the same, so neither rows nor threads nor how much is held at once change a bit of it.

mod kernel;

use half::f16;

use super::super::plan::{BLOCK_TOKENS, HeadShape, Span, StepPlan};
use super::lanes::{Isa, Lanes, Work};
use super::pool::{Scratch, Shared, filled, parallel, threads};
use kernel::{finish, kernel_bytes, merge, partial_size, piece, sees};

/// Positions whose softmax is computed at once.
const CHUNK_TOKENS: usize = 4 * BLOCK_TOKENS;

/// Bytes of partial results that are held at once: chunks enough for all threads, and no more memory
/// for a longer past.
const PARTIAL_BYTES: usize = 16 << 20;

/// Queries (rows times heads of a group) that share the conversion of a block.
const TILE_QUERIES: usize = 48;

thread_local! {
    static SCRATCH: std::cell::Cell<Scratch> = const { std::cell::Cell::new(Scratch::new()) };
    /// Partial results, kept from layer to layer by the thread that shares the work out.
    static PARTIALS: std::cell::Cell<Scratch> = const { std::cell::Cell::new(Scratch::new()) };
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

    /// Bytes of the partial results of all its chunks.
    fn partial_bytes(&self, shape: HeadShape) -> usize {
        self.chunks() * self.rows * shape.group() * partial_size(shape) * size_of::<f32>()
    }
}

/// The most bytes that partial results take while pasts of up to `context` tokens are read.
pub(crate) fn partial_bytes(shape: HeadShape, context: usize) -> usize {
    let queries = tile_rows(shape) * shape.group();
    let unit = context.div_ceil(CHUNK_TOKENS) * queries * partial_size(shape) * size_of::<f32>();
    unit.max(PARTIAL_BYTES)
}

/// Rows whose queries share the conversion of a block.
fn tile_rows(shape: HeadShape) -> usize {
    (TILE_QUERIES / shape.group()).max(1)
}

/// Cuts the units into runs whose partial results fit into `most` bytes; a unit that needs more goes
/// alone.
fn waves<'u, 'a>(
    units: &'u [Unit<'a>],
    shape: HeadShape,
    most: usize,
) -> impl Iterator<Item = &'u [Unit<'a>]> {
    let mut rest = units;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = |unit: &&Unit<'_>| {
            bytes += unit.partial_bytes(shape);
            bytes <= most
        };
        let count = rest.iter().take_while(fit).count().max(1);
        let (wave, others) = rest.split_at_checked(count)?;
        rest = others;
        Some(wave)
    })
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
    within(PARTIAL_BYTES, isa, plan, shape, q, keys, values)
}

/// As [`on`], with partial results of about `most` bytes at once.
pub(super) fn within(
    most: usize,
    isa: Isa,
    plan: &StepPlan,
    shape: HeadShape,
    q: &[f32],
    keys: &[f16],
    values: &[f16],
) -> Vec<f32> {
    let common = Common {
        shape,
        q,
        keys,
        values,
    };
    let tile = tile_rows(shape);
    let mut units = Vec::new();
    for span in &plan.spans {
        for first in (0..span.rows).step_by(tile) {
            let rows = tile.min(span.rows - first);
            units.extend((0..shape.kv_heads).map(|kv_head| Unit {
                span,
                kv_head,
                first,
                rows,
            }));
        }
    }
    // The longest past first: it would hold up the end.
    units.sort_by_key(|unit| std::cmp::Reverse(unit.context()));
    let work: usize = units
        .iter()
        .map(|u| u.rows * shape.group() * u.context())
        .sum();
    let enough = work * shape.head_dim >= 32 * 1024;
    let pieces: usize = units.iter().map(Unit::chunks).sum();
    // SAFETY: each query of each row belongs to one unit, and that writes it.
    unsafe {
        filled(q.len(), |out: *mut f32| {
            let out = Shared::new(out);
            if enough && units.len() < 4 * threads() && pieces > units.len() {
                for wave in waves(&units, shape, most) {
                    in_pieces(isa, &common, wave, out);
                }
            } else {
                parallel(units.len(), enough, |range| {
                    for unit in &units[range] {
                        isa.run(Whole {
                            common: &common,
                            unit,
                            out,
                        });
                    }
                });
            }
        })
    }
}

/// Chunks in parallel, then their merges.
fn in_pieces(isa: Isa, common: &Common<'_>, units: &[Unit<'_>], out: Shared<f32>) {
    let group = common.shape.group();
    let size = partial_size(common.shape);
    let mut list = Vec::new();
    let mut starts = Vec::with_capacity(units.len());
    let mut total = 0;
    for (index, unit) in units.iter().enumerate() {
        starts.push(total);
        for chunk in 0..unit.chunks() {
            list.push((index, chunk, total));
            total += unit.rows * group * size;
        }
    }
    let mut memory = PARTIALS.replace(Scratch::new());
    let partials = Shared::new(memory.bytes(total * 4).cast::<f32>());
    parallel(list.len(), true, |range| {
        for &(index, chunk, at) in &list[range] {
            // SAFETY: each piece has its own part of the memory.
            let partials = unsafe { partials.get().add(at) };
            isa.run(Piece {
                common,
                unit: &units[index],
                chunk,
                partials,
            });
        }
    });
    for (unit, start) in units.iter().zip(starts) {
        // SAFETY: the unit's pieces stand one after another from there.
        let partials = unsafe { partials.get().add(start) };
        isa.run(Merge {
            common,
            unit,
            partials,
            out,
        });
    }
    PARTIALS.set(memory);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_results_of_any_past_stay_within_their_bound_and_no_unit_is_left_out() {
        // Salamandra-7B: four queries share a key head.
        let shape = HeadShape {
            heads: 32,
            kv_heads: 8,
            head_dim: 128,
        };
        for context in [200, 8_192, 32_768, 262_144] {
            let span = Span {
                first_row: 0,
                rows: 12,
                context,
                blocks: Vec::new(),
            };
            let units: Vec<Unit<'_>> = (0..61)
                .map(|kv_head| Unit {
                    span: &span,
                    kv_head,
                    first: 0,
                    rows: 12,
                })
                .collect();
            let mut next = 0;
            for wave in waves(&units, shape, PARTIAL_BYTES) {
                let bytes: usize = wave.iter().map(|unit| unit.partial_bytes(shape)).sum();
                assert!(bytes <= partial_bytes(shape, context), "{bytes} {context}");
                for unit in wave {
                    assert_eq!(unit.kv_head, next);
                    next += 1;
                }
            }
            assert_eq!(next, units.len());
        }
        assert_eq!(partial_bytes(shape, 8_192), PARTIAL_BYTES);
        assert!(partial_bytes(shape, 262_144) < 4 * PARTIAL_BYTES);
        assert_eq!(waves(&[], shape, 1).count(), 0);
    }
}
