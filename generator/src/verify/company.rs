//! What a quotation is read with: the line that opens its list, the sentence it points back to, the
//! exceptions after it, the notes it refers to. The rules are those of the answers made of
//! quotations alone.

use std::collections::BTreeSet;

use domain::SegmentKind;

use super::window::Window;
use crate::extractive::{note_mark, opens_a_list, opens_an_exception, points_back};

/// How many sentences back or forth a quotation may reach for what belongs to it.
const MAX_REACH: usize = 2;

/// The windows to show with the one at `place`, itself among them, in reading order; `None` where
/// it cannot be understood without something that is not there.
pub(super) fn read_with(windows: &[Window], text: &str, place: usize) -> Option<BTreeSet<usize>> {
    let words = |at: usize| {
        windows
            .get(at)
            .and_then(|window| text.get(window.range.clone()))
            .unwrap_or_default()
    };
    let window = windows.get(place)?;
    // Without its items the line that opens a list says nothing.
    if opens_a_list(words(place)) {
        return None;
    }
    let mut shown = BTreeSet::from([place]);
    if let Some(lead) = &window.lead {
        let opening = windows.iter().position(|other| other.range == *lead)?;
        shown.insert(opening);
        shown.extend(before(windows, opening, words)?);
    }
    shown.extend(before(windows, place, words)?);
    shown.extend(after(windows, place, words)?);
    let notes = windows.iter().enumerate().skip(place + 1);
    let notes = notes.filter(|(at, note)| {
        matches!(note.kind, SegmentKind::Footnote | SegmentKind::Paragraph)
            && note_mark(words(*at)).is_some_and(|mark| words(place).contains(mark))
    });
    shown.extend(notes.map(|(at, _)| at));
    Some(shown)
}

/// The sentences that the one at `place` points back to or takes something back from.
fn before<'a>(
    windows: &[Window],
    place: usize,
    words: impl Fn(usize) -> &'a str,
) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let mut at = place;
    for _ in 0..MAX_REACH {
        let points = points_back(words(at));
        if !points && !opens_an_exception(words(at)) {
            break;
        }
        match at
            .checked_sub(1)
            .filter(|before| adjoin(windows, *before, at))
        {
            Some(before) => {
                found.push(before);
                at = before;
            }
            None if points => return None,
            None => break,
        }
    }
    Some(found)
}

/// The exceptions that follow the sentence at `place`; `None` where one of them opens a list.
fn after<'a>(
    windows: &[Window],
    place: usize,
    words: impl Fn(usize) -> &'a str,
) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let reach = place + 1..=place + MAX_REACH;
    for next in reach {
        if !adjoin(windows, next - 1, next) || !opens_an_exception(words(next)) {
            break;
        }
        if opens_a_list(words(next)) {
            return None;
        }
        found.push(next);
    }
    Some(found)
}

/// Whether two windows follow each other and are read together.
fn adjoin(windows: &[Window], one: usize, next: usize) -> bool {
    match (windows.get(one), windows.get(next)) {
        (Some(one), Some(next)) => {
            next.segment - one.segment <= 1
                && one.kind != SegmentKind::TableRow
                && next.kind != SegmentKind::TableRow
        }
        _ => false,
    }
}
