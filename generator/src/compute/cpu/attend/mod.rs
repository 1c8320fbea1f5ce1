#![allow(unsafe_code, reason = "vector kernel over a block-wise cache")]
//! Causal attention over the block tables of many sequences.
//!
//! The past of a query is cut at multiples of [`CHUNK_TOKENS`] positions. Each chunk gives a partial
//! softmax (greatest score, sum, weighted values), and these are merged in order. A long past of few
//! queries is computed chunk by chunk in parallel, many queries tile by tile; the arithmetic of a
//! query is the same, so neither rows nor threads change a bit of it.

mod kernel;

use half::f16;

use super::super::plan::{BLOCK_TOKENS, HeadShape, Span, StepPlan};
use super::lanes::{Isa, Lanes, Work};
use super::pool::{Scratch, Shared, filled, parallel, threads};
use kernel::{finish, kernel_bytes, merge, partial_size, piece, sees};

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
    let common = Common {
        shape,
        q,
        keys,
        values,
    };
    let tile = (TILE_QUERIES / shape.group()).max(1);
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
                in_pieces(isa, &common, &units, pieces, out);
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
