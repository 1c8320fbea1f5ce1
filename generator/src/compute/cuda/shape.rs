//! How work is cut for the kernels: arithmetic on sizes, no device. The constants stand in the kernels
//! under the same names.

use super::super::plan::{HeadShape, StepPlan};

/// Tokens of the past that one block of the decoding kernel takes (`kernels/decode.cu`).
pub(super) const PART_TOKENS: usize = 128;
/// Query heads that one block of the decoding kernel serves.
pub(super) const GROUP: usize = 8;
/// Queries of a block, and tokens of a tile, of the prefill kernel (`kernels/prefill.cu`).
pub(super) const TILE: usize = 64;
/// Blocks that search one row of logits (`kernels/sample.cu`).
pub(super) const SLICES: usize = 64;
/// Rows up to which the products are memory-bound enough for our own kernel (`kernels/gemv.cu`); above,
/// cuBLAS. To be measured.
pub(super) const GEMV_ROWS: usize = 16;

/// Spans of up to so many rows are attended to row by row: their blocks then run over parts of the past
/// at once, where the prefill kernel would walk it from end to end with few blocks.
const SINGLE_ROWS: usize = 16;
/// Bytes of partial results of the decoding kernel that are worth holding at once.
const PARTIAL_BYTES: usize = 64 << 20;

/// A step plan as one array of words for the device, and where its sections begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedPlan {
    pub(super) words: Vec<u32>,
    /// Slots; the positions stand at 0.
    pub(super) slots: usize,
    /// Pairs of row and beginning of its block table, for [`Self::single_positions`] rows.
    pub(super) singles: usize,
    /// `[first_row, rows, first_position, beginning of its block table]` of the other spans.
    pub(super) spans: usize,
    pub(super) span_count: usize,
    /// Rows of the longest of those.
    pub(super) longest: usize,
    /// Block tables; "beginning of its block table" counts from here.
    pub(super) tables: usize,
    /// Position of each row that is attended to by itself.
    pub(super) single_positions: Vec<u32>,
}

pub(super) fn pack(plan: &StepPlan) -> PackedPlan {
    let mut singles = Vec::new();
    let mut single_positions = Vec::new();
    let mut spans = Vec::new();
    let mut longest = 0;
    let mut tables = Vec::new();
    for span in &plan.spans {
        let table = word(tables.len());
        tables.extend_from_slice(&span.blocks);
        let start = span.context - span.rows;
        if span.rows <= SINGLE_ROWS {
            for i in 0..span.rows {
                singles.extend([word(span.first_row + i), table]);
                single_positions.push(word(start + i));
            }
        } else {
            spans.extend([word(span.first_row), word(span.rows), word(start), table]);
            longest = longest.max(span.rows);
        }
    }
    let rows = plan.positions.len();
    let mut words = plan.positions.clone();
    words.extend_from_slice(&plan.slots);
    // Sections are read in pairs and fours.
    words.resize(words.len().next_multiple_of(4), 0);
    let at_singles = words.len();
    words.extend_from_slice(&singles);
    words.resize(words.len().next_multiple_of(4), 0);
    let at_spans = words.len();
    words.extend_from_slice(&spans);
    let at_tables = words.len();
    words.extend_from_slice(&tables);
    PackedPlan {
        words,
        slots: rows,
        singles: at_singles,
        spans: at_spans,
        span_count: spans.len() / 4,
        longest,
        tables: at_tables,
        single_positions,
    }
}

/// Rows, tokens and blocks are counted in words on the device; the cache is far smaller than 2³² tokens.
fn word(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// One launch of the decoding kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wave {
    /// Its first row in the list of single rows.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// Parts of the longest past among them.
    pub(super) parts: usize,
}

/// Cuts the single rows into launches whose partial results fit into [`PARTIAL_BYTES`] (a row that alone
/// needs more goes alone).
pub(super) fn waves(positions: &[u32], shape: HeadShape) -> Vec<Wave> {
    let per_part = shape.heads * (shape.head_dim + 2) * size_of::<f32>();
    let parts_of = |position: u32| (position as usize + 1).div_ceil(PART_TOKENS);
    let mut waves: Vec<Wave> = Vec::new();
    for (row, &position) in positions.iter().enumerate() {
        let parts = parts_of(position);
        if let Some(wave) = waves.last_mut() {
            let together = wave.parts.max(parts);
            if (wave.rows + 1) * together * per_part <= PARTIAL_BYTES {
                wave.rows += 1;
                wave.parts = together;
                continue;
            }
        }
        waves.push(Wave {
            first: row,
            rows: 1,
            parts,
        });
    }
    waves
}

/// Blocks of the prefill kernel along the longest span.
pub(super) fn tiles(longest: usize, shape: HeadShape) -> usize {
    longest.div_ceil((TILE / shape.group().max(1)).max(1))
}

/// Blocks of the decoding kernel across the heads.
pub(super) fn head_blocks(shape: HeadShape) -> usize {
    shape.kv_heads * shape.group().div_ceil(GROUP)
}

/// What the attention kernels can serve: their head sizes, and groups that fit into a tile.
pub(super) fn attention_fits(shape: HeadShape) -> bool {
    matches!(shape.head_dim, 64 | 128) && shape.group() <= TILE
}

/// What of a model with such heads and widths the kernels do not serve, in words for people; `None`
/// where they serve all of it. What is refused here would load and then fail at the first step.
pub(crate) fn not_served(shape: HeadShape, hidden: usize, intermediate: usize) -> Option<String> {
    if !attention_fits(shape) {
        return Some(format!(
            "sus cabezas de atención son de {} en grupos de {}, y se admiten de 64 o 128 en grupos de hasta {TILE}",
            shape.head_dim,
            shape.group()
        ));
    }
    if norm_threads(hidden).is_none() {
        return Some(format!(
            "sus filas son de {hidden}, y se admiten múltiplos de 8 hasta {MOST_COLUMNS}"
        ));
    }
    // As `rows::silu_mul` moves them, eight at a time.
    (!intermediate.is_multiple_of(8)).then(|| {
        format!("sus filas intermedias son de {intermediate}, y se admiten múltiplos de 8")
    })
}

/// Bytes of shared memory of the prefill kernel: two tiles each of keys and values, bf16.
pub(super) fn prefill_shared_bytes(head_dim: usize) -> usize {
    4 * TILE * head_dim * 2
}

/// Columns of the longest row that is normalised: four loads of eight for each of 1024 threads.
const MOST_COLUMNS: usize = 4 * 8 * 1024;

/// Threads that normalise one row of `columns` values, eight to a load, up to four loads a thread.
pub(super) fn norm_threads(columns: usize) -> Option<usize> {
    let wide = columns / 8;
    let threads = wide.next_multiple_of(32).min(1024);
    (columns > 0 && columns.is_multiple_of(8) && wide <= 4 * threads).then_some(threads)
}

#[cfg(test)]
mod tests {
    use super::super::super::plan::{BLOCK_TOKENS, Span};
    use super::*;

    const ALIA: HeadShape = HeadShape {
        heads: 64,
        kv_heads: 8,
        head_dim: 128,
    };

    /// Spans of `(rows, context)` one after another, each with blocks of its own.
    fn plan(spans: &[(usize, usize)]) -> StepPlan {
        let mut plan = StepPlan::default();
        let mut block = 100;
        for &(rows, context) in spans {
            let blocks: Vec<u32> = (0..context.div_ceil(BLOCK_TOKENS))
                .map(|i| block + i as u32)
                .collect();
            block += 1000;
            let first_row = plan.positions.len();
            for position in context - rows..context {
                plan.positions.push(position as u32);
                let slot = blocks[position / BLOCK_TOKENS] as usize * BLOCK_TOKENS;
                plan.slots.push((slot + position % BLOCK_TOKENS) as u32);
            }
            plan.spans.push(Span {
                first_row,
                rows,
                context,
                blocks,
            });
        }
        plan
    }

    /// What the kernels find when they follow the words must be what the plan says.
    #[test]
    fn the_words_lead_every_row_to_its_own_blocks() {
        let plan = plan(&[(1, 300), (40, 40), (5, 100), (200, 1000), (1, 1)]);
        let packed = pack(&plan);
        let words = &packed.words;
        assert_eq!(&words[..plan.positions.len()], &plan.positions[..]);
        assert_eq!(
            &words[packed.slots..packed.slots + plan.slots.len()],
            &plan.slots[..]
        );
        let span_of = |row: usize| {
            plan.spans
                .iter()
                .find(|s| (s.first_row..s.first_row + s.rows).contains(&row))
                .unwrap()
        };
        let table =
            |beginning: u32, count: usize| &words[packed.tables + beginning as usize..][..count];
        let mut seen = Vec::new();
        for (i, &position) in packed.single_positions.iter().enumerate() {
            let [row, beginning] = words[packed.singles + 2 * i..][..2] else {
                panic!()
            };
            assert_eq!(plan.positions[row as usize], position);
            let span = span_of(row as usize);
            assert_eq!(table(beginning, span.blocks.len()), &span.blocks[..]);
            seen.push(row as usize);
        }
        for i in 0..packed.span_count {
            let [first, rows, position, beginning] = words[packed.spans + 4 * i..][..4] else {
                panic!()
            };
            let span = span_of(first as usize);
            assert_eq!((first as usize, rows as usize), (span.first_row, span.rows));
            assert_eq!(position as usize, span.context - span.rows);
            assert_eq!(table(beginning, span.blocks.len()), &span.blocks[..]);
            seen.extend(first as usize..(first + rows) as usize);
        }
        seen.sort_unstable();
        assert_eq!(
            seen,
            (0..plan.positions.len()).collect::<Vec<_>>(),
            "every row once"
        );
        assert_eq!(
            (packed.singles % 4, packed.spans % 4),
            (0, 0),
            "read in pairs and fours"
        );
        assert_eq!(packed.longest, 200);
    }

    #[test]
    fn the_waves_cover_every_row_once_and_hold_their_longest_past() {
        let positions: Vec<u32> = (0..500).map(|i| i * 97 % 32_768).collect();
        let waves = waves(&positions, ALIA);
        let mut next = 0;
        for wave in &waves {
            assert_eq!(wave.first, next);
            next += wave.rows;
            let most = positions[wave.first..next].iter().max().copied().unwrap() as usize;
            assert_eq!(wave.parts, (most + 1).div_ceil(PART_TOKENS));
            let bytes = wave.rows * wave.parts * ALIA.heads * (ALIA.head_dim + 2) * 4;
            assert!(
                wave.rows == 1 || bytes <= PARTIAL_BYTES,
                "{wave:?} takes {bytes} bytes"
            );
        }
        assert_eq!(next, positions.len());
    }

    #[test]
    fn thirty_two_users_at_two_thousand_tokens_are_one_launch() {
        assert_eq!(
            waves(
                &[2047; 32],
                HeadShape {
                    heads: 32,
                    kv_heads: 8,
                    head_dim: 128
                }
            )
            .len(),
            1
        );
        assert_eq!(
            waves(&[0], ALIA),
            [Wave {
                first: 0,
                rows: 1,
                parts: 1
            }]
        );
        assert_eq!(waves(&[127], ALIA)[0].parts, 1);
        assert_eq!(waves(&[128], ALIA)[0].parts, 2);
        assert!(waves(&[], ALIA).is_empty());
    }

    #[test]
    fn tiles_reach_the_last_row_whatever_the_group() {
        for (heads, kv_heads) in [(32, 8), (64, 8), (9, 3), (16, 16), (14, 2)] {
            let shape = HeadShape {
                heads,
                kv_heads,
                head_dim: 128,
            };
            let of_tile = TILE / shape.group();
            for rows in [1, 17, 63, 64, 65, 2048] {
                let tiles = tiles(rows, shape);
                assert!(
                    tiles * of_tile >= rows && (tiles - 1) * of_tile < rows,
                    "{shape:?} {rows}"
                );
            }
        }
    }

    #[test]
    fn norms_keep_a_row_in_registers_or_refuse() {
        assert_eq!(norm_threads(576), Some(96));
        assert_eq!(norm_threads(4096), Some(512));
        assert_eq!(norm_threads(8192), Some(1024));
        assert_eq!(norm_threads(MOST_COLUMNS), Some(1024));
        assert_eq!(norm_threads(MOST_COLUMNS + 8), None);
        assert_eq!(norm_threads(100), None);
    }

    #[test]
    fn a_model_the_kernels_do_not_serve_is_known_by_its_shape() {
        let heads = |heads, kv_heads, head_dim| HeadShape {
            heads,
            kv_heads,
            head_dim,
        };
        for (shape, hidden, intermediate) in [
            (ALIA, 8192, 24_576),
            (heads(9, 3, 64), 576, 1536),
            (heads(64, 1, 64), 2048, 5632),
        ] {
            assert_eq!(not_served(shape, hidden, intermediate), None, "{shape:?}");
        }
        for (shape, hidden, intermediate, named) in [
            (heads(32, 32, 80), 2560, 6912, "80"),
            (heads(32, 8, 96), 3072, 8192, "96"),
            (heads(65, 1, 64), 4160, 8192, "65"),
            (heads(16, 16, 64), 1028, 8192, "1028"),
            (heads(16, 16, 64), 65_536, 8192, "65536"),
            (heads(16, 16, 64), 1024, 4100, "4100"),
        ] {
            let reason = not_served(shape, hidden, intermediate).unwrap();
            assert!(reason.contains(named), "{reason}");
        }
    }

    #[test]
    fn the_constants_are_the_kernels_own() {
        let check = |text: &str, line: &str| assert!(text.contains(line), "{line}");
        let decode = include_str!("../../../kernels/decode.cu");
        check(decode, &format!("PART_TOKENS = {PART_TOKENS};"));
        check(decode, &format!("GROUP = {GROUP};"));
        check(
            include_str!("../../../kernels/prefill.cu"),
            &format!("TILE = {TILE};"),
        );
        check(
            include_str!("../../../kernels/sample.cu"),
            &format!("SLICES = {SLICES};"),
        );
        let common = include_str!("../../../kernels/common.cuh");
        check(common, &format!("BLOCK_TOKENS = {BLOCK_TOKENS};"));
    }
}
