//! Tables without ruled cells: rows whose words keep to the same columns.
//!
//! A wrong row is worse than no table, so whatever is not plain is left as lines of text, each
//! of which keeps its row together.

use domain::BoundingBox;

use super::glyphs::Rule;
use super::grid::{Grid, GridCell};
use super::style::Style;
use super::symbols::is_list_marker;
use super::words::{Row, Word};

/// A region's rows, tables told apart from the rest.
#[derive(Debug)]
pub(super) enum Piece {
    Rows(Vec<Row>),
    Table(Grid),
}

/// Tells the tables among `rows`, which stand one below another.
pub(super) fn pieces(rows: Vec<Row>, rules: &[Rule], style: &Style) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut plain: Vec<Row> = Vec::new();
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let length = run_length(rest);
        let table = (length > 0)
            .then(|| table(&rest[..length], rules, style))
            .flatten();
        match table {
            Some((grid, used)) => {
                if !plain.is_empty() {
                    found.push(Piece::Rows(std::mem::take(&mut plain)));
                }
                found.push(Piece::Table(grid));
                rest = &rest[used..];
            }
            None => {
                plain.push(rest[0].clone());
                rest = &rest[1..];
            }
        }
    }
    if !plain.is_empty() {
        found.push(Piece::Rows(plain));
    }
    found
}

/// Gaps inside a row that are wider than spaces between words.
fn gaps(row: &Row) -> Vec<(f32, f32)> {
    if row.words.iter().any(|word| is_leader(&word.text)) {
        return Vec::new();
    }
    let mut all: Vec<f32> = row
        .words
        .windows(2)
        .map(|pair| pair[1].bbox.x0 - pair[0].bbox.x1)
        .collect();
    all.sort_by(f32::total_cmp);
    let usual = all.get(all.len() / 2).copied().unwrap_or(0.0);
    let least = if all.len() >= 4 {
        (2.2 * usual).min(1.6 * row.size)
    } else {
        0.0
    };
    let wide = (0.95 * row.size).max(least);
    row.words
        .windows(2)
        .enumerate()
        .filter(|(index, pair)| {
            // The gap behind a bullet or a number belongs to a list.
            let marker = *index == 0 && is_list_marker(&pair[0].text);
            !marker && pair[1].bbox.x0 - pair[0].bbox.x1 >= wide
        })
        .map(|(_, pair)| (pair[0].bbox.x1, pair[1].bbox.x0))
        .collect()
}

/// Dots that lead from a title to its page number.
pub(super) fn is_leader(word: &str) -> bool {
    let dots = word
        .chars()
        .filter(|c| matches!(c, '.' | '…' | '·' | '_'))
        .count();
    dots >= 4 && dots * 10 >= word.chars().count() * 8
}

/// How many rows from the first on keep clear of common gutters.
fn run_length(rows: &[Row]) -> usize {
    let mut gutters: Vec<(f32, f32, u32)> =
        gaps(&rows[0]).into_iter().map(|(a, b)| (a, b, 1)).collect();
    if gutters.is_empty() {
        return 0;
    }
    let mut length = 1;
    for pair in rows.windows(2) {
        let (last, row) = (&pair[0], &pair[1]);
        if row.baseline - last.baseline > 2.6 * row.size.max(last.size) {
            break;
        }
        let own = gaps(row);
        let mut kept = Vec::with_capacity(gutters.len());
        let mut lost = false;
        for (a, b, support) in &gutters {
            match free_part(row, *a, *b) {
                Some((from, to)) if to - from > 0.55 * row.size => {
                    let supports = own.iter().any(|(x, y)| *x < to && *y > from);
                    kept.push((from, to, support + u32::from(supports)));
                }
                _ if *support >= 2 => lost = true,
                _ => {}
            }
        }
        if lost || kept.is_empty() {
            break;
        }
        gutters = kept;
        length += 1;
    }
    length
}

/// The widest part of a stretch that no word of the row covers.
fn free_part(row: &Row, from: f32, to: f32) -> Option<(f32, f32)> {
    let mut best: Option<(f32, f32)> = None;
    let mut left = from;
    for word in &row.words {
        if word.bbox.x1 <= left {
            continue;
        }
        let right = word.bbox.x0.min(to);
        if right > left && best.is_none_or(|(a, b)| right - left > b - a) {
            best = Some((left, right));
        }
        left = left.max(word.bbox.x1);
        if left >= to {
            return best;
        }
    }
    if to > left && best.is_none_or(|(a, b)| to - left > b - a) {
        best = Some((left, to));
    }
    best
}

/// The table that a run of rows is, and how many of the rows it takes; `None` where it is none.
fn table(run: &[Row], rules: &[Rule], style: &Style) -> Option<(Grid, usize)> {
    let last_gappy = run.iter().rposition(|row| !gaps(row).is_empty())?;
    let mut used = last_gappy + 1;
    let cuts = gutters(&run[..used]);
    if cuts.is_empty() {
        return None;
    }
    // Lines that go on in a later column belong to the last row.
    while let Some(row) = run.get(used)
        && row.bbox.x0 > cuts[0]
        && row.baseline - run[used - 1].baseline < 1.35 * style.leading * row.size
    {
        used += 1;
    }
    let run = &run[..used];
    let gappy = run.iter().filter(|row| !gaps(row).is_empty()).count();
    let bold_head =
        style.is_bold(&run[0].words) && !style.is_bold(&run[1.min(run.len() - 1)].words);
    if gappy < 2 || (gappy < 3 && !bold_head) {
        return None;
    }
    let bounds = run.iter().map(|row| row.bbox).reduce(BoundingBox::union)?;
    let columns = cuts.len() + 1;
    let lines: Vec<Vec<Vec<Word>>> = run.iter().map(|row| split(row, &cuts)).collect();
    if !is_table(&lines, &bounds) {
        return None;
    }
    let widths: Vec<f32> = (0..columns)
        .map(|c| lines.iter().map(|line| width(&line[c])).fold(0.0, f32::max))
        .collect();
    let mut rows: Vec<(Vec<Vec<Row>>, f32, f32)> = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        let row = &run[index];
        let goes_on = index > 0
            && goes_on(
                &run[index - 1],
                row,
                &line,
                rows.last().map(|(cells, ..)| cells),
                &widths,
            )
            && !rules.iter().any(|rule| {
                !rule.vertical
                    && rule.at > run[index - 1].baseline
                    && rule.at < row.baseline
                    && rule.from < bounds.x1
                    && rule.to > bounds.x0
            });
        match rows.last_mut().filter(|_| goes_on) {
            Some((cells, _, bottom)) => {
                for (cell, words) in cells.iter_mut().zip(line) {
                    cell.extend(Row::new(words));
                }
                *bottom = row.bbox.y1;
            }
            None => {
                let cells = line
                    .into_iter()
                    .map(|words| Row::new(words).into_iter().collect());
                rows.push((cells.collect(), row.bbox.y0, row.bbox.y1));
            }
        }
    }
    if rows.len() < 2 {
        return None;
    }
    let mut xs = vec![bounds.x0];
    xs.extend(&cuts);
    xs.push(bounds.x1);
    let cells = rows
        .into_iter()
        .map(|(cells, y0, y1)| {
            let cell = |(column, rows): (usize, Vec<Row>)| GridCell {
                bbox: BoundingBox {
                    x0: xs[column],
                    y0,
                    x1: xs[column + 1],
                    y1,
                },
                column,
                row_span: 1,
                column_span: 1,
                rows,
            };
            cells.into_iter().enumerate().map(cell).collect()
        })
        .collect();
    Some((
        Grid {
            bbox: bounds,
            cells,
            xs,
        },
        used,
    ))
}

/// The middles of the stretches that no row covers and that part words of two rows or more.
fn gutters(run: &[Row]) -> Vec<f32> {
    let mut covered: Vec<(f32, f32)> = run
        .iter()
        .flat_map(|row| {
            let mut pieces: Vec<(f32, f32)> = Vec::new();
            for word in &row.words {
                match pieces.last_mut() {
                    Some((_, end)) if word.bbox.x0 - *end < 0.5 * row.size => {
                        *end = end.max(word.bbox.x1);
                    }
                    _ => pieces.push((word.bbox.x0, word.bbox.x1)),
                }
            }
            pieces
        })
        .collect();
    covered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = run[0].size;
    let mut cuts = Vec::new();
    let Some(mut right) = covered.first().map(|piece| piece.1) else {
        return cuts;
    };
    for (from, to) in covered {
        if from - right > 0.55 * size {
            let cut = 0.5 * (from + right);
            let parted = run
                .iter()
                .filter(|row| row.bbox.x0 < cut && row.bbox.x1 > cut)
                .count();
            if parted >= 2 {
                cuts.push(cut);
            }
        }
        right = right.max(to);
    }
    cuts
}

fn split(row: &Row, cuts: &[f32]) -> Vec<Vec<Word>> {
    let mut cells = vec![Vec::new(); cuts.len() + 1];
    for word in &row.words {
        let middle = 0.5 * (word.bbox.x0 + word.bbox.x1);
        cells[cuts.partition_point(|cut| *cut < middle)].push(word.clone());
    }
    cells
}

fn width(words: &[Word]) -> f32 {
    match (words.first(), words.last()) {
        (Some(first), Some(last)) => last.bbox.x1 - first.bbox.x0,
        _ => 0.0,
    }
}

/// Whether cells in columns make a table, and not a list or text set in columns.
fn is_table(lines: &[Vec<Vec<Word>>], bounds: &BoundingBox) -> bool {
    let firsts: Vec<&Vec<Word>> = lines
        .iter()
        .map(|line| &line[0])
        .filter(|cell| !cell.is_empty())
        .collect();
    let marked = firsts
        .iter()
        .filter(|cell| cell.len() == 1 && is_list_marker(&cell[0].text));
    if firsts.is_empty() || marked.count() * 2 > firsts.len() {
        return false;
    }
    // Two columns whose lines nearly all fill them are text in columns.
    let columns = lines[0].len();
    let full = |column: usize| {
        let widest = lines
            .iter()
            .map(|line| width(&line[column]))
            .fold(0.0, f32::max);
        let filled: Vec<f32> = lines
            .iter()
            .map(|line| width(&line[column]))
            .filter(|width| *width > 0.0)
            .collect();
        let wide = filled
            .iter()
            .filter(|width| **width > 0.85 * widest)
            .count();
        widest > 0.35 * (bounds.x1 - bounds.x0) && filled.len() >= 6 && wide * 10 > filled.len() * 7
    };
    !(columns == 2 && full(0) && full(1))
}

/// Whether a line goes on with the row above: in each of its cells the first word had no room
/// left on the line before.
fn goes_on(
    last: &Row,
    row: &Row,
    line: &[Vec<Word>],
    above: Option<&Vec<Vec<Row>>>,
    widths: &[f32],
) -> bool {
    let Some(above) = above else {
        return false;
    };
    if row.baseline - last.baseline > 1.45 * row.size.max(last.size) {
        return false;
    }
    let filled = line.iter().filter(|cell| !cell.is_empty()).count();
    let before = above.iter().filter(|cell| !cell.is_empty()).count();
    filled > 0
        && (filled < before || filled == 1)
        && line
            .iter()
            .zip(above)
            .zip(widths)
            .all(|((words, cell), widest)| {
                let Some(first) = words.first() else {
                    return true;
                };
                cell.last().is_some_and(|line| {
                    let room = widest - (line.bbox.x1 - line.bbox.x0);
                    first.bbox.x1 - first.bbox.x0 + 0.2 * line.size > room - 0.5
                })
            })
}
