//! The words of a sentence in order, with where a clause begins: what the gates read that must not
//! depend on the language a document is tagged with.

use domain::fold;

/// A word or number of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// First byte in the text.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    /// Folded; in a number the decimal comma is a point.
    pub(super) folded: String,
    /// It begins the text or stands after a stop, comma, colon or parenthesis.
    pub(super) opens: bool,
}

/// The words of a text. A number keeps its decimals, a vulgar fraction is a word of its own.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut opens = true;
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if !first.is_alphanumeric() {
            opens |= matches!(first, ',' | ';' | ':' | '.' | '(' | ')' | '\n' | '?' | '!');
            continue;
        }
        let mut end = start + first.len_utf8();
        let mut last = first;
        while let Some((at, c)) = chars.peek().copied() {
            let rest = &text[at + c.len_utf8()..];
            let decimals = matches!(c, '.' | ',')
                && last.is_ascii_digit()
                && rest.starts_with(|next: char| next.is_ascii_digit());
            let same = c.is_alphanumeric() && !is_fraction(c) && !is_fraction(last);
            // An accent that arrives apart belongs to its letter.
            let accent = ('\u{300}'..='\u{36f}').contains(&c);
            if !(same || decimals || accent) {
                break;
            }
            end = at + c.len_utf8();
            last = c;
            chars.next();
        }
        let mut folded = fold(&text[start..end]);
        if first.is_ascii_digit() {
            folded = folded.replace(',', ".");
        }
        found.push(Word {
            start,
            end,
            folded,
            opens,
        });
        opens = false;
    }
    found
}

/// Whether a sign is a number by itself.
pub(super) fn is_fraction(c: char) -> bool {
    matches!(c, '¼' | '½' | '¾' | '⅐'..='⅞')
}

/// Words that join two clauses or two things of a kind.
pub(super) fn joins(folded: &str) -> bool {
    matches!(folded, "y" | "e" | "i" | "eta" | "and")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_decimals_and_clauses_are_told_by_their_stops() {
        let told: Vec<(String, bool)> = words("Con 1,25 mg, tome ½ o 1½.")
            .into_iter()
            .map(|word| (word.folded, word.opens))
            .collect();
        let told: Vec<(&str, bool)> = told.iter().map(|(w, o)| (w.as_str(), *o)).collect();
        assert_eq!(
            told,
            [
                ("con", true),
                ("1.25", false),
                ("mg", false),
                ("tome", true),
                ("½", false),
                ("o", false),
                ("1", false),
                ("½", false),
            ]
        );
    }
}
