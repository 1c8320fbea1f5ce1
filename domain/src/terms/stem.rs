//! One stemmer for each language.

use std::borrow::Cow;

use snowball_stemmers_rs::{Algorithm, Stemmer};

use crate::Language;

/// The stem of a folded word. Accents are gone before stemming, so that a note typed without them
/// and a guideline typed with them have the same stems.
pub(super) fn stem(folded: &str, language: Language) -> String {
    let algorithm = match language {
        Language::Spanish | Language::Galician => Algorithm::Spanish,
        Language::Catalan => Algorithm::Catalan,
        Language::Basque => Algorithm::Basque,
        Language::English => Algorithm::English,
    };
    let word = match language {
        Language::Galician => galician_singular(folded),
        Language::Spanish | Language::Catalan | Language::Basque | Language::English => {
            Cow::Borrowed(folded)
        }
    };
    Stemmer::create(algorithm).stem(&word).into_owned()
}

/// The plurals that Galician forms unlike Spanish, undone: `dosificacións`, `cardinais`, `fieis`.
fn galician_singular(word: &str) -> Cow<'_, str> {
    const ENDINGS: &[(&str, &str)] = &[
        ("ons", "on"),
        ("ais", "al"),
        ("eis", "el"),
        ("ois", "ol"),
        ("ins", "in"),
        ("uns", "un"),
        ("ans", "an"),
    ];
    if word.len() < 6 {
        return Cow::Borrowed(word);
    }
    for (plural, singular) in ENDINGS {
        if let Some(stem) = word.strip_suffix(plural) {
            return Cow::Owned(format!("{stem}{singular}"));
        }
    }
    Cow::Borrowed(word)
}
