//! Letters as fonts give them, made into the letters a reader sees.

/// Adds `letters` to `text`: ligatures opened, symbol fonts' private codes told, spaces as one.
pub(super) fn push_normal(text: &mut String, letters: &str) {
    for c in letters.chars() {
        match c {
            '\u{fb00}' => text.push_str("ff"),
            '\u{fb01}' => text.push_str("fi"),
            '\u{fb02}' => text.push_str("fl"),
            '\u{fb03}' => text.push_str("ffi"),
            '\u{fb04}' => text.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => text.push_str("st"),
            '\u{2126}' => text.push('Ω'),
            '\u{3bc}' => text.push('µ'),
            // A soft hyphen that is painted stands at the end of a line.
            '\u{2010}' | '\u{2011}' | '\u{ad}' => text.push('-'),
            '\u{f000}'..='\u{f0ff}' => text.push(symbol_font(c)),
            _ => text.push(c),
        }
    }
}

/// What Windows' symbol fonts show at U+F020 to U+F0FF: codes of the Symbol font, and of
/// Wingdings where Symbol has nothing that a clinical text would hold there.
fn symbol_font(c: char) -> char {
    let code = (c as u32 & 0xff) as u8;
    match code {
        0x61 => 'α',
        0x62 => 'β',
        0x67 => 'γ',
        0x64 => 'δ',
        0x44 => 'Δ',
        0x6d => 'µ',
        0x6c => 'λ',
        0x70 => 'π',
        0x73 => 'σ',
        0x53 => 'Σ',
        0x57 => 'Ω',
        0xa3 => '≤',
        0xa5 => '∞',
        0xa7 => '▪',
        0xa8 => '▪',
        0xab => '↔',
        0xac => '←',
        0xad => '↑',
        0xae => '→',
        0xaf => '↓',
        0xb0 => '°',
        0xb1 => '±',
        0xb3 => '≥',
        0xb4 => '×',
        0xb7 => '•',
        0xb8 => '÷',
        0xb9 => '≠',
        0xba => '≡',
        0xbb => '≈',
        0xbc => '…',
        0xd8 => '➢',
        0xde => '⇒',
        0xe0 => '→',
        0xf0 => '⇨',
        0xfc => '✓',
        0xfb => '✗',
        0x20..=0x7e => code as char,
        _ => c,
    }
}

/// The combining form of an accent that a font draws by itself.
pub(super) fn combining(letters: &str) -> Option<char> {
    let mut chars = letters.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else {
        return None;
    };
    Some(match c {
        '\u{b4}' | '\u{2ca}' => '\u{301}',
        '\u{60}' | '\u{2cb}' => '\u{300}',
        '\u{a8}' => '\u{308}',
        '\u{2c6}' => '\u{302}',
        '\u{2dc}' => '\u{303}',
        '\u{b8}' => '\u{327}',
        '\u{2c7}' => '\u{30c}',
        '\u{2da}' => '\u{30a}',
        '\u{300}'..='\u{36f}' => c,
        _ => return None,
    })
}

/// Whether a character is white space of any width.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}')
}

/// Whether a word marks an item of a list.
pub(super) fn is_list_marker(word: &str) -> bool {
    let mut chars = word.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return matches!(
            c,
            '•' | '▪'
                | '■'
                | '□'
                | '●'
                | '○'
                | '◦'
                | '‣'
                | '·'
                | '–'
                | '—'
                | '-'
                | '➢'
                | '✓'
                | '✗'
                | '⇨'
                | '→'
                | '*'
                | '►'
                | '▶'
                | '◆'
                | '☐'
                | '☑'
                | '∙'
                | '⁃'
                | '➤'
                | '❖'
        );
    }
    is_counter(word)
}

/// `1.`, `12)`, `a)`, `(iv)`, `b.`
fn is_counter(word: &str) -> bool {
    let opened = word.strip_prefix('(');
    let body = opened.unwrap_or(word);
    let Some(body) = body.strip_suffix(')').or_else(|| {
        if opened.is_some() {
            None
        } else {
            body.strip_suffix(".-").or(body.strip_suffix('.'))
        }
    }) else {
        return false;
    };
    let digits = !body.is_empty() && body.len() <= 2 && body.bytes().all(|b| b.is_ascii_digit());
    let letter = body.len() == 1 && body.bytes().all(|b| b.is_ascii_alphabetic());
    let roman = !body.is_empty()
        && body.len() <= 4
        && body
            .bytes()
            .all(|b| matches!(b, b'i' | b'v' | b'x' | b'I' | b'V' | b'X'));
    digits
        || (letter && (word.ends_with(')') || body.bytes().all(|b| b.is_ascii_lowercase())))
        || roman
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_signs_of_symbol_fonts_are_told() {
        let mut text = String::new();
        push_normal(&mut text, "\u{f0a3}40 \u{f0b3}50 \u{f06d}g \u{fb01}n");
        assert_eq!(text, "≤40 ≥50 µg fin");
    }

    #[test]
    fn list_markers_are_told_from_words_and_numbers() {
        for marker in ["•", "–", "1.", "12)", "a)", "(iv)", "b."] {
            assert!(is_list_marker(marker), "{marker}");
        }
        for word in ["1,25", "2024.", "5", "de", "mg.", "A.", "No)"] {
            assert!(!is_list_marker(word), "{word}");
        }
    }
}
