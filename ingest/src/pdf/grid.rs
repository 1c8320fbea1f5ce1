//! Tables with ruled lines: the lines that cross make a grid, its cells hold the words.

use domain::BoundingBox;

use super::glyphs::Rule;
use super::words::{Row, Word};

/// Ends of lines that are this near are meant to meet, in points.
const REACH: f32 = 2.5;
/// Rules beyond which a page is a drawing.
const MAX_RULES: usize = 4_000;
/// Lines of one direction beyond which a grid is a drawing.
const MAX_LINES: usize = 150;

/// A ruled table.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) bbox: BoundingBox,
    /// The cells, row by row, each in the row where it begins.
    pub(super) cells: Vec<Vec<GridCell>>,
    /// Where the columns begin and end.
    pub(super) xs: Vec<f32>,
}

/// A cell of a ruled table.
#[derive(Debug)]
pub(super) struct GridCell {
    pub(super) bbox: BoundingBox,
    pub(super) column: usize,
    pub(super) row_span: usize,
    pub(super) column_span: usize,
    /// Its rows of words, from top to bottom.
    pub(super) rows: Vec<Row>,
}

/// Finds the ruled tables and takes their words out of `rows`.
pub(super) fn take_grids(rows: &mut Vec<Row>, rules: &[Rule]) -> Vec<Grid> {
    if rules.len() > MAX_RULES {
        return Vec::new();
    }
    let horizontal = merged(rules, false);
    let vertical = merged(rules, true);
    let mut grids: Vec<Grid> = Vec::new();
    for (hs, vs) in components(&horizontal, &vertical) {
        let Some(mut grid) = lattice(hs, vs) else {
            continue;
        };
        let inside = grids.iter().any(|other| overlap(other.bbox, grid.bbox));
        if !inside && fill(&mut grid, rows) {
            take_words(&grid, rows);
            grids.push(grid);
        }
    }
    grids
}

fn overlap(a: BoundingBox, b: BoundingBox) -> bool {
    a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1
}

/// Lines of one direction; pieces of the same line joined.
fn merged(rules: &[Rule], vertical: bool) -> Vec<Rule> {
    let mut lines: Vec<Rule> = rules
        .iter()
        .filter(|rule| rule.vertical == vertical)
        .copied()
        .collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.from.total_cmp(&b.from)));
    let mut merged: Vec<Rule> = Vec::new();
    for line in lines {
        let joined = merged
            .iter_mut()
            .rev()
            .take_while(|kept| line.at - kept.at < 1.6)
            .find(|kept| line.from <= kept.to + REACH && line.to >= kept.from - REACH);
        match joined {
            Some(kept) => {
                kept.from = kept.from.min(line.from);
                kept.to = kept.to.max(line.to);
            }
            None => merged.push(line),
        }
    }
    merged
}

/// Lines that cross or meet, directly or through others: one table each.
fn components(horizontal: &[Rule], vertical: &[Rule]) -> Vec<(Vec<Rule>, Vec<Rule>)> {
    let count = horizontal.len() + vertical.len();
    let mut parent: Vec<usize> = (0..count).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while parent[node] != node {
            parent[node] = parent[parent[node]];
            node = parent[node];
        }
        node
    }
    for (h, across) in horizontal.iter().enumerate() {
        for (v, down) in vertical.iter().enumerate() {
            let meets = down.at >= across.from - REACH
                && down.at <= across.to + REACH
                && across.at >= down.from - REACH
                && across.at <= down.to + REACH;
            if meets {
                let (a, b) = (
                    root(&mut parent, h),
                    root(&mut parent, horizontal.len() + v),
                );
                parent[a] = b;
            }
        }
    }
    let mut found: Vec<(usize, Vec<Rule>, Vec<Rule>)> = Vec::new();
    for node in 0..count {
        let root = root(&mut parent, node);
        let slot = match found.iter().position(|(r, ..)| *r == root) {
            Some(slot) => slot,
            None => {
                found.push((root, Vec::new(), Vec::new()));
                found.len() - 1
            }
        };
        match horizontal.get(node) {
            Some(line) => found[slot].1.push(*line),
            None => found[slot].2.push(vertical[node - horizontal.len()]),
        }
    }
    found.retain(|(_, h, v)| {
        (2..=MAX_LINES).contains(&h.len()) && (1..=MAX_LINES).contains(&v.len())
    });
    found.into_iter().map(|(_, h, v)| (h, v)).collect()
}

/// Distinct places of lines, near ones as one.
fn places(lines: &[Rule]) -> Vec<f32> {
    let mut places: Vec<f32> = lines.iter().map(|line| line.at).collect();
    places.sort_by(f32::total_cmp);
    places.dedup_by(|next, kept| *next - *kept < 2.0);
    places
}

/// Adds the outer lines that a table open at its sides does not draw.
fn close(lines: &mut Vec<Rule>, others: &[Rule], vertical: bool) {
    let from = others
        .iter()
        .fold(f32::MAX, |least, line| least.min(line.from));
    let to = others.iter().fold(f32::MIN, |most, line| most.max(line.to));
    let low = others
        .iter()
        .fold(f32::MAX, |least, line| least.min(line.at));
    let high = others.iter().fold(f32::MIN, |most, line| most.max(line.at));
    let first = lines
        .iter()
        .fold(f32::MAX, |least, line| least.min(line.at));
    let last = lines.iter().fold(f32::MIN, |most, line| most.max(line.at));
    if first - from > 4.0 {
        lines.push(Rule {
            vertical,
            at: from,
            from: low,
            to: high,
        });
    }
    if to - last > 4.0 {
        lines.push(Rule {
            vertical,
            at: to,
            from: low,
            to: high,
        });
    }
}

fn lattice(mut hs: Vec<Rule>, mut vs: Vec<Rule>) -> Option<Grid> {
    let across = hs.clone();
    close(&mut vs, &across, true);
    let down = vs.clone();
    close(&mut hs, &down, false);
    let (xs, ys) = (places(&vs), places(&hs));
    if xs.len() < 3 || ys.len() < 2 {
        return None;
    }
    let (columns, rows) = (xs.len() - 1, ys.len() - 1);
    // Whether a line parts two neighbouring places.
    let parted = |lines: &[Rule], at: f32, from: f32, to: f32| {
        let covered: f32 = lines
            .iter()
            .filter(|line| (line.at - at).abs() < 2.0)
            .map(|line| (line.to.min(to) - line.from.max(from)).max(0.0))
            .sum();
        covered > 0.6 * (to - from)
    };
    let mut taken = vec![vec![false; columns]; rows];
    let mut cells: Vec<Vec<GridCell>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut line = Vec::new();
        for column in 0..columns {
            if taken[row][column] {
                continue;
            }
            let mut right = column + 1;
            while right < columns
                && !taken[row][right]
                && !parted(&vs, xs[right], ys[row], ys[row + 1])
            {
                right += 1;
            }
            let mut below = row + 1;
            while below < rows
                && (column..right).all(|c| !taken[below][c])
                && !(column..right).any(|c| parted(&hs, ys[below], xs[c], xs[c + 1]))
                && !(column + 1..right).any(|c| parted(&vs, xs[c], ys[below], ys[below + 1]))
            {
                below += 1;
            }
            for taken in &mut taken[row..below] {
                taken[column..right].fill(true);
            }
            line.push(GridCell {
                bbox: BoundingBox {
                    x0: xs[column],
                    y0: ys[row],
                    x1: xs[right],
                    y1: ys[below],
                },
                column,
                row_span: below - row,
                column_span: right - column,
                rows: Vec::new(),
            });
        }
        cells.push(line);
    }
    let bbox = BoundingBox {
        x0: xs[0],
        y0: ys[0],
        x1: xs[columns],
        y1: ys[rows],
    };
    Some(Grid { bbox, cells, xs })
}

fn middle(word: &Word) -> (f32, f32) {
    (
        0.5 * (word.bbox.x0 + word.bbox.x1),
        word.baseline - 0.25 * word.size,
    )
}

fn holds(bbox: BoundingBox, (x, y): (f32, f32)) -> bool {
    x >= bbox.x0 && x < bbox.x1 && y >= bbox.y0 && y < bbox.y1
}

/// Puts the words into the cells. Says whether it is a table: several cells of text, and not a
/// frame around running text.
fn fill(grid: &mut Grid, rows: &[Row]) -> bool {
    for row in rows.iter().filter(|row| overlap(row.bbox, grid.bbox)) {
        for line in &mut grid.cells {
            for cell in line {
                if row.baseline < cell.bbox.y0 || row.baseline - row.size > cell.bbox.y1 {
                    continue;
                }
                let words: Vec<Word> = row
                    .words
                    .iter()
                    .filter(|word| holds(cell.bbox, middle(word)))
                    .cloned()
                    .collect();
                cell.rows.extend(Row::new(words));
            }
        }
    }
    let filled = |line: &Vec<GridCell>| line.iter().filter(|cell| !cell.rows.is_empty()).count();
    let total: usize = grid.cells.iter().map(filled).sum();
    let side_by_side = grid.cells.iter().any(|line| filled(line) >= 2);
    let longest = grid
        .cells
        .iter()
        .flatten()
        .map(|cell| cell.rows.len())
        .max()
        .unwrap_or(0);
    let cells = grid.cells.iter().flatten().count();
    // A chart's lines cross as well, around little text.
    if cells > 12 && 4 * total < cells {
        return false;
    }
    // Two or three long cells are the frame of a page or of columns of text.
    total >= 2 && side_by_side && !(total <= 3 && longest > 25)
}

fn take_words(grid: &Grid, rows: &mut Vec<Row>) {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        if !overlap(row.bbox, grid.bbox) {
            kept.push(row);
            continue;
        }
        let outside: Vec<Word> = row
            .words
            .into_iter()
            .filter(|word| !holds(grid.bbox, middle(word)))
            .collect();
        kept.extend(Row::new(outside));
    }
    *rows = kept;
}
