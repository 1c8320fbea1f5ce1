//! Reading order: bands across the page, columns inside a band, from top to bottom.
//!
//! A recursive cut as in Nagy and Seth's XY-tree, with one change: a gutter is looked for over
//! any run of rows, not over the whole page, so that a page may be half in columns.

use domain::BoundingBox;

use super::grid::Grid;
use super::words::Row;

/// What stands in a region: a row of words, or a table with its frame.
#[derive(Debug)]
pub(super) enum Item {
    Row(Row),
    Grid(Grid),
}

impl Item {
    pub(super) fn bbox(&self) -> BoundingBox {
        match self {
            Self::Row(row) => row.bbox,
            Self::Grid(grid) => grid.bbox,
        }
    }
}

/// Columns of fewer rows than this are not columns of text.
const MIN_ROWS: usize = 4;
/// Columns inside columns are followed this deep.
const MAX_DEPTH: u32 = 3;

/// The items in reading order, as regions that each are read from top to bottom.
pub(super) fn regions(mut items: Vec<Item>, body_size: f32) -> Vec<Vec<Item>> {
    let mut found = Vec::new();
    items.sort_by(|a, b| top(a).total_cmp(&top(b)));
    cut(items, body_size, 0, &mut found);
    found.retain(|region| !region.is_empty());
    found
}

/// Rows are ordered by their baseline, for a large letter reaches higher than its row.
fn top(item: &Item) -> f32 {
    match item {
        Item::Row(row) => row.baseline - 0.7 * row.size,
        Item::Grid(grid) => grid.bbox.y0,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
    Across,
}

fn side(item: &Item, x: f32, clear: f32) -> Side {
    match item {
        Item::Grid(grid) if grid.bbox.x1 <= x + 1.0 => Side::Left,
        Item::Grid(grid) if grid.bbox.x0 >= x - 1.0 => Side::Right,
        Item::Grid(_) => Side::Across,
        Item::Row(row) => {
            if row.bbox.x1 <= x {
                return Side::Left;
            }
            if row.bbox.x0 >= x {
                return Side::Right;
            }
            let next = row.words.partition_point(|word| word.bbox.x1 <= x);
            let (Some(right), Some(left)) = (
                row.words.get(next),
                next.checked_sub(1).and_then(|left| row.words.get(left)),
            ) else {
                return Side::Across;
            };
            let gap = right.bbox.x0 - left.bbox.x1;
            if right.bbox.x0 >= x && gap >= clear {
                Side::Both
            } else {
                Side::Across
            }
        }
    }
}

/// A run of items, from `from` to `to`, that a gutter at `x` parts.
struct Band {
    x: f32,
    from: usize,
    to: usize,
}

fn cut(items: Vec<Item>, body_size: f32, depth: u32, found: &mut Vec<Vec<Item>>) {
    let band = if depth < MAX_DEPTH {
        best_band(&items, body_size)
    } else {
        None
    };
    let Some(Band { x, from, to }) = band else {
        found.push(items);
        return;
    };
    let mut items = items;
    let below = items.split_off(to);
    let inside = items.split_off(from);
    if !items.is_empty() {
        cut(items, body_size, depth, found);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for item in inside {
        match item {
            Item::Row(row) => {
                let next = row.words.partition_point(|word| word.bbox.x1 <= x);
                let mut words = row.words;
                let rest = words.split_off(next);
                left.extend(Row::new(words).map(Item::Row));
                right.extend(Row::new(rest).map(Item::Row));
            }
            Item::Grid(grid) if grid.bbox.x1 <= x + 1.0 => left.push(Item::Grid(grid)),
            Item::Grid(grid) => right.push(Item::Grid(grid)),
        }
    }
    cut(left, body_size, depth + 1, found);
    cut(right, body_size, depth + 1, found);
    if !below.is_empty() {
        cut(below, body_size, depth, found);
    }
}

fn best_band(items: &[Item], body_size: f32) -> Option<Band> {
    let bounds = items.iter().map(Item::bbox).reduce(BoundingBox::union)?;
    let width = bounds.x1 - bounds.x0;
    if items.len() < MIN_ROWS || width < 12.0 * body_size {
        return None;
    }
    let clear = (0.9 * body_size).max(6.0);
    let mut best: Option<(usize, Vec<f32>, usize, usize)> = None;
    let mut x = bounds.x0 + 0.15 * width;
    while x < bounds.x1 - 0.15 * width {
        let sides: Vec<Side> = items.iter().map(|item| side(item, x, clear)).collect();
        for (from, to) in runs(&sides) {
            let Some((from, to)) = trim(items, &sides, from, to) else {
                continue;
            };
            let rows = to - from;
            if best.as_ref().is_some_and(|(most, ..)| rows < *most)
                || !is_columns(&items[from..to], &sides[from..to], x, body_size)
            {
                continue;
            }
            match &mut best {
                Some((most, xs, f, t)) if *most == rows && (*f, *t) == (from, to) => xs.push(x),
                Some((most, ..)) if *most == rows => {}
                _ => best = Some((rows, vec![x], from, to)),
            }
        }
        x += 2.0;
    }
    best.map(|(_, xs, from, to)| Band {
        x: xs[xs.len() / 2],
        from,
        to,
    })
}

/// Runs of items that none crosses.
fn runs(sides: &[Side]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut from = None;
    for (index, side) in sides.iter().enumerate() {
        match (side, from) {
            (Side::Across, Some(start)) => {
                runs.push((start, index));
                from = None;
            }
            (Side::Across, None) => {}
            (_, None) => from = Some(index),
            (_, Some(_)) => {}
        }
    }
    runs.extend(from.map(|start| (start, sides.len())));
    runs.retain(|(from, to)| to - from >= MIN_ROWS);
    runs
}

/// Takes from both ends what belongs to the text above and below: the short last line of a
/// paragraph over the whole width, a heading that stands before one.
fn trim(items: &[Item], sides: &[Side], from: usize, to: usize) -> Option<(usize, usize)> {
    let on_right = |index: &usize| matches!(sides[*index], Side::Right | Side::Both);
    let first_right = (from..to).find(on_right)?;
    let last_right = (from..to).rfind(on_right)?;
    let height = |index: usize| items[index].bbox().height();
    let mut start = from;
    while start < first_right {
        let gap_before = (start > 0).then(|| top(&items[start]) - items[start - 1].bbox().y1);
        let to_right = top(&items[first_right]) - items[start].bbox().y1;
        let follows = gap_before.is_some_and(|gap| gap < 0.6 * height(start));
        if to_right > 0.3 * height(start) || (follows && start == from && from > 0) {
            start += 1;
        } else {
            break;
        }
    }
    let mut end = to;
    if to < items.len() {
        for index in last_right + 1..to {
            let gap = top(&items[index]) - items[index - 1].bbox().y1;
            let below_right = top(&items[index]) > items[last_right].bbox().y1;
            if below_right && gap > 0.7 * height(index) {
                end = index;
                break;
            }
        }
    }
    (end > start).then_some((start, end))
}

/// Whether both sides are running text: enough rows, long enough, and not the rows of a table.
fn is_columns(items: &[Item], sides: &[Side], x: f32, body_size: f32) -> bool {
    let mut left = Vec::new();
    let mut right = Vec::new();
    for (item, side) in items.iter().zip(sides) {
        match (item, side) {
            (Item::Row(row), Side::Both) => {
                let next = row.words.partition_point(|word| word.bbox.x1 <= x);
                left.push(extent(&row.words[..next], row.baseline));
                right.push(extent(&row.words[next..], row.baseline));
            }
            (Item::Row(row), Side::Left) => left.push(extent(&row.words, row.baseline)),
            (Item::Row(row), _) => right.push(extent(&row.words, row.baseline)),
            (Item::Grid(_), _) => {}
        }
    }
    let flows = |rows: &[Extent]| {
        if rows.len() < MIN_ROWS {
            return false;
        }
        let x0 = rows.iter().fold(f32::MAX, |x, row| x.min(row.x0));
        let x1 = rows.iter().fold(f32::MIN, |x, row| x.max(row.x1));
        let wide = rows
            .iter()
            .filter(|row| row.x1 - row.x0 > 0.6 * (x1 - x0))
            .count();
        let chars: usize = rows.iter().map(|row| row.chars).sum();
        x1 - x0 > 6.0 * body_size && 2 * wide > rows.len() && chars > 14 * rows.len()
    };
    flows(&left) && flows(&right) && !rows_agree(&left, &right, body_size)
}

struct Extent {
    x0: f32,
    x1: f32,
    baseline: f32,
    chars: usize,
}

fn extent(words: &[super::words::Word], baseline: f32) -> Extent {
    Extent {
        x0: words.first().map_or(0.0, |word| word.bbox.x0),
        x1: words.last().map_or(0.0, |word| word.bbox.x1),
        baseline,
        chars: words.iter().map(|word| word.text.chars().count() + 1).sum(),
    }
}

/// Whether the wide gaps between rows stand at the same height on both sides: rows of a table.
fn rows_agree(left: &[Extent], right: &[Extent], body_size: f32) -> bool {
    let starts = |rows: &[Extent]| -> Vec<f32> {
        let mut gaps: Vec<f32> = rows
            .windows(2)
            .map(|pair| pair[1].baseline - pair[0].baseline)
            .collect();
        gaps.sort_by(f32::total_cmp);
        let usual = gaps.get(gaps.len() / 3).copied().unwrap_or(0.0);
        rows.windows(2)
            .filter(|pair| pair[1].baseline - pair[0].baseline > 1.25 * usual)
            .map(|pair| pair[1].baseline)
            .collect()
    };
    let (left, right) = (starts(left), starts(right));
    let (few, many) = if left.len() < right.len() {
        (left, right)
    } else {
        (right, left)
    };
    let agreeing = few
        .iter()
        .filter(|y| {
            many.iter()
                .any(|other| (**y - other).abs() < 0.25 * body_size)
        })
        .count();
    few.len() >= 2 && agreeing * 4 >= few.len() * 3
}
