//! Rows of words as one running text, words that a line end had parted made whole.

use domain::BoundingBox;

use super::style::Style;
use super::words::{Frame, Row};
use crate::Word;

/// The text of `rows` on one line, and where its words stand on the page.
pub(super) fn join(rows: &[Row], frame: &Frame, style: &Style) -> (String, Vec<Word>) {
    let mut text = String::new();
    let mut words: Vec<Word> = Vec::new();
    for row in rows {
        for (index, word) in row.words.iter().enumerate() {
            let mut letters = word.text.as_str();
            if index > 0 {
                text.push(' ');
            } else if !text.is_empty() {
                match seam(&text, letters, style) {
                    Seam::Space => text.push(' '),
                    Seam::Tight => {}
                    Seam::DropHyphen => {
                        text.pop();
                        if let Some(last) = words.last_mut() {
                            last.end = text.len() as u32;
                        }
                    }
                    Seam::DropSecondHyphen => letters = &letters[1..],
                }
            }
            let start = text.len() as u32;
            text.push_str(letters);
            let bbox: BoundingBox = frame.on_page(word.bbox);
            words.push(Word {
                start,
                end: text.len() as u32,
                bbox,
            });
        }
    }
    (text, words)
}

/// How the end of one line and the beginning of the next belong together.
enum Seam {
    Space,
    /// The hyphen, dash or slash is part of the word.
    Tight,
    /// The hyphen only parted a word.
    DropHyphen,
    /// Spanish repeats the hyphen of a compound at the beginning of the next line.
    DropSecondHyphen,
}

fn seam(text: &str, next: &str, style: &Style) -> Seam {
    let mut ending = text.chars().rev();
    let (Some(mark), Some(before)) = (ending.next(), ending.next()) else {
        return Seam::Space;
    };
    let mut beginning = next.chars();
    let Some(first) = beginning.next() else {
        return Seam::Space;
    };
    match mark {
        '-' if before.is_alphanumeric() => {
            if first == '-' && beginning.next().is_some_and(char::is_alphabetic) {
                return Seam::DropSecondHyphen;
            }
            if !first.is_alphanumeric() {
                return Seam::Space;
            }
            let parted = before.is_lowercase() && first.is_lowercase();
            let last = text[..text.len() - 1]
                .rsplit(' ')
                .next()
                .unwrap_or_default();
            if parted && !style.is_hyphenated(last, next) {
                Seam::DropHyphen
            } else {
                Seam::Tight
            }
        }
        '–' if before.is_alphanumeric() && first.is_alphanumeric() => Seam::Tight,
        '/' if before.is_alphanumeric() && first.is_alphanumeric() => Seam::Tight,
        _ => Seam::Space,
    }
}
