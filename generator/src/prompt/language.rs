//! Whether an answer is in the language it was asked for.

use domain::{Language, detect_language};

/// How sure the detection must be of another language, by how many words it has read. Measured on
/// sentences of parallel help texts (es, ca, eu, gl) and of Spanish leaflets: below these figures
/// one sentence in 250 or fewer is taken for another language's, while of Spanish sentences of
/// twelve words or more nineteen in twenty are known for Spanish.
const SURE: [(usize, f32); 3] = [(12, 0.36), (8, 0.42), (5, 0.5)];

/// Whether `text` may stand as an answer in `language`. Where the words tell little it may: names
/// of medicines and figures look alike everywhere.
pub(crate) fn answers_in(language: Language, text: &str) -> bool {
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2)
        .count();
    let Some((_, sure)) = SURE.iter().find(|(from, _)| words >= *from) else {
        return true;
    };
    let detection = detect_language(text);
    detection
        .language
        .is_none_or(|found| found == language || detection.confidence < *sure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCES: [(Language, &str); 5] = [
        (
            Language::Spanish,
            "La dosis inicial de bisoprolol es de 1,25 mg cada 24 horas y se dobla cada dos semanas según tolerancia.",
        ),
        (
            Language::Catalan,
            "La dosi inicial de bisoprolol és d'1,25 mg cada 24 hores i es dobla cada dues setmanes segons la tolerància.",
        ),
        (
            Language::Basque,
            "Bisoprololaren hasierako dosia 1,25 mg da 24 orduan behin, eta bi astean behin bikoizten da jasaten bada.",
        ),
        (
            Language::Galician,
            "A dose inicial de bisoprolol é de 1,25 mg cada 24 horas e dóbrase cada dúas semanas segundo a tolerancia.",
        ),
        (
            Language::English,
            "The starting dose of bisoprolol is 1.25 mg every 24 hours and it is doubled every two weeks if tolerated.",
        ),
    ];

    #[test]
    fn a_sentence_answers_in_its_language_and_in_no_other() {
        for (language, sentence) in SENTENCES {
            for asked in Language::ALL {
                assert_eq!(
                    answers_in(asked, sentence),
                    asked == language,
                    "{asked}: {sentence}"
                );
            }
        }
    }

    #[test]
    fn a_few_words_and_figures_answer_in_every_language() {
        for text in [
            "",
            "1,25 mg/24 h.",
            "Bisoprolol 1,25 mg.",
            "NT-proBNP > 900 pg/ml",
        ] {
            for asked in Language::ALL {
                assert!(answers_in(asked, text), "{asked}: {text}");
            }
        }
    }
}
