//! Words at the head or foot of a sentence that tie it to its neighbours.

use domain::fold;

/// Beginnings that take something back from the sentence before, folded.
const EXCEPTIONS: &[&str] = &[
    // Spanish and Galician
    "no obstante",
    "non obstante",
    "sin embargo",
    "sen embargo",
    "excepto",
    "excepcion",
    "salvo",
    "pero",
    "poren",
    "en caso contrario",
    "de lo contrario",
    "do contrario",
    "en cambio",
    "a menos que",
    "agas",
    "solo si",
    "so se",
    "contraindica",
    "no administr",
    "no inici",
    "no us",
    "no utiliz",
    "no asoci",
    "no combin",
    "no super",
    "no sobrepas",
    "nunca",
    "evite",
    "evitar",
    "precaucion",
    "atencion",
    "advertencia",
    "aviso",
    "importante",
    "ojo",
    "con excepcion",
    "a excepcion",
    "en ningun caso",
    "suspend",
    "interrump",
    "retire",
    "reduzca",
    // Catalan
    "no obstant",
    "tanmateix",
    "excepte",
    "excepcio",
    "llevat",
    "en cas contrari",
    "altrament",
    "en canvi",
    "tret de",
    "tret que",
    "nomes si",
    "precaucio",
    "advertiment",
    "mai ",
    "eviteu",
    "amb excepcio",
    "a excepcio",
    "en cap cas",
    // Basque
    "hala ere",
    "dena den",
    "hala eta guztiz",
    "salbu",
    "baina",
    "bestela",
    "aitzitik",
    "kontraindika",
    "kontuz",
    "inoiz ez",
    "ez eman",
    "ez hasi",
    "saihestu",
    "salbuespen",
    // English
    "however",
    "except",
    "unless",
    "but ",
    "otherwise",
    "contraindicat",
    "nevertheless",
    "do not",
    "never",
    "avoid",
    "caution",
    "warning",
    "only if",
    "in no case",
    "conversely",
];

/// Beginnings that point back to the sentence before, folded.
const ANAPHORA: &[&str] = &[
    // Spanish and Galician
    "este",
    "esta",
    "estos",
    "estas",
    "estes",
    "esto",
    "isto",
    "ese",
    "esa",
    "esos",
    "esas",
    "eso",
    "dicho",
    "dicha",
    "dichos",
    "dichas",
    "dito",
    "dita",
    "ello",
    "ellos",
    "ellas",
    "el mismo",
    "la misma",
    "los mismos",
    "las mismas",
    "tal ",
    "tales",
    "en este caso",
    "en estos casos",
    "en tal caso",
    "en ese caso",
    "neste",
    "nesta",
    "nestes",
    "nestas",
    "en caso contrario",
    "de lo contrario",
    "ademas",
    "ademais",
    "tambien",
    "tamen",
    "asimismo",
    "por ello",
    "por eso",
    "por iso",
    "por tanto",
    "por lo tanto",
    "asi,",
    "entonces",
    "posteriormente",
    "despues",
    "despois",
    "a continuacion",
    "para ello",
    "entre ellos",
    "entre ellas",
    "el primero",
    "el segundo",
    "la primera",
    "la segunda",
    // Catalan
    "aquest",
    "aquesta",
    "aquests",
    "aquestes",
    "aixo",
    "aquell",
    "aquella",
    "dit ",
    "dita",
    "en aquest cas",
    "en aquests casos",
    "en cas contrari",
    "altrament",
    "a mes",
    "tambe",
    "aixi mateix",
    "per tant",
    "per aixo",
    "llavors",
    "despres",
    "tot seguit",
    // Basque
    "hau ",
    "hori ",
    "hauek",
    "horiek",
    "honek",
    "horrek",
    "kasu honetan",
    "kasu horretan",
    "kasu horietan",
    "gainera",
    "halaber",
    "beraz",
    "horregatik",
    "gero",
    "ondoren",
    "bestela",
    // English
    "this",
    "that ",
    "these",
    "those",
    "it ",
    "they",
    "such",
    "in this case",
    "in these cases",
    "otherwise",
    "also",
    "moreover",
    "therefore",
    "then",
    "thus",
    "he ",
    "she ",
    "afterwards",
    "in addition",
    "the former",
    "the latter",
];

/// Whether the sentence takes something back from the one before: an exception, a
/// contraindication, what to do otherwise.
pub(crate) fn opens_an_exception(sentence: &str) -> bool {
    begins_with(sentence, EXCEPTIONS)
}

/// Whether the sentence cannot be understood without the one before.
pub(crate) fn points_back(sentence: &str) -> bool {
    begins_with(sentence, ANAPHORA)
}

/// Whether the line opens what follows it: a list, a table.
pub(crate) fn opens_a_list(line: &str) -> bool {
    line.trim_end().ends_with(':')
}

/// Whether the sentence asks. A heading or a leaflet's question covers every word of the
/// reader's, and answers nothing.
pub(crate) fn asks(sentence: &str) -> bool {
    sentence.trim_end().ends_with('?')
}

/// The mark that ties a note to a cell: `*`, `†`, `‡`, or a small raised letter or number.
pub(crate) fn note_mark(note: &str) -> Option<char> {
    note.chars().next().filter(
        |c| matches!(c, '*' | '†' | '‡' | '§' | '¹' | '²' | '³' | 'ª' | '⁴'..='⁹' | 'ᵃ'..='ᵛ'),
    )
}

fn begins_with(sentence: &str, cues: &[&str]) -> bool {
    let head: String = sentence
        .chars()
        .skip_while(|c| !c.is_alphanumeric())
        .take(40)
        .collect();
    let head = format!("{} ", fold(&head));
    cues.iter().any(|cue| {
        head.strip_prefix(cue).is_some_and(|rest| {
            // A whole word, but for the cues that are the beginning of a verb.
            cue.ends_with([' ', ','])
                || is_stem(cue)
                || rest.starts_with(|c: char| !c.is_alphanumeric())
        })
    })
}

fn is_stem(cue: &str) -> bool {
    cue.starts_with("no ")
        && cue.len() <= 12
        && !cue.ends_with("obstante")
        && !cue.ends_with("obstant")
        || cue.starts_with("contraindica")
        || cue.starts_with("kontraindika")
        || cue.starts_with("salbuespen")
        || matches!(
            cue,
            "suspend" | "interrump" | "excepcion" | "excepcio" | "precaucion"
        )
}

/// Words that no sentence ends with.
const OPEN_WORDS: &[&str] = &[
    "a", "al", "ante", "con", "de", "del", "desde", "durante", "e", "el", "en", "entre", "hasta",
    "la", "las", "lo", "los", "ni", "o", "para", "por", "que", "se", "si", "sin", "sobre", "su",
    "sus", "tras", "un", "una", "y", "amb", "els", "les", "i", "per", "eta", "edo", "na", "nas",
    "nos", "da", "das", "do", "dos", "the", "of", "and", "or", "to",
];

/// Whether a text ends where no sentence does: at a comma, or at an article or preposition.
pub(crate) fn stops_short(text: &str) -> bool {
    let text = text.trim_end();
    let last = text.split_whitespace().next_back().unwrap_or_default();
    text.ends_with(',') || OPEN_WORDS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_told_by_how_they_begin() {
        for sentence in [
            "No obstante, si la TAS es < 90 mmHg no se iniciará.",
            "Excepto en embarazo.",
            "No administrar con potasio > 5,5 mmol/l.",
            "Contraindicado en el embarazo.",
            "Contraindicat en l'embaràs.",
            "Tanmateix, cal vigilar el potassi.",
            "Hala ere, ez hasi potasioa altua bada.",
            "However, stop if potassium rises.",
            "En caso contrario, mantenga la dosis.",
        ] {
            assert!(opens_an_exception(sentence), "{sentence}");
        }
        for sentence in [
            "La dosis es de 10 mg.",
            "Perolas de cobre.",
            "Noradrenalina en perfusión.",
            "Notifique el ingreso.",
        ] {
            assert!(!opens_an_exception(sentence), "{sentence}");
        }
    }

    #[test]
    fn a_sentence_that_points_back_is_told_by_how_it_begins() {
        for sentence in [
            "Este límite se revisa.",
            "En estos casos, avise.",
            "Aquesta dosi és la màxima.",
            "It was built in 1900.",
        ] {
            assert!(points_back(sentence), "{sentence}");
        }
        for sentence in [
            "Estenosis aórtica grave.",
            "La dosis se dobla.",
            "Esther llamó.",
        ] {
            assert!(!points_back(sentence), "{sentence}");
        }
    }
}
