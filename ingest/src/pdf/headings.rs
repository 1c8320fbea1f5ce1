//! How deep each heading stands: from the file's outline, from its number, from its look.

use std::collections::{HashMap, HashSet};

use domain::fold;

use super::blocks::{Draft, section_number};
use super::structure::OutlineItem;
use crate::BlockKind;

/// The deepest level given.
const DEEPEST: u8 = 6;

/// Gives every heading of the document its level.
pub(super) fn set_levels(pages: &mut [Vec<Draft>], outline: &[OutlineItem]) {
    let titles: HashMap<String, u8> = outline
        .iter()
        .map(|item| (key(&item.title), item.level))
        .collect();
    // What the outline and the numbers say about each look.
    let mut votes: HashMap<(i32, bool), HashMap<u8, usize>> = HashMap::new();
    let mut looks: HashSet<(i32, bool)> = HashSet::new();
    for draft in pages.iter_mut().flatten() {
        if draft.block.kind == BlockKind::Paragraph
            && draft.block.text.len() < 200
            && titles.contains_key(&key(&draft.block.text))
        {
            draft.block.kind = BlockKind::Heading;
        }
        if draft.block.kind != BlockKind::Heading {
            continue;
        }
        looks.insert(look(draft));
        if let Some(level) = told(draft, &titles) {
            *votes
                .entry(look(draft))
                .or_default()
                .entry(level)
                .or_default() += 1;
        }
    }
    let mut looks: Vec<(i32, bool)> = looks.into_iter().collect();
    looks.sort_unstable_by(|a, b| b.cmp(a));
    let mut levels: HashMap<(i32, bool), u8> = HashMap::new();
    let mut above = 0;
    for look in looks {
        let voted = votes.get(&look).and_then(|votes| {
            votes
                .iter()
                .max_by_key(|(level, count)| (**count, DEEPEST - **level))
        });
        let level = voted
            .map_or(above + 1, |(level, _)| *level)
            .clamp(1, DEEPEST);
        above = above.max(level).min(DEEPEST - 1);
        levels.insert(look, level);
    }
    let mut numbered: HashSet<(i32, bool)> = HashSet::new();
    for draft in pages.iter_mut().flatten() {
        if draft.block.kind != BlockKind::Heading {
            continue;
        }
        let look = look(draft);
        let level = match told(draft, &titles) {
            Some(level) => {
                numbered.insert(look);
                level
            }
            // Under «2. Antes de tomar», «Embarazo» of the same look is one of its parts.
            None => levels
                .get(&look)
                .map_or(1, |level| level + u8::from(numbered.contains(&look))),
        };
        draft.block.level = Some(level.clamp(1, DEEPEST));
    }
}

fn look(draft: &Draft) -> (i32, bool) {
    ((draft.size * 2.0).round() as i32, draft.bold)
}

fn told(draft: &Draft, titles: &HashMap<String, u8>) -> Option<u8> {
    titles.get(&key(&draft.block.text)).copied().or_else(|| {
        let number = draft.block.text.split_whitespace().next()?;
        section_number(number).filter(|_| draft.block.text.contains(char::is_alphabetic))
    })
}

/// Titles are compared without numbers, spaces and marks: outlines often leave numbers out.
fn key(title: &str) -> String {
    let text = fold(title);
    let rest = match text.split_once(' ') {
        Some((first, rest)) if section_number(first).is_some() => rest,
        _ => &text,
    };
    rest.chars().filter(|c| c.is_alphanumeric()).collect()
}
