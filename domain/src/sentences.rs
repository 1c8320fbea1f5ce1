//! Where the sentences of running text begin and end.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::fold;

/// Abbreviations after which a full stop ends no sentence, folded, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "p", "pp", "pag", "pags", "ej", "dr", "dra", "drs", "sr", "sra", "sres", "prof", "d", "dña",
    "fig", "tab", "num", "nº", "n", "art", "arts", "cap", "vol", "ed", "eds", "et", "al", "aprox",
    "max", "vs", "vd", "ud", "uds", "vds", "admon", "avda", "av", "tel", "telf", "ext", "ref",
    "vid", "cf", "op", "cit", "ibid", "etc", "ss", "sig", "c", "v", "i", "a", "e", "g", "h",
    "comp", "caps", "amp", "tto", "dx", "hosp", "dpto", "depto", "exp", "nro", "st", "sta", "sto",
    "mr", "mrs", "ms", "inc", "ltd", "approx", "cat", "apt", "pto", "abr", "ene", "feb", "mar",
    "jun", "jul", "ago", "sept", "set", "oct", "nov", "dic", "adm",
];

/// The byte ranges of the sentences of `text`, in order, without surrounding white space.
///
/// The cuts are those of Unicode (UAX #29), taken back where a stop belongs to an abbreviation
/// (`p. ej.`), a decimal, an initial, an ordinal or a numbered heading, and where the next piece
/// does not begin like a sentence. A line break always cuts: segments are joined by `\n`.
#[must_use]
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let mut open: Option<Range<usize>> = None;
        for (offset, piece) in line.split_sentence_bound_indices() {
            let start = line_start + offset;
            let end = start + piece.len();
            let joined = open.as_ref().map_or(start, |range| range.start)..end;
            let rest = &line[offset + piece.len()..];
            if rest.trim().is_empty() || ends_here(&text[joined.clone()], rest) {
                push_trimmed(text, joined, &mut found);
                open = None;
            } else {
                open = Some(joined);
            }
        }
        if let Some(range) = open {
            push_trimmed(text, range, &mut found);
        }
        line_start += line.len();
    }
    found
}

/// Whether a sentence may end after `before`, with `rest` following on the same line.
fn ends_here(before: &str, rest: &str) -> bool {
    let before = before.trim_end();
    let Some(next) = rest.trim_start().chars().next() else {
        return true;
    };
    let closed = before.trim_end_matches(['"', '»', '”', '’', ')', ']']);
    if closed.ends_with(['!', '?', '…']) {
        return !next.is_lowercase();
    }
    let Some(body) = closed.strip_suffix('.') else {
        // UAX #29 also cuts at paragraph separators; anything else is no end of a sentence.
        return before.ends_with([';', ':']) && next.is_uppercase() && before.len() > 400;
    };
    if next.is_lowercase() || matches!(next, ',' | ';' | ':' | ')' | '%' | '/') {
        return false;
    }
    let word = body
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '/' | '.'))
        .next();
    let word = fold(word.unwrap_or_default());
    if body.is_empty() || ABBREVIATIONS.contains(&word.as_str()) {
        return false;
    }
    // «2.º», «4.2. Posología»: a short number at the very start is a label, not a sentence.
    let label = body.chars().all(|c| c.is_ascii_digit() || c == '.') && body.len() <= 6;
    let initial = word.chars().count() == 1 && !word.chars().all(|c| c.is_ascii_digit());
    !label && !initial
}

fn push_trimmed(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = start + piece.trim().len();
    if start < end {
        found.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_full_stop_before_a_capital_ends_a_sentence() {
        check(
            "Espere dos semanas. Doble la dosis.",
            &["Espere dos semanas.", "Doble la dosis."],
        );
        check(
            "Inicie 1,25 mg. Doble la dosis.",
            &["Inicie 1,25 mg.", "Doble la dosis."],
        );
    }

    #[test]
    fn abbreviations_decimals_and_ordinals_end_nothing() {
        check(
            "Use un IECA (p. ej. enalapril 2.5 mg) y avise al Dr. Ruiz. Fin.",
            &[
                "Use un IECA (p. ej. enalapril 2.5 mg) y avise al Dr. Ruiz.",
                "Fin.",
            ],
        );
        check(
            "Bloqueo A-V de 2.º o 3.er grado. No iniciar.",
            &["Bloqueo A-V de 2.º o 3.er grado.", "No iniciar."],
        );
        check("4.2. Posología y forma", &["4.2. Posología y forma"]);
    }

    #[test]
    fn questions_and_line_breaks_end_a_sentence() {
        check(
            "¿Edemas? Suba furosemida.\nPese cada día",
            &["¿Edemas?", "Suba furosemida.", "Pese cada día"],
        );
    }
}
