//! An answer's text into sentences and their marks, whole or as it comes.
//!
//! The rules are those of the automaton, read leniently, since a model on another machine may
//! write anything: a sentence ends where its marks end (with the full stop that may follow them),
//! where a line ends, and, without marks, where Spanish prose would end it. Marks amid a sentence
//! (`5 mg [1], y luego 10 mg [2].`) are marks of the whole.

use super::automaton::goes_on;
use super::words::{Stop, stop_after};

/// A sentence and the marks it ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The words, without marks, bullets, item numbers and surrounding white space.
    pub(crate) text: String,
    /// From 1, each once, in the order written; empty where the sentence has none.
    pub(crate) marks: Vec<usize>,
    /// It begins a line of its own.
    pub(crate) new_line: bool,
}

/// The sentences of a whole answer. Marks outside `1..=marks` are left out.
#[cfg(test)]
pub(crate) fn split(text: &str, marks: usize) -> Vec<Sentence> {
    let mut stream = SentenceStream::new(marks);
    let mut found = stream.push(text);
    found.extend(stream.finish());
    found
}

/// The sentences of an answer as its text comes, however it is cut into pieces.
#[derive(Debug, Clone)]
pub(crate) struct SentenceStream {
    marks: usize,
    /// What is not read yet: a `[` whose mark is not whole.
    unread: String,
    text: String,
    found: Vec<usize>,
    new_line: bool,
    /// White space was read after `text`.
    gap: bool,
    /// The last thing read, white space apart, was a mark, or the full stop after it.
    marked: Marked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marked {
    No,
    Yes,
    /// And its full stop was read.
    Stopped,
}

/// Bytes after which a bracket is taken to open no mark.
const LONGEST_MARK: usize = 40;
/// Words and lines longer than this are handed over as they are: nobody writes such a sentence.
const LONGEST_SENTENCE: usize = 16 * 1024;

impl SentenceStream {
    /// For marks `1..=marks`.
    pub(crate) const fn new(marks: usize) -> Self {
        Self {
            marks,
            unread: String::new(),
            text: String::new(),
            found: Vec::new(),
            new_line: true,
            gap: false,
            marked: Marked::No,
        }
    }

    /// The sentences that `text` finishes: the next one has begun, so that nothing more belongs to
    /// them.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Sentence> {
        self.unread.push_str(text);
        self.read(false)
    }

    /// What is left when the answer has ended; without marks where it was cut off.
    pub(crate) fn finish(mut self) -> Vec<Sentence> {
        let mut done = self.read(true);
        done.extend(self.take(false));
        done
    }

    fn read(&mut self, ended: bool) -> Vec<Sentence> {
        let unread = std::mem::take(&mut self.unread);
        let mut done = Vec::new();
        let mut at = 0;
        while let Some(c) = unread[at..].chars().next() {
            if c == '[' {
                match read_mark(&unread[at..]) {
                    Bracket::Mark(numbers, length) => {
                        self.mark(&numbers);
                        at += length;
                        continue;
                    }
                    Bracket::Unfinished if !ended => {
                        self.unread = unread[at..].to_owned();
                        return done;
                    }
                    Bracket::Unfinished | Bracket::Text => {}
                }
            }
            at += c.len_utf8();
            done.extend(self.character(c));
        }
        done
    }

    fn mark(&mut self, numbers: &[usize]) {
        for number in numbers {
            if (1..=self.marks).contains(number) && !self.found.contains(number) {
                self.found.push(*number);
            }
        }
        if self.marked == Marked::No {
            self.marked = Marked::Yes;
        }
        self.gap = false;
    }

    fn character(&mut self, c: char) -> Option<Sentence> {
        match c {
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                return self.take(true);
            }
            c if c.is_whitespace() => {
                self.gap = true;
                return None;
            }
            // Emphasis and code, which a model on another machine may write.
            '*' | '`' => return None,
            _ => {}
        }
        let finished = match self.marked {
            Marked::Yes if !self.gap && matches!(c, '.' | '!' | '?') => {
                self.marked = Marked::Stopped;
                if !self.text.ends_with(['.', '!', '?']) {
                    self.text.push(c);
                }
                return None;
            }
            Marked::No => self.ends_before(c),
            // Marks amid a sentence: it goes on.
            _ => !(c.is_lowercase() || matches!(c, ',' | ';' | ':' | ')' | '%')),
        };
        let sentence = if finished { self.take(false) } else { None };
        self.marked = Marked::No;
        if self.gap && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.gap = false;
        self.text.push(c);
        sentence
    }

    /// Whether a sentence without marks ends before `c`.
    fn ends_before(&self, c: char) -> bool {
        if self.text.len() > LONGEST_SENTENCE {
            return true;
        }
        let closed = self
            .text
            .trim_end_matches(['"', '\'', '»', '”', '’', '›', ')']);
        if !self.gap || c.is_lowercase() {
            return false;
        }
        if closed.ends_with(['!', '?', '…']) {
            return true;
        }
        let Some(before) = closed.strip_suffix('.') else {
            return false;
        };
        match stop_after(before) {
            Stop::Sentence => true,
            stop => closed.len() == self.text.len() && !goes_on(stop, c),
        }
    }

    /// The sentence at hand, if there is one; the next begins a line if `new_line`.
    fn take(&mut self, new_line: bool) -> Option<Sentence> {
        let text = std::mem::take(&mut self.text);
        let marks = std::mem::take(&mut self.found);
        let began_line = self.new_line;
        (self.gap, self.marked) = (false, Marked::No);
        let text = if began_line {
            without_item(&text)
        } else {
            &text
        };
        // Marks on a line of their own, or nothing at all.
        if text.is_empty() && marks.is_empty() {
            self.new_line |= new_line;
            return None;
        }
        self.new_line = new_line;
        Some(Sentence {
            text: text.to_owned(),
            marks,
            new_line: began_line,
        })
    }
}

enum Bracket {
    /// `[1]` or `[1, 2]`: the numbers and how many bytes it takes.
    Mark(Vec<usize>, usize),
    /// More text may make it a mark.
    Unfinished,
    /// An ordinary bracket.
    Text,
}

/// Reads a mark at the start of `text`, which is a `[`.
fn read_mark(text: &str) -> Bracket {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ',' | ';' | ' ');
    let body = &text[1..];
    let Some(end) = body.find(|c| !is_part(c)) else {
        return if body.len() < LONGEST_MARK {
            Bracket::Unfinished
        } else {
            Bracket::Text
        };
    };
    if !body[end..].starts_with(']') {
        return Bracket::Text;
    }
    let numbers: Vec<usize> = body[..end]
        .split([',', ';', ' '])
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(0))
        .collect();
    if numbers.is_empty() {
        return Bracket::Text;
    }
    Bracket::Mark(numbers, end + 2)
}

/// The words of a line without the dash, dot or number of a list.
fn without_item(line: &str) -> &str {
    let line = line.trim_start_matches(['#', '>', ' ']);
    let unbulleted = ["- ", "– ", "— ", "• ", "-"]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet))
        .filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()) || line.starts_with("- "));
    if let Some(rest) = unbulleted {
        return rest.trim_start();
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let rest = &line[digits..];
    if (1..=2).contains(&digits)
        && let Some(rest) = rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))
    {
        return rest.trim_start();
    }
    line
}
