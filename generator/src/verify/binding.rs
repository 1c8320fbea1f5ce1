//! Which number belongs to which drug. Where a sentence of running text tells of several drugs, or
//! of several quantities of one unit, a claim may use them only in the order and the words in which
//! they stand there: nothing here understands which belongs to which.

use std::collections::HashSet;

use super::framing::frames;
use super::measures::Measure;
use super::words::{joins, words};
use crate::extractive::Drugs;

/// A word of a text, a drug or a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    text: String,
    kind: Kind,
    /// It begins the text or stands after a stop, comma, colon or parenthesis.
    opens: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word,
    Drug,
    /// With its unit.
    Quantity(String),
}

impl Token {
    fn is_anchor(&self) -> bool {
        self.kind != Kind::Word
    }
}

/// The words of a text in order, a quantity or a combination of drugs as one.
pub(super) fn tokens(text: &str, measures: &[Measure], drugs: &Drugs) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut end = 0;
    for word in words(text) {
        let joint = text.get(end..word.start).unwrap_or_default();
        if word.start < end {
            continue;
        }
        if let Some(measure) = measures.iter().find(|one| one.start == word.start) {
            end = measure.end;
            found.push(Token {
                text: measure.base.clone(),
                kind: Kind::Quantity(measure.unit().to_owned()),
                opens: word.opens,
            });
            continue;
        }
        end = word.end;
        let drug = Some(word.folded.as_str())
            .filter(|name| name.len() > 4)
            .and_then(|name| drugs.bare_name(name));
        let combined = found
            .last_mut()
            .filter(|last| last.kind == Kind::Drug && matches!(joint.trim(), "/" | "-" | "+"));
        match (drug, combined) {
            (Some(name), Some(last)) => {
                last.text.push('/');
                last.text.push_str(name);
            }
            (name, _) => found.push(Token {
                text: name.unwrap_or(&word.folded).to_owned(),
                kind: if name.is_some() {
                    Kind::Drug
                } else {
                    Kind::Word
                },
                opens: word.opens,
            }),
        }
    }
    found
}

/// Whether a claim's drugs and quantities belong together as in the source.
pub(super) fn belong_together(claim: &[Token], source: &[Token]) -> bool {
    let unclear = unclear(source);
    if !claim
        .iter()
        .any(|token| unclear.contains(token.text.as_str()))
    {
        return true;
    }
    is_a_clause_of(claim, source) || keeps_all_in_order(claim, source)
}

/// The drugs and quantities of a source of which another stands beside.
fn unclear(source: &[Token]) -> HashSet<&str> {
    let anchors = || source.iter().filter(|token| token.is_anchor());
    let names: HashSet<&str> = anchors()
        .filter(|token| token.kind == Kind::Drug)
        .map(|token| token.text.as_str())
        .collect();
    let rival = |one: &Token| {
        anchors().any(|other| {
            matches!(one.kind, Kind::Quantity(_))
                && other.kind == one.kind
                && other.text != one.text
        })
    };
    anchors()
        .filter(|token| names.len() > 1 || rival(token))
        .map(|token| token.text.as_str())
        .collect()
}

/// Whether the claim stands word for word in the source, from the beginning of a clause to its end.
fn is_a_clause_of(claim: &[Token], source: &[Token]) -> bool {
    let same = |near: &[Token]| {
        near.iter()
            .zip(claim)
            .all(|(one, other)| one.text == other.text)
    };
    // «entre 5 mg y 10 mg»: there «y» ends nothing.
    let between = source
        .iter()
        .any(|token| matches!(token.text.as_str(), "entre" | "between" | "artean"));
    let begins = |place: usize| {
        source.get(place).is_none_or(|token| token.opens)
            || place
                .checked_sub(1)
                .and_then(|before| source.get(before))
                .is_some_and(|token| joins(&token.text))
    };
    let ends = |place: usize| {
        source.get(place).is_none_or(|token| {
            token.opens
                || joins(&token.text)
                    && !between
                    && source.get(place + 1).is_some_and(|next| !next.is_anchor())
        })
    };
    source
        .windows(claim.len().max(1))
        .enumerate()
        .any(|(at, near)| same(near) && begins(at) && ends(at + claim.len()))
}

/// Words that may come and go without harm: articles, copulas.
const LIGHT: &[&str] = &[
    "el", "la", "los", "las", "lo", "un", "una", "unos", "unas", "es", "son", "sera", "sea", "de",
    "del", "els", "les", "l", "d", "dels", "o", "os", "as", "do", "da", "dos", "das", "unha",
    "the", "an", "is", "are", "of", "dira", "que",
];

fn is_light(word: &str) -> bool {
    LIGHT.contains(&word) || frames(word)
}

/// Whether the claim says all the drugs and quantities of the source in its order, with the same
/// words between them, and nothing before or after that does not stand there before or after.
fn keeps_all_in_order(claim: &[Token], source: &[Token]) -> bool {
    let heavy = |tokens: &[Token]| -> Vec<Token> {
        let kept = tokens.iter();
        kept.filter(|token| token.is_anchor() || !is_light(&token.text))
            .cloned()
            .collect()
    };
    let (claim, source) = (heavy(claim), heavy(source));
    let parts = |tokens: &[Token]| -> Option<[Vec<String>; 3]> {
        let first = tokens.iter().position(Token::is_anchor)?;
        let last = tokens.iter().rposition(Token::is_anchor)?;
        let texts = |part: &[Token]| part.iter().map(|token| token.text.clone()).collect();
        Some([
            texts(tokens.get(..first)?),
            texts(tokens.get(first..=last)?),
            texts(tokens.get(last + 1..)?),
        ])
    };
    let (Some(claim), Some(source)) = (parts(&claim), parts(&source)) else {
        return false;
    };
    let [before, told, after] = &claim;
    let [source_before, source_told, source_after] = &source;
    told == source_told && within(before, source_before) && within(after, source_after)
}

/// Whether the words of one stand in the other in the same order.
fn within(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|word| rest.any(|other| other == word))
}
