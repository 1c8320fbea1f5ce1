//! What the words of a question are there for: names, what is asked of what, circumstances.

use domain::fold;

/// The words of a question by what they are there for, folded.
pub(crate) struct Wording {
    names: Vec<String>,
    complements: Vec<String>,
    conditions: Vec<String>,
}

impl Wording {
    pub(crate) fn of(question: &str) -> Self {
        Self {
            names: names(question),
            complements: complements(question),
            conditions: after(question, IN, &[]),
        }
    }

    /// Written with a capital inside the question.
    pub(crate) fn is_name(&self, word: &str) -> bool {
        self.names.iter().any(|name| name == word)
    }

    /// What something is asked of: «la dosis de *tirzepatida*».
    pub(crate) fn is_complement(&self, word: &str) -> bool {
        self.complements.iter().any(|other| other == word)
    }

    /// A circumstance: «en el *embarazo*», «con *alcohol*».
    pub(crate) fn is_condition(&self, word: &str) -> bool {
        self.conditions.iter().any(|other| other == word)
            && !EVERYBODY.iter().any(|stem| word.starts_with(stem))
    }
}

/// Words written with a capital inside the question, folded: names of people, places, products.
/// The first word of a sentence tells nothing, nor does a question in capitals.
fn names(question: &str) -> Vec<String> {
    if !question.chars().any(char::is_lowercase) {
        return Vec::new();
    }
    let mut first = true;
    let mut names = Vec::new();
    for piece in question.split_whitespace() {
        let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let opens = first || piece.starts_with(['¿', '¡', '«', '"']);
        first = piece.ends_with(['.', '?', '!', ':']);
        if !opens && word.chars().next().is_some_and(char::is_uppercase) {
            names.push(fold(word));
        }
    }
    names
}

/// Words that join a thing to what is asked of it, and articles that may stand between.
const OF: &[&str] = &["de", "del", "d", "dels", "da", "do", "das", "of", "for"];
const ARTICLES: &[&str] = &[
    "el", "la", "los", "las", "l", "els", "les", "o", "a", "os", "as", "the", "un", "una", "unha",
];
/// What a dose is often said to be *of* without being its drug, as stems.
const PHASES: &[&str] = &[
    "inici", "carga", "carreg", "mantenim", "mantenem", "rescat", "ataque", "choque", "partida",
    "sosten",
];

/// Words that open a circumstance.
const IN: &[&str] = &[
    "en", "con", "durante", "amb", "durant", "no", "na", "co", "coa", "in", "with", "during",
];
/// Circumstances that are those of nearly every document, as stems.
const EVERYBODY: &[&str] = &[
    "adult", "person", "hospital", "planta", "consulta", "general", "servi",
];

/// The words that something is asked of.
fn complements(question: &str) -> Vec<String> {
    let mut found = after(question, OF, PHASES);
    // In Basque the genitive is an ending: «bisoprololaren dosia».
    let folded = fold(question);
    let words: Vec<&str> = words(&folded).collect();
    for pair in words.windows(2) {
        if let [word, next] = pair
            && word.ends_with("ren")
            && ["dosi", "kontra", "hasiera", "helburu", "gehienezko"]
                .iter()
                .any(|stem| next.starts_with(stem))
        {
            found.push((*word).to_owned());
        }
    }
    found.dedup();
    found
}

/// The words right after one of `openers`, articles aside, that do not begin with one of `but`.
fn after(question: &str, openers: &[&str], but: &[&str]) -> Vec<String> {
    let folded = fold(question);
    let words: Vec<&str> = words(&folded).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let opened = words[..at]
            .iter()
            .rev()
            .find(|before| !ARTICLES.contains(before))
            .is_some_and(|before| openers.contains(before));
        if opened
            && !but.iter().any(|stem| word.starts_with(stem))
            && !openers.contains(word)
            && !ARTICLES.contains(word)
        {
            found.push((*word).to_owned());
        }
    }
    found
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '/'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circumstances_are_told_from_what_is_asked_of() {
        let wording =
            Wording::of("¿Está contraindicado el bisoprolol en el embarazo o con alcohol?");
        assert!(wording.is_condition("embarazo") && wording.is_condition("alcohol"));
        assert!(!wording.is_condition("bisoprolol"));
    }

    #[test]
    fn what_something_is_asked_of_is_told_in_five_languages() {
        for (question, of) in [
            (
                "¿Cuál es la dosis de inicio de la tirzepatida?",
                "tirzepatida",
            ),
            ("Quina és la dosi de l'espironolactona?", "espironolactona"),
            ("Cal é a dose do carvedilol?", "carvedilol"),
            ("Zein da bisoprololaren dosia?", "bisoprololaren"),
            ("What is the dose of the drug?", "drug"),
        ] {
            assert_eq!(complements(question), [of], "{question}");
        }
    }

    #[test]
    fn names_are_words_with_a_capital_inside_the_question() {
        assert_eq!(
            names("¿Dónde nació Marie Curie? Responda"),
            ["marie", "curie"]
        );
        assert!(names("¿QUE DOSIS DE BISOPROLOL?").is_empty());
    }
}
