//! A question fit to be searched for.

use std::fmt;

use crate::{Language, collapse_whitespace, detect_language, printable};

/// The longest question taken, in characters.
pub const MAX_QUESTION_CHARS: usize = 4_000;

/// Why a text is no question. The message is for the person who asked and holds none of its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuestion {
    /// Nothing to read in it.
    #[error("la pregunta está vacía: escriba qué quiere saber")]
    Empty,
    /// More than [`MAX_QUESTION_CHARS`].
    #[error(
        "la pregunta tiene {chars} caracteres y el máximo es {MAX_QUESTION_CHARS}: acórtela o divídala"
    )]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// Mostly control or invisible characters: a file pasted by mistake, or an attack.
    #[error("la pregunta contiene caracteres que no son texto: escríbala de nuevo")]
    NotText,
}

impl InvalidQuestion {
    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "question_empty",
            Self::TooLong { .. } => "question_too_long",
            Self::NotText => "question_not_text",
        }
    }
}

/// A question: not empty, not too long, readable, its language told. Holding one is the proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    text: String,
    language: Language,
}

impl Question {
    /// Reads a question. Where `language` is not given it is told from the words, with Spanish
    /// where they do not tell.
    ///
    /// # Errors
    /// When there is nothing to search for; see [`InvalidQuestion`].
    pub fn parse(text: &str, language: Option<Language>) -> Result<Self, InvalidQuestion> {
        let chars = text.chars().count();
        if chars > MAX_QUESTION_CHARS {
            return Err(InvalidQuestion::TooLong { chars });
        }
        let cleaned = collapse_whitespace(&printable(text));
        let kept = cleaned.chars().count();
        let written = text.chars().filter(|c| !c.is_whitespace()).count();
        let readable = cleaned
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '\u{fffd}')
            .count();
        if written > 0 && (kept == 0 || readable * 10 < written * 9) {
            return Err(InvalidQuestion::NotText);
        }
        if !cleaned.chars().any(char::is_alphanumeric) {
            return Err(InvalidQuestion::Empty);
        }
        let language = language.unwrap_or_else(|| told(&cleaned));
        Ok(Self {
            text: cleaned,
            language,
        })
    }

    /// The question's words, white space collapsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The language it is asked in, and to be answered in.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }
}

/// The language of a question that says none: the one its words tell. A few words tell little, and
/// names of medicines look alike everywhere, so a short question must tell it clearly.
fn told(text: &str) -> Language {
    let detection = detect_language(text);
    let short = text.split_whitespace().count() <= SHORT_WORDS;
    if short && detection.confidence < CLEAR {
        Language::Spanish
    } else {
        detection.or_spanish()
    }
}

/// A question of up to so many words is short.
const SHORT_WORDS: usize = 6;
/// The share of the points that tells the language of a short question.
const CLEAR: f32 = 0.39;

/// A question may hold a patient's words: `{:?}` tells its length.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("chars", &self.text.chars().count())
            .field("language", &self.language)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_words_is_refused() {
        for text in ["", "   \n", "¿?", "...", "\u{200b}"] {
            assert!(Question::parse(text, None).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_question_of_a_hundred_kilobytes_is_refused_with_its_length() {
        let refused = Question::parse(&"a".repeat(100_000), None);
        assert_eq!(refused, Err(InvalidQuestion::TooLong { chars: 100_000 }));
    }

    #[test]
    fn a_question_full_of_control_characters_is_refused() {
        let refused = Question::parse("\u{1}\u{2}\u{3}\u{4}\u{5}a\u{6}\u{7}", None);
        assert_eq!(refused, Err(InvalidQuestion::NotText));
    }

    #[test]
    fn a_stray_invisible_character_is_dropped_without_a_word() {
        let question = Question::parse("¿Cuál es la dosis\u{200b} objetivo de bisoprolol?", None);
        assert_eq!(
            question.unwrap().text(),
            "¿Cuál es la dosis objetivo de bisoprolol?"
        );
    }

    #[test]
    fn a_few_words_that_look_alike_everywhere_are_taken_for_spanish() {
        let language = |text| Question::parse(text, None).unwrap().language();
        for text in [
            "apixabán en diálisis",
            "betabloqueante en shock",
            "dosis bisoprolol",
        ] {
            assert_eq!(language(text), Language::Spanish, "{text}");
        }
        assert_eq!(language("Zein da bisoprololaren dosia?"), Language::Basque);
        assert_eq!(language("signes d'alarma"), Language::Catalan);
    }

    #[test]
    fn debug_output_does_not_hold_the_question() {
        let question = Question::parse("mi paciente se llama Zutano", None).unwrap();
        assert!(!format!("{question:?}").contains("Zutano"));
    }
}
