//! The rules of an answer, byte by byte.
//!
//! An answer is the refusal, or sentences. A sentence begins with a capital, a figure, a bullet or
//! an opening sign, and ends in one to four marks, after its full stop (`Dosis de 5 mg. [1][2]`) or
//! before it (`Dosis de 5 mg [1].`): models write both and either can be told from what follows.
//! Square brackets are in marks only. After a full stop that ends a sentence, after `!` and after
//! `?` nothing but a mark can come; a full stop that ends none (`2.5`, `p. ej.`, `mg.`, `18.
//! artikulua`) is told by the word before it and by what follows. A line breaks after marks only.

use super::characters::{Class, Pending, Spelt, class};
use super::words::{Stop, Word};

/// Marks a sentence ends in, at most.
pub(super) const MAX_MARKS_IN_A_ROW: u32 = 4;
/// After so many bytes a sentence can only end. `domain::sentences` cuts no shorter line at `;`.
pub(super) const MAX_SENTENCE_BYTES: u16 = 380;
/// Marks that can be told apart.
pub(super) const MAX_MARKS: usize = 64;
/// Nothing written is the refusal any more.
const NOT_REFUSING: u16 = u16::MAX;

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GrammarState {
    place: Place,
    pending: Pending,
    /// Bytes of the refusal written so far, and nothing else was.
    refusal: u16,
    /// Bytes of the sentence at hand.
    length: u16,
}

/// Marks written in a row, and whether punctuation stands before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Marks {
    used: u64,
    after_stop: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// Before everything.
    Start,
    /// After the space that some tokenizers put before a text.
    DummySpace,
    /// After a line break, or two.
    Line,
    EmptyLine,
    /// After the space between sentences.
    Gap,
    /// After the dash or dot of a list item, and the space that follows.
    Bullet,
    BulletGap,
    /// After a sign that opens a sentence.
    Opening,
    /// In a sentence, within or after a word.
    Text(Word),
    /// After a space in a sentence.
    Space,
    /// After `<`: only a figure makes it no tag.
    Less,
    /// After `/`: two make a link.
    Slash,
    /// After a full stop, and after the space that follows it.
    Stopped(Stop),
    StoppedGap(Stop),
    /// After `[` and the digits of a mark.
    Mark(Marks, u8),
    /// After a mark, and after the space that follows it.
    Marked(Marks),
    MarkedGap(Marks),
    /// After the full stop that follows marks.
    Closed,
    /// What is written can only be the refusal.
    Refusing,
    /// The refusal is whole.
    Refused,
    /// The token that ends an answer has come.
    Ended,
}

/// What the rules depend on.
pub(super) struct Rules {
    /// Marks `1..=marks` exist; at most [`MAX_MARKS`].
    pub(super) marks: usize,
    pub(super) refusal: Box<[u8]>,
    /// A text may begin with a space that means nothing.
    pub(super) dummy_space: bool,
}

impl GrammarState {
    pub(super) const START: Self = Self {
        place: Place::Start,
        pending: Pending::NONE,
        refusal: 0,
        length: 0,
    };
    pub(super) const ENDED: Self = Self {
        place: Place::Ended,
        pending: Pending::NONE,
        refusal: NOT_REFUSING,
        length: 0,
    };

    /// Whether an answer may end here.
    pub(super) const fn is_complete(&self) -> bool {
        let ends = matches!(
            self.place,
            Place::Marked(_)
                | Place::MarkedGap(_)
                | Place::Closed
                | Place::Gap
                | Place::Line
                | Place::EmptyLine
                | Place::Refused
        );
        ends && self.pending.is_none()
    }

    /// Whether the sentence at hand is so long that it can only end. It is asked before a token,
    /// and holds for all of the token.
    pub(super) const fn is_overlong(&self) -> bool {
        self.length >= MAX_SENTENCE_BYTES
    }

    /// Whether what is written may still become the refusal.
    pub(super) const fn may_refuse(&self) -> bool {
        self.refusal != NOT_REFUSING
    }

    /// The state as far as it decides which tokens may come.
    pub(super) const fn key(self) -> Self {
        let length = if self.is_overlong() {
            MAX_SENTENCE_BYTES
        } else {
            0
        };
        Self { length, ..self }
    }

    /// The state as far as it decides what may follow within a token.
    pub(super) const fn key_within(self) -> Self {
        Self { length: 0, ..self }
    }

    /// The state after one byte; `None` where it may not come.
    #[inline]
    pub(super) fn step(self, byte: u8, overlong: bool, rules: &Rules) -> Option<Self> {
        let refusal = if self.refusal == NOT_REFUSING {
            NOT_REFUSING
        } else {
            self.refuse(byte, rules)
        };
        if refusal != NOT_REFUSING && refusal as usize == rules.refusal.len() {
            return Some(Self {
                place: Place::Refused,
                refusal,
                ..Self::ENDED
            });
        }
        match self.step_text(byte, overlong, rules) {
            Some((place, pending)) => Some(Self {
                place,
                pending,
                refusal,
                length: if place.is_within() {
                    self.length.saturating_add(1)
                } else {
                    0
                },
            }),
            None => (refusal != NOT_REFUSING).then_some(Self {
                place: Place::Refusing,
                refusal,
                ..Self::ENDED
            }),
        }
    }

    fn refuse(&self, byte: u8, rules: &Rules) -> u16 {
        if self.place == Place::Start && byte == b' ' && rules.dummy_space {
            return 0;
        }
        match rules.refusal.get(self.refusal as usize) {
            Some(next) if *next == byte => self.refusal + 1,
            _ => NOT_REFUSING,
        }
    }

    #[inline]
    fn step_text(self, byte: u8, overlong: bool, rules: &Rules) -> Option<(Place, Pending)> {
        if self.pending.is_none() && byte.is_ascii() {
            let c = byte as char;
            let place = self.place.step(class(c)?, c, overlong, rules)?;
            return Some((place, Pending::NONE));
        }
        // A character that has begun is finished first.
        let overlong = overlong && self.pending.is_none();
        match self.pending.push(byte)? {
            Spelt::Whole(c) => {
                let place = self.place.step(class(c)?, c, overlong, rules)?;
                Some((place, Pending::NONE))
            }
            // Not begun unless it can be finished.
            Spelt::Part(pending, classes) => Class::ALL
                .into_iter()
                .filter(|class| classes & class.bit() != 0)
                .any(|class| self.place.step(class, '\u{100}', overlong, rules).is_some())
                .then_some((self.place, pending)),
        }
    }
}

impl Place {
    /// Whether it is within a sentence that has words already, so that only marks end it.
    const fn is_within(self) -> bool {
        matches!(
            self,
            Self::Text(_)
                | Self::Space
                | Self::Less
                | Self::Slash
                | Self::Stopped(_)
                | Self::StoppedGap(_)
        )
    }

    #[inline]
    fn step(self, class: Class, c: char, overlong: bool, rules: &Rules) -> Option<Self> {
        if overlong && self.is_within() {
            return self.close(class, rules);
        }
        match self {
            Self::Text(word) => Self::after_word(word, class, c, rules),
            Self::Space => match class {
                Class::Opener | Class::Quote | Class::Dash | Class::Other => {
                    Some(Self::Text(Word::NONE))
                }
                Class::Slash => Some(Self::Slash),
                Class::Less => Some(Self::Less),
                Class::Open => Self::open(false, rules),
                _ => Self::word(Word::NONE, class, c),
            },
            Self::Less => match class {
                Class::Digit => Some(Self::Text(Word::NUMBER)),
                Class::Space => Some(Self::Space),
                Class::Other if c == '=' => Some(Self::Text(Word::NONE)),
                _ => None,
            },
            Self::Slash => match class {
                Class::Slash | Class::Less => None,
                _ => Self::after_word(Word::NONE, class, c, rules),
            },
            Self::Stopped(stop) => Self::after_stop(stop, class, c, rules),
            Self::StoppedGap(stop) => Self::after_stop_and_space(stop, class, c, rules),
            Self::Mark(marks, value) => match class {
                Class::Digit => {
                    let value = value.checked_mul(10)?.checked_add(c as u8 - b'0')?;
                    marks
                        .may_begin(value, rules)
                        .then_some(Self::Mark(marks, value))
                }
                Class::Close => Some(Self::Marked(marks.with(value, rules)?)),
                _ => None,
            },
            Self::Marked(marks) => match class {
                Class::Open => marks.open(rules),
                Class::Space => Some(Self::MarkedGap(marks)),
                Class::Newline => Some(Self::Line),
                Class::Dot | Class::End if !marks.after_stop => Some(Self::Closed),
                _ => None,
            },
            Self::MarkedGap(marks) => match class {
                Class::Open => marks.open(rules),
                Class::Newline => Some(Self::Line),
                _ => Self::begin(class, c),
            },
            Self::Closed => match class {
                Class::Space => Some(Self::Gap),
                Class::Newline => Some(Self::Line),
                _ => None,
            },
            Self::Gap => match class {
                Class::Newline => Some(Self::Line),
                _ => Self::begin(class, c),
            },
            Self::Line => match class {
                Class::Newline => Some(Self::EmptyLine),
                _ => Self::begin(class, c),
            },
            Self::Start if class == Class::Space && rules.dummy_space => Some(Self::DummySpace),
            Self::Start | Self::DummySpace | Self::EmptyLine => Self::begin(class, c),
            Self::Bullet => match class {
                Class::Space => Some(Self::BulletGap),
                _ => Self::word(Word::NONE, class, c),
            },
            Self::BulletGap => match class {
                Class::Opener | Class::Quote => Some(Self::Opening),
                _ => Self::word(Word::LABEL, class, c),
            },
            Self::Opening => Self::word(Word::NONE, class, c),
            Self::Refusing | Self::Refused | Self::Ended => None,
        }
    }

    /// The first character of a sentence.
    fn begin(class: Class, c: char) -> Option<Self> {
        match class {
            Class::Upper | Class::Digit => Self::word(Word::LABEL, class, c),
            Class::Opener | Class::Quote => Some(Self::Opening),
            Class::Dash | Class::Bullet => Some(Self::Bullet),
            _ => None,
        }
    }

    /// A letter or figure after `before`.
    fn word(before: Word, class: Class, c: char) -> Option<Self> {
        match class {
            Class::Upper | Class::Lower => before.letter(c).map(Self::Text),
            Class::Digit if before == Word::LABEL => Some(Self::Text(Word::LABEL)),
            Class::Digit => Some(Self::Text(Word::NUMBER)),
            _ => None,
        }
    }

    fn after_word(word: Word, class: Class, c: char, rules: &Rules) -> Option<Self> {
        match class {
            Class::Upper | Class::Lower | Class::Digit => Self::word(word, class, c),
            Class::Space => Some(Self::Space),
            Class::Dot => Some(Self::Stopped(word.stop())),
            Class::End => Some(Self::Stopped(Stop::Sentence)),
            Class::Open => Self::open(false, rules),
            Class::Slash => Some(Self::Slash),
            Class::Less => Some(Self::Less),
            Class::Newline | Class::Close => None,
            _ => Some(Self::Text(Word::NONE)),
        }
    }

    fn after_stop(stop: Stop, class: Class, c: char, rules: &Rules) -> Option<Self> {
        if class == Class::Space {
            return Some(Self::StoppedGap(stop));
        }
        if stop == Stop::Sentence {
            return match class {
                Class::Closer | Class::Quote => Some(Self::Stopped(stop)),
                Class::Open => Self::open(true, rules),
                _ => None,
            };
        }
        match class {
            Class::Open if stop != Stop::Label => Self::open(true, rules),
            Class::Upper if stop != Stop::Initial => None,
            Class::Upper | Class::Lower => Self::word(Word::NONE, class, c),
            Class::Digit if stop == Stop::Label => Some(Self::Text(Word::LABEL)),
            Class::Digit => Some(Self::Text(Word::NUMBER)),
            Class::Closer | Class::Quote | Class::Dash | Class::Other => {
                Some(Self::Text(Word::NONE))
            }
            Class::Slash => Some(Self::Slash),
            _ => None,
        }
    }

    fn after_stop_and_space(stop: Stop, class: Class, c: char, rules: &Rules) -> Option<Self> {
        match (stop, class) {
            (Stop::Label, Class::Open) => None,
            (_, Class::Open) => Self::open(true, rules),
            (Stop::Sentence, _) => None,
            (_, Class::Lower) | (Stop::Title | Stop::Label, Class::Upper) => {
                Self::word(Word::NONE, class, c)
            }
            (Stop::Label, Class::Opener | Class::Quote) => Some(Self::Opening),
            (Stop::Number, _) => None,
            (_, Class::Digit) => Some(Self::Text(Word::NUMBER)),
            (Stop::Label, _) => None,
            (_, Class::Opener | Class::Dash | Class::Other) => Some(Self::Text(Word::NONE)),
            (_, Class::Less) => Some(Self::Less),
            _ => None,
        }
    }

    /// The way out of a sentence that is too long.
    fn close(self, class: Class, rules: &Rules) -> Option<Self> {
        let stopped = matches!(self, Self::Stopped(_) | Self::StoppedGap(_));
        match (self, class) {
            (_, Class::Open) => Self::open(stopped, rules),
            (Self::Text(_), Class::Dot) => Some(Self::Stopped(Stop::Sentence)),
            (Self::Text(_) | Self::Less | Self::Slash, Class::Space) => Some(Self::Space),
            (Self::Stopped(_), Class::Space) => Some(Self::StoppedGap(Stop::Sentence)),
            _ => None,
        }
    }

    fn open(after_stop: bool, rules: &Rules) -> Option<Self> {
        Marks {
            used: 0,
            after_stop,
        }
        .open(rules)
    }
}

/// Whether a sentence that a full stop of this kind follows may go on with `c` after a space.
pub(super) fn goes_on(stop: Stop, c: char) -> bool {
    // Marks have no part in it.
    let rules = Rules {
        marks: 0,
        refusal: Box::default(),
        dummy_space: false,
    };
    class(c).is_some_and(|class| Place::after_stop_and_space(stop, class, c, &rules).is_some())
}

impl Marks {
    /// Opens one mark more, if there is one that was not written yet.
    fn open(self, rules: &Rules) -> Option<Place> {
        let written = self.used.count_ones();
        let more = written < MAX_MARKS_IN_A_ROW && (written as usize) < rules.marks;
        more.then_some(Place::Mark(self, 0))
    }

    /// Whether a mark not written yet begins with the digits of `value`.
    fn may_begin(self, value: u8, rules: &Rules) -> bool {
        let value = value as usize;
        value > 0
            && (self.is_free(value, rules)
                || (10 * value..10 * value + 10).any(|longer| self.is_free(longer, rules)))
    }

    fn is_free(self, mark: usize, rules: &Rules) -> bool {
        (1..=rules.marks).contains(&mark) && self.used >> (mark - 1) & 1 == 0
    }

    fn with(self, value: u8, rules: &Rules) -> Option<Self> {
        let mark = value as usize;
        self.is_free(mark, rules).then(|| Self {
            used: self.used | 1 << (mark - 1),
            ..self
        })
    }
}
