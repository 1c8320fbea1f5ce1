//! Raised and lowered characters as Unicode has them, so that 10⁹ is never read as 109.

/// The text raised: digits and signs as Unicode superscripts, letters where a form exists. What
/// has none follows a `^` where it would otherwise be read as part of a number.
pub(crate) fn superscript(text: &str) -> String {
    raise(text, '^', |c| {
        Some(match c {
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            '9' => '⁹',
            '+' => '⁺',
            '-' | '−' | '–' => '⁻',
            '=' => '⁼',
            '(' => '⁽',
            ')' => '⁾',
            _ => return None,
        })
    })
}

/// The text lowered: digits and signs as Unicode subscripts; letters stay as they are.
pub(crate) fn subscript(text: &str) -> String {
    raise(text, '_', |c| {
        Some(match c {
            '0' => '₀',
            '1' => '₁',
            '2' => '₂',
            '3' => '₃',
            '4' => '₄',
            '5' => '₅',
            '6' => '₆',
            '7' => '₇',
            '8' => '₈',
            '9' => '₉',
            '+' => '₊',
            '-' | '−' | '–' => '₋',
            '=' => '₌',
            '(' => '₍',
            ')' => '₎',
            _ => return None,
        })
    })
}

/// Maps what has a form. A decimal mark between raised digits keeps its own shape behind `mark`,
/// for a bare `,` there would end one number and begin another.
fn raise(text: &str, mark: char, form: impl Fn(char) -> Option<char>) -> String {
    let mut raised = String::with_capacity(text.len() + 4);
    let digits_around = text.chars().any(|c| c.is_ascii_digit());
    for c in text.chars() {
        match form(c) {
            Some(mapped) => raised.push(mapped),
            None if digits_around && matches!(c, '.' | '/') => {
                raised.push(mark);
                raised.push(c);
            }
            None => raised.push(c),
        }
    }
    raised
}

/// Whether `c` is a raised digit, as notes carry it.
pub(crate) const fn is_superscript_digit(c: char) -> bool {
    matches!(c, '⁰' | '¹' | '²' | '³' | '⁴'..='⁹')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_digits_and_signs_keep_their_place() {
        assert_eq!(superscript("9"), "⁹");
        assert_eq!(superscript("-3"), "⁻³");
        assert_eq!(superscript("2+"), "²⁺");
        assert_eq!(superscript("er"), "er");
        assert_eq!(subscript("2"), "₂");
    }
}
