//! Plain operations on text that several crates must do in the same way.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, accents removed, `ñ` and `ç` kept as letters of their own, `µ` and `μ` as one.
///
/// This is for comparing, never for showing: compatibility forms are left as they are, so that
/// `10²` is not `102` and `½` is not `1/2`.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' | ' ' | 'ñ' | 'ç' => folded.push(c),
            'μ' => folded.push('µ'),
            _ if c.is_ascii() => folded.push(c),
            // A combining tilde or cedilla that arrives apart joins the letter before it.
            '\u{303}' if folded.ends_with('n') => replace_last(&mut folded, 'ñ'),
            '\u{327}' if folded.ends_with('c') => replace_last(&mut folded, 'ç'),
            _ => folded.extend(
                std::iter::once(c)
                    .nfd()
                    .filter(|part| !is_combining_mark(*part)),
            ),
        }
    }
    folded
}

fn replace_last(text: &mut String, letter: char) {
    text.pop();
    text.push(letter);
}

/// Every run of white space as one space, none at the ends.
#[must_use]
pub fn collapse_whitespace(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// The text without what no reader sees and some attack with: control characters other than tab
/// and line breaks, zero-width characters, bidirectional overrides, tag characters, soft hyphens.
/// Joined to the composed form (NFC).
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).nfc().collect()
}

fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_drops_accents_and_keeps_the_letters_of_the_languages_of_spain() {
        assert_eq!(
            fold("Titulación AÑO Força cardíaca µg μg"),
            "titulacion año força cardiaca µg µg"
        );
        assert_eq!(fold("an\u{303}o"), "año");
    }

    #[test]
    fn folding_never_changes_a_quantity() {
        for quantity in ["10²", "1,25", "1.000", "½", "≤ 35 %", "10⁹/l"] {
            assert_eq!(fold(quantity), quantity);
        }
    }

    #[test]
    fn what_no_reader_sees_is_dropped() {
        assert_eq!(
            printable("do\u{ad}sis\u{202e} 5\u{200b} mg\u{0}\n"),
            "dosis 5 mg\n"
        );
        assert_eq!(printable("e\u{301}"), "é");
    }
}
