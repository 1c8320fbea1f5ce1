//! Where the words, codes and numbers of a text stand, before anything is said of what they mean.

/// What a run of characters looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Letters only.
    Word,
    /// Letters that are no ordinary word: digits among them, or capitals where none belong.
    Code,
    /// Several of the others held together by `-`, `/`, `.` or `+`.
    Compound,
    /// Begins with a digit and holds no letter: `24/26`, `1,25`, `10⁹`.
    Number,
}

/// A run of characters that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) shape: Shape,
}

/// The runs of `text`, in order.
pub(super) fn scan(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(char::is_alphanumeric) {
        let start = at + offset;
        let end = start + run_length(&text[start..]);
        runs.push(Run {
            start,
            end,
            shape: shape(&text[start..end]),
        });
        at = end;
    }
    runs
}

/// Bytes of the run that `text` begins with. A joining character belongs to it only where both
/// of its sides do.
fn run_length(text: &str) -> usize {
    let mut previous = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        if !belongs(c) && !joins(previous, c, next) {
            return at;
        }
        previous = c;
    }
    text.len()
}

/// Letters, digits, and accents that arrive apart from their letter.
fn belongs(c: char) -> bool {
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

fn joins(before: char, c: char, after: char) -> bool {
    let digits = before.is_numeric() && after.is_numeric();
    match c {
        '-' | '\u{2010}' | '\u{2011}' | '/' | '+' => belongs(before) && after.is_alphanumeric(),
        '–' | ',' => digits,
        // «I50.1», «2.º» and the Catalan «l.l»; never the stop at the end of a sentence.
        '.' => {
            digits
                || (before.is_numeric() && matches!(after, 'º' | 'ª'))
                || (before == 'l' && after == 'l')
        }
        '·' | '\u{2027}' => belongs(before) && after.is_alphanumeric(),
        '\'' | '’' => before.is_alphabetic() && after.is_alphabetic(),
        _ => false,
    }
}

/// What `run` looks like. Also used on the parts of a compound.
pub(super) fn shape(run: &str) -> Shape {
    let digits = run.chars().any(char::is_numeric);
    let letters = run.chars().any(char::is_alphabetic);
    if digits && !letters {
        return Shape::Number;
    }
    if run.contains(['-', '\u{2010}', '\u{2011}', '/', '+']) {
        return Shape::Compound;
    }
    if digits || irregular_capitals(run) {
        Shape::Code
    } else {
        Shape::Word
    }
}

/// Whether capitals stand where an ordinary word, its first letter aside, has none.
fn irregular_capitals(run: &str) -> bool {
    let mut letters = run.chars().filter(|c| c.is_alphabetic());
    // In «L'Hospital» the capital after the apostrophe is the word's own first letter.
    !run.contains(['\'', '’']) && letters.next().is_some() && letters.any(char::is_uppercase)
}

/// Whether nearly all letters of the line around `at` are capitals: there capitals tell nothing.
pub(super) fn in_capitals(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..]
        .find('\n')
        .map_or(text.len(), |length| at + length);
    let line = &text[start..end];
    let (mut upper, mut letters) = (0usize, 0usize);
    for c in line.chars().filter(|c| c.is_alphabetic()).take(200) {
        letters += 1;
        upper += usize::from(c.is_uppercase());
    }
    letters > 8 && upper * 10 >= letters * 8
}
