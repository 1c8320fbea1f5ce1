//! Whether an answer is in the language it was asked for.

use domain::{Language, detect_language};

/// Fewer words tell too little to accuse an answer.
const FEW_WORDS: usize = 8;
/// How sure the detection must be of another language.
const SURE: f32 = 0.45;
/// Spanish and Galician share most of their words: between them it must be surer.
const SURE_BETWEEN_CLOSE: f32 = 0.6;

/// Whether `text` may stand as an answer in `language`. Where the words tell little it may.
pub(crate) fn answers_in(language: Language, text: &str) -> bool {
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .count();
    let detection = detect_language(text);
    let Some(found) = detection.language else {
        return true;
    };
    if found == language || words < FEW_WORDS {
        return true;
    }
    let close = |a, b| matches!((a, b), (Language::Spanish, Language::Galician));
    let needed = if close(found, language) || close(language, found) {
        SURE_BETWEEN_CLOSE
    } else {
        SURE
    };
    detection.confidence < needed
}
