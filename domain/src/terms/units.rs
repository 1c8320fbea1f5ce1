//! From runs of characters to units of meaning, each with the keys it can be found by.

use super::TermKind;
use super::quantity::{quantity, unit};
use super::scan::{Run, Shape, in_capitals, scan, shape};
use super::stem::stem;
use super::words::{WordRole, word_role};
use crate::{Language, fold};

/// A word, a code, a quantity or a negation, and the keys it can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: TermKind,
    /// The first is the most telling.
    pub(super) keys: Vec<String>,
    /// What may be searched for by itself: the words of `sacubitrilo/valsartán`.
    pub(super) parts: Vec<Unit>,
}

/// The units of `text`, in order, words of grammar left out.
pub(super) fn units(text: &str, language: Language) -> Vec<Unit> {
    let mut found = Vec::new();
    let mut read = 0;
    for run in scan(text) {
        // A quantity may have read on into the runs of its unit.
        if run.start >= read {
            read = push_run(text, run, language, &mut found);
        }
    }
    found
}

/// Adds what stands at `run`; gives the byte up to which it has read.
fn push_run(text: &str, run: Run, language: Language, found: &mut Vec<Unit>) -> usize {
    let written = &text[run.start..run.end];
    if written.starts_with(|c: char| c.is_ascii_digit()) {
        if let Some(end) = number_length(text, run) {
            let quantity = quantity(text, run.start, run.start + end);
            let end = quantity.end;
            found.push(Unit {
                start: run.start,
                end,
                kind: TermKind::Quantity,
                keys: quantity.keys,
                parts: Vec::new(),
            });
            return end;
        }
    } else if let Some(rate) = rate(text, run) {
        let end = rate.end;
        found.push(rate);
        return end;
    }
    match run.shape {
        Shape::Word => push_word(text, run.start, run.end, language, found),
        Shape::Code => found.extend(code(text, run.start, run.end, language)),
        Shape::Compound => found.extend(compound(text, run.start, run.end, language)),
        Shape::Number => {}
    }
    run.end
}

/// Bytes of the number that a run begins with, if it is a number and at most its unit:
/// `24/26`, `50mg`, `10⁹/l`, but not `5-HT3` or `2.º`.
fn number_length(text: &str, run: Run) -> Option<usize> {
    let written = &text[run.start..run.end];
    if run.shape == Shape::Number {
        return Some(written.len());
    }
    let letters = written.find(char::is_alphabetic).unwrap_or(written.len());
    let digits = written[..letters].trim_end_matches(['/', '-', '+']).len();
    let unit = unit(&text[run.start + digits..])?;
    (digits + unit.length >= written.len()).then_some(digits)
}

/// A unit over another without a number before it: `mg/24 h`, `ml/min`.
fn rate(text: &str, run: Run) -> Option<Unit> {
    if run.shape != Shape::Compound || !text[run.start..run.end].contains('/') {
        return None;
    }
    let unit = unit(&text[run.start..])?;
    let end = run.start + unit.length;
    (unit.whole.contains('/') && end >= run.end).then(|| Unit {
        start: run.start,
        end,
        kind: TermKind::Code,
        keys: vec![unit.whole],
        parts: Vec::new(),
    })
}

/// A run of letters: one word, or several where an apostrophe joins them (`l'hospital`).
fn push_word(text: &str, start: usize, end: usize, language: Language, found: &mut Vec<Unit>) {
    let mut at = start;
    for piece in text[start..end].split(['\'', '’']) {
        // The apostrophe's own length: one byte or three.
        let from = at;
        let to = from + piece.len();
        at = to + text[to..end].chars().next().map_or(0, char::len_utf8);
        let elided = from != start || to != end;
        if elided && (piece.chars().count() == 1 || is_clitic(piece)) {
            // «don't»: what is left of «not».
            if piece.eq_ignore_ascii_case("t") && text[start..from].ends_with(['n', '\'', '’']) {
                found.push(plain(from, to, TermKind::Negation, "not".to_owned()));
            }
            continue;
        }
        found.extend(word(text, from, to, language));
    }
}

fn is_clitic(piece: &str) -> bool {
    [
        "ls", "ns", "ll", "re", "ve", "hi", "ho", "en", "em", "et", "es", "us",
    ]
    .contains(&piece.to_lowercase().as_str())
}

/// An ordinary word; nothing for a word of grammar.
fn word(text: &str, start: usize, end: usize, language: Language) -> Option<Unit> {
    let folded = spelling(&text[start..end]);
    match word_role(&folded, language) {
        WordRole::Function => None,
        WordRole::Negation => Some(plain(start, end, TermKind::Negation, folded)),
        WordRole::Content => Some(Unit {
            start,
            end,
            kind: TermKind::Word,
            keys: vec![format!("~{}", stem(&folded, language)), folded],
            parts: Vec::new(),
        }),
    }
}

/// A word's folded spelling, the Catalan `l·l` (and `l.l`) as `ll`.
fn spelling(word: &str) -> String {
    let mut folded = fold(word);
    if folded.contains(['·', '.', '\u{2027}']) {
        folded.retain(|c| !matches!(c, '·' | '.' | '\u{2027}'));
    }
    folded
}

/// Words of negation that stay so in capitals.
const STRESSED: &[&str] = &[
    "no", "sin", "nunca", "ni", "sense", "mai", "gabe", "ez", "inoiz", "non", "sen", "not", "never",
];

/// Letters with digits among them or capitals where an ordinary word has none.
fn code(text: &str, start: usize, end: usize, language: Language) -> Option<Unit> {
    let written = &text[start..end];
    let letters_only = written.chars().all(char::is_alphabetic);
    let capitals = letters_only && written.chars().all(char::is_uppercase);
    if capitals && in_capitals(text, start) {
        // In a heading of capitals this is a word like any other, unless it is too short to tell.
        let mut unit = word(text, start, end, language)?;
        if unit.kind == TermKind::Word && unit.keys[1].chars().count() <= 5 {
            unit.kind = TermKind::Code;
            unit.keys.reverse();
        }
        return Some(unit);
    }
    let mut key = code_key(written);
    // «IECAs», «DAIs»: the plural of an abbreviation.
    if letters_only
        && written.ends_with('s')
        && written.len() > 3
        && written[..written.len() - 1].chars().all(char::is_uppercase)
    {
        key.pop();
    }
    // «NO», «SIN»: stressed. But «CAP» is a health centre before it is the Catalan «none».
    if capitals && STRESSED.contains(&key.as_str()) {
        return Some(plain(start, end, TermKind::Negation, key));
    }
    let family = key.split_once('.').map(|(family, _)| family.to_owned());
    let mut unit = plain(start, end, TermKind::Code, key);
    // «I50.1» is found by «I50» too.
    if let Some(family) = family.filter(|family| !family.is_empty()) {
        let family_end = start + family.len();
        unit.parts
            .push(plain(start, family_end.min(end), TermKind::Code, family));
    }
    // A long word in capitals may be nothing but emphasis.
    if capitals && written.chars().count() > 5 {
        let stem = stem(&unit.keys[0], language);
        unit.keys.push(format!("~{stem}"));
    }
    Some(unit)
}

/// Several words, codes or numbers held together: found whole and by its parts.
fn compound(text: &str, start: usize, end: usize, language: Language) -> Vec<Unit> {
    let mut parts = Vec::new();
    let mut all_words = true;
    let mut grammar = false;
    let mut at = start;
    for piece in text[start..end].split(['-', '\u{2010}', '\u{2011}', '/', '+']) {
        let from = at;
        let to = from + piece.len();
        at = to + text[to..end].chars().next().map_or(0, char::len_utf8);
        let before = parts.len();
        let shape = shape(piece);
        match shape {
            Shape::Word => push_word(text, from, to, language, &mut parts),
            Shape::Code | Shape::Compound => parts.extend(code(text, from, to, language)),
            Shape::Number => {
                let keys = quantity(&text[..to], from, to).keys;
                parts.push(Unit {
                    start: from,
                    end: to,
                    kind: TermKind::Quantity,
                    keys,
                    parts: vec![],
                });
            }
        }
        all_words &= shape == Shape::Word;
        grammar |= parts.len() == before;
    }
    // «y/o», «fer-ne»: only the words count.
    if all_words && (grammar || parts.len() < 2) {
        return parts;
    }
    // A lone digit or letter is no search of its own: «SARS-CoV-2», «NT».
    parts.retain(|part| part.end - part.start > 1);
    let whole = code_key(&text[start..end]);
    vec![Unit {
        start,
        end,
        kind: TermKind::Code,
        keys: vec![whole],
        parts,
    }]
}

/// The spelling of a code: folded, without hyphens and middle dots.
fn code_key(written: &str) -> String {
    let mut key = fold(written);
    key.retain(|c| !matches!(c, '-' | '\u{2010}' | '\u{2011}' | '·' | '\u{2027}'));
    key
}

fn plain(start: usize, end: usize, kind: TermKind, key: String) -> Unit {
    Unit {
        start,
        end,
        kind,
        keys: vec![key],
        parts: Vec::new(),
    }
}
