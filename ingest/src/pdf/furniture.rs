//! What the head and foot of the pages repeat: told by repetition, kept out of the running text.

use std::collections::HashMap;

use domain::fold;

use super::words::Row;

/// How much of the page's height, at its top and at its bottom, may hold a header or footer.
const ZONE: f32 = 0.12;

/// The place of a row on its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Zone {
    Head,
    Foot,
}

/// For each page, its rows that are header or footer, as indices.
pub(super) fn find(pages: &[(&[Row], f32, f32)]) -> Vec<Vec<(usize, Zone)>> {
    let mut seen: HashMap<(Zone, String), Vec<(usize, f32)>> = HashMap::new();
    let mut candidates: Vec<Vec<(usize, Zone, String, f32)>> = Vec::with_capacity(pages.len());
    for (page, (rows, top, bottom)) in pages.iter().enumerate() {
        let height = bottom - top;
        let mut here = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let from_top = (row.baseline - top) / height;
            let zone = if from_top < ZONE {
                Zone::Head
            } else if from_top > 1.0 - ZONE {
                Zone::Foot
            } else {
                continue;
            };
            let key = key(&row.text());
            seen.entry((zone, key.clone()))
                .or_default()
                .push((page, row.baseline));
            here.push((index, zone, key, row.baseline));
        }
        candidates.push(here);
    }
    let needed = match pages.len() {
        0 | 1 => return vec![Vec::new(); pages.len()],
        2..=5 => 2,
        6..=20 => 3,
        _ => 4,
    };
    let repeats = |zone: Zone, key: &str, baseline: f32, page: usize| {
        let Some(places) = seen.get(&(zone, key.to_owned())) else {
            return false;
        };
        let mut pages: Vec<usize> = places
            .iter()
            .filter(|(_, other)| (other - baseline).abs() < 4.0)
            .map(|(page, _)| *page)
            .collect();
        pages.dedup();
        // A bare number must count up like a page number, not stand in a column of a table.
        pages.len() >= needed && pages.contains(&page)
    };
    let mut found: Vec<Vec<(usize, Zone)>> = candidates
        .iter()
        .enumerate()
        .map(|(page, rows)| {
            rows.iter()
                .filter(|(_, zone, key, baseline)| repeats(*zone, key, *baseline, page))
                .map(|(index, zone, ..)| (*index, *zone))
                .collect()
        })
        .collect();
    add_same_height(pages, &candidates, &mut found);
    for (rows, (all, ..)) in found.iter_mut().zip(pages) {
        keep_outermost(rows, all.len());
    }
    found
}

/// Rows at a height where most pages have a header are headers too: a chapter's name that only
/// one page shows.
fn add_same_height(
    pages: &[(&[Row], f32, f32)],
    candidates: &[Vec<(usize, Zone, String, f32)>],
    found: &mut [Vec<(usize, Zone)>],
) {
    let mut heights: HashMap<(Zone, i32), usize> = HashMap::new();
    for (rows, (all, ..)) in found.iter().zip(pages) {
        for (index, zone) in rows {
            let height = all[*index].baseline.round() as i32;
            *heights.entry((*zone, height)).or_default() += 1;
        }
    }
    for (page, rows) in candidates.iter().enumerate() {
        for (index, zone, _, baseline) in rows {
            let height = baseline.round() as i32;
            let count: usize = (height - 1..=height + 1)
                .filter_map(|height| heights.get(&(*zone, height)))
                .sum();
            let known = found[page].iter().any(|(known, _)| known == index);
            if !known && count * 2 > pages.len() && pages.len() > 5 {
                found[page].push((*index, *zone));
            }
        }
        found[page].sort_unstable();
    }
}

/// Header rows begin at the top without a gap of other rows, footer rows end at the bottom.
fn keep_outermost(rows: &mut Vec<(usize, Zone)>, count: usize) {
    let is = |rows: &[(usize, Zone)], index: usize, zone: Zone| rows.contains(&(index, zone));
    let mut head = 0;
    while is(rows, head, Zone::Head) {
        head += 1;
    }
    let mut foot = count;
    while foot > 0 && is(rows, foot - 1, Zone::Foot) {
        foot -= 1;
    }
    rows.retain(|(index, zone)| match zone {
        Zone::Head => *index < head,
        Zone::Foot => *index >= foot,
    });
}

/// The text with its numbers masked, for page numbers count up.
fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    let mut number = false;
    for c in fold(text).chars() {
        if c.is_ascii_digit() {
            if !number {
                key.push('#');
            }
            number = true;
        } else {
            number = false;
            key.push(c);
        }
    }
    key
}
