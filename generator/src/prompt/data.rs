//! Words that somebody else wrote, made unable to pass for ours.
//!
//! Square brackets open and close passages and marks, so in data they become round ones; what no
//! reader sees is dropped; a line is one line. Control tokens need nothing here where the tokenizer is
//! ours, which reads none in data; for a tokenizer on another machine see [`without_controls`].

use domain::{collapse_whitespace, printable};

/// A title, a heading or a question: one line.
pub(super) fn line(text: &str) -> String {
    collapse_whitespace(&plain(text))
}

/// A passage: its lines, none empty, so that an empty line is always ours.
pub(super) fn passage(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in plain(text).lines().map(str::trim_end) {
        if line.trim().is_empty() {
            continue;
        }
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.push_str(line);
    }
    shown
}

/// Without brackets and without what no reader sees.
pub(super) fn plain(text: &str) -> String {
    printable(text)
        .chars()
        .map(|c| match c {
            '[' => '(',
            ']' => ')',
            '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' | '\u{85}' => '\n',
            other => other,
        })
        .collect()
}

/// Without what a tokenizer might take for a control token (`<|im_end|>`, `</s>`, `<start_of_turn>`):
/// the bracket that would open one becomes a quotation mark of its shape. Comparisons stay as they are.
pub(super) fn without_controls(text: &str) -> String {
    let mut rest = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        let opens = |next: &char| matches!(next, '|' | '/' | '_' | '｜') || next.is_alphabetic();
        shown.push(match c {
            '<' if rest.peek().is_some_and(opens) => '‹',
            other => other,
        });
    }
    shown
}
