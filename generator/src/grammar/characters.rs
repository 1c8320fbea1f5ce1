//! The characters of an answer. Everything else is impossible: other scripts, markup, code,
//! control and invisible characters, and white space that is not a plain space or a line break.

use std::sync::LazyLock;

/// What a character does in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Upper,
    Lower,
    Digit,
    Space,
    Newline,
    /// `.`
    Dot,
    /// `!` and `?`
    End,
    /// `[`
    Open,
    /// `]`
    Close,
    /// `(`, `«`, `¿`
    Opener,
    /// `)`, `»`
    Closer,
    /// `"` and `'`, which open or close.
    Quote,
    Dash,
    Bullet,
    Slash,
    /// `<`, which may begin a tag.
    Less,
    Other,
}

impl Class {
    /// As a bit of a set of classes.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u8
    }

    pub(super) const ALL: [Self; 17] = [
        Self::Upper,
        Self::Lower,
        Self::Digit,
        Self::Space,
        Self::Newline,
        Self::Dot,
        Self::End,
        Self::Open,
        Self::Close,
        Self::Opener,
        Self::Closer,
        Self::Quote,
        Self::Dash,
        Self::Bullet,
        Self::Slash,
        Self::Less,
        Self::Other,
    ];
}

/// The class of `c`; `None` where it may stand in no answer.
pub(super) fn class(c: char) -> Option<Class> {
    if c.is_ascii() {
        return ASCII[c as usize];
    }
    Some(match c {
        '¿' | '¡' | '«' | '“' | '‘' | '‹' => Class::Opener,
        '»' | '”' | '’' | '›' => Class::Closer,
        '\u{2010}'..='\u{2015}' | '−' => Class::Dash,
        '•' => Class::Bullet,
        '\u{a0}' | '\u{ad}' | '\u{80}'..='\u{9f}' => return None,
        '\u{a1}'..='\u{24f}' | '\u{370}'..='\u{3ff}' if c.is_uppercase() => Class::Upper,
        '\u{a1}'..='\u{24f}' | '\u{370}'..='\u{3ff}' if c.is_alphabetic() => Class::Lower,
        '\u{a1}'..='\u{ff}' => Class::Other,
        '†' | '‡' | '‰' | '′' | '″' | '€' | '℃' | '℉' | 'ℓ' | '™' | 'Ω' => {
            Class::Other
        }
        '⁰' | '⁴'..='⁹' | '⁺' | '⁻' | '₀'..='₉' | '₊' | '₋' => Class::Other,
        '⅐'..='⅞' | '←'..='⇿' | '∀'..='⋿' => Class::Other,
        _ => return None,
    })
}

static ASCII: [Option<Class>; 128] = {
    let mut classes = [None; 128];
    let mut at = 0;
    while at < 128 {
        classes[at] = match at as u8 {
            b'A'..=b'Z' => Some(Class::Upper),
            b'a'..=b'z' => Some(Class::Lower),
            b'0'..=b'9' => Some(Class::Digit),
            b' ' => Some(Class::Space),
            b'\n' => Some(Class::Newline),
            b'.' => Some(Class::Dot),
            b'!' | b'?' => Some(Class::End),
            b'[' => Some(Class::Open),
            b']' => Some(Class::Close),
            b'(' => Some(Class::Opener),
            b')' => Some(Class::Closer),
            b'"' | b'\'' => Some(Class::Quote),
            b'-' => Some(Class::Dash),
            b'/' => Some(Class::Slash),
            b'<' => Some(Class::Less),
            b'%' | b'&' | b'+' | b',' | b':' | b';' | b'=' | b'>' | b'^' => Some(Class::Other),
            _ => None,
        };
        at += 1;
    }
    classes
};

/// The first bytes of a character that is not whole yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Pending {
    lead: u8,
    second: u8,
}

/// What a byte of a character of several bytes leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelt {
    /// The character is not whole; those it may become are of these classes.
    Part(Pending, u32),
    /// The character.
    Whole(char),
}

impl Pending {
    /// No character has begun.
    pub(super) const NONE: Self = Self { lead: 0, second: 0 };

    pub(super) const fn is_none(self) -> bool {
        self.lead == 0
    }

    /// Takes one byte more; `None` where no character of an answer is spelt so.
    pub(super) fn push(self, byte: u8) -> Option<Spelt> {
        if self.is_none() {
            let classes = PREFIXES.after_one[byte as usize];
            let part = Self {
                lead: byte,
                second: 0,
            };
            return (classes != 0).then_some(Spelt::Part(part, classes));
        }
        if byte & 0xc0 != 0x80 {
            return None;
        }
        let low = u32::from(byte & 0x3f);
        if self.lead < 0xe0 {
            let code = u32::from(self.lead & 0x1f) << 6 | low;
            return char::from_u32(code).map(Spelt::Whole);
        }
        if self.second == 0 {
            let classes = PREFIXES.after_two[low as usize];
            let part = Self {
                second: byte,
                ..self
            };
            return (classes != 0).then_some(Spelt::Part(part, classes));
        }
        let code = u32::from(self.lead & 0xf) << 12 | u32::from(self.second & 0x3f) << 6 | low;
        char::from_u32(code).map(Spelt::Whole)
    }
}

/// The classes of the characters that begin with given bytes.
struct Prefixes {
    after_one: [u32; 256],
    /// After `E2`, the one first byte of characters of three bytes that answers have.
    after_two: [u32; 64],
}

static PREFIXES: LazyLock<Prefixes> = LazyLock::new(|| {
    let mut prefixes = Prefixes {
        after_one: [0; 256],
        after_two: [0; 64],
    };
    for c in '\u{80}'..='\u{ffff}' {
        let Some(class) = class(c) else { continue };
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        prefixes.after_one[bytes[0] as usize] |= class.bit();
        if bytes[0] == 0xe2 {
            prefixes.after_two[bytes[1] as usize & 0x3f] |= class.bit();
        }
    }
    prefixes
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_an_answer_have_one_two_or_three_bytes_and_e2_leads_the_three() {
        for c in '\u{80}'..=char::MAX {
            if class(c).is_some() {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).as_bytes();
                assert!(bytes.len() == 2 || bytes[0] == 0xe2, "{c:?}");
            }
        }
    }

    #[test]
    fn a_character_is_spelt_by_its_bytes_and_by_no_others() {
        for c in ['ñ', 'Á', '≤', '€', '’', 'µ', 'μ', '½'] {
            let mut pending = Pending::NONE;
            let mut spelt = None;
            for byte in c.to_string().bytes() {
                match pending.push(byte) {
                    Some(Spelt::Part(part, classes)) => {
                        assert!(classes & class(c).unwrap().bit() != 0, "{c}");
                        pending = part;
                    }
                    Some(Spelt::Whole(whole)) => spelt = Some(whole),
                    None => panic!("{c} cannot be spelt"),
                }
            }
            assert_eq!(spelt, Some(c));
        }
        for bytes in ["日", "д", "ש", "😀", "\u{202e}", "\u{200b}", "\u{a0}"] {
            let mut pending = Pending::NONE;
            let whole = bytes
                .bytes()
                .try_fold((), |(), byte| match pending.push(byte) {
                    Some(Spelt::Part(part, _)) => {
                        pending = part;
                        Some(())
                    }
                    Some(Spelt::Whole(c)) => class(c).map(|_| ()),
                    None => None,
                });
            assert_eq!(whole, None, "{bytes:?}");
        }
    }
}
