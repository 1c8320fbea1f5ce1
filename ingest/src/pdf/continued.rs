//! Tables that go on over a page break keep the names of their columns.

use super::blocks::Draft;
use crate::table::{column_count, inherit_headers};
use crate::{Block, BlockKind};

/// Gives each table that continues the one of the page before the names of its columns.
pub(super) fn join_tables(pages: &mut [Vec<Draft>]) {
    for page in 1..pages.len() {
        let (before, after) = pages.split_at_mut(page);
        let body = |draft: &&Draft| {
            !matches!(
                draft.block.kind,
                BlockKind::Header | BlockKind::Footer | BlockKind::Footnote
            )
        };
        let Some(first) = before[page - 1].iter().rfind(body) else {
            continue;
        };
        let next = after[0].iter_mut().find(|draft| body(&&**draft));
        let Some(next) = next else { continue };
        if first.block.headers.is_empty() || !continues(first, next) {
            continue;
        }
        let headers = first.block.headers.clone();
        if next.block.headers.is_empty() || next.block.headers == headers {
            inherit_headers(&mut next.block, &headers);
        } else if !looks_like_names(&next.block) {
            // Its first row was taken for names only because it is the first.
            next.block.header_rows = 0;
            inherit_headers(&mut next.block, &headers);
        }
    }
}

fn continues(first: &Draft, next: &Draft) -> bool {
    let count = |block: &Block| block.rows.as_deref().map_or(0, column_count);
    first.block.kind == BlockKind::Table
        && next.block.kind == BlockKind::Table
        && count(&first.block) == count(&next.block)
        && first.xs.len() == next.xs.len()
        && first
            .xs
            .iter()
            .zip(&next.xs)
            .all(|(a, b)| (a - b).abs() < 4.0)
}

fn looks_like_names(block: &Block) -> bool {
    let rows = block.rows.as_deref().unwrap_or_default();
    rows.iter()
        .take(block.header_rows as usize)
        .flatten()
        .all(|cell| !cell.text.chars().any(|c| c.is_ascii_digit()))
}
