//! The clinical tokenizer: the terms of a text, for the index, for the question and for the
//! comparison of a sentence with the question. One tokenizer for all, so that they agree.

mod concepts;
mod expand;
mod quantity;
mod scan;
mod stem;
mod units;
pub(crate) mod words;

use std::sync::Arc;

use crate::{DomainPack, Language};
use expand::Expander;
use units::{Unit, units};

/// What a term is made from.
///
/// The kinds of key never collide: a stem begins with `~`, a quantity with `#`. Words and codes
/// share one space, so that `icfer` typed in a hurry finds `ICFEr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TermKind {
    /// A word's stem: `~insuficient`.
    Stem,
    /// A word as written, folded: `insuficiencia`.
    Word,
    /// A code or abbreviation kept whole, without its hyphens, so that `NT-proBNP` and `NTproBNP`
    /// are one: `ntprobnp`, `isglt2`, `i50.1`, `sacubitrilo/valsartan`.
    Code,
    /// A number, pair or range, with its unit: `#24/26 mg`, `#≤35 %`.
    Quantity,
    /// A word of negation or exception: `no`, `sin`, `salvo`.
    Negation,
}

/// One term of a text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// What two texts share when they share the term.
    pub key: String,
    /// What it is made from.
    pub kind: TermKind,
    /// First byte in the text.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// One thing a question asks about, with every way the documents may write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Concept {
    /// The words as asked, folded.
    pub surface: String,
    /// What it is made from.
    pub kind: TermKind,
    /// Ways to write it; each is a set of term keys that must all occur. The first is as asked.
    /// For a word the first is its stem, the second its exact spelling, equal to `surface`, and
    /// then come its stems in the other Romance languages.
    pub alternatives: Vec<Vec<String>>,
    /// Things that are kinds of it, as a drug is of its class: what is said of them may answer.
    pub narrower: Vec<Vec<String>>,
    /// Things it is a kind of, as a class is of its drug, or a bare number of a quantity: worth
    /// finding, but what is said of them need not hold for it.
    pub broader: Vec<Vec<String>>,
    /// How much the question hangs on it: 1 for a content word, less for a general one
    /// (`dosis`, `paciente`, `tratamiento`), 0 is never given.
    pub weight: f32,
}

/// Cuts texts into terms and questions into concepts, with one domain pack.
#[derive(Debug, Clone)]
pub struct Analyzer {
    pack: Arc<DomainPack>,
    expander: Arc<Expander>,
}

impl Analyzer {
    /// Changes whenever the terms of a text do: an index made by another version must be rebuilt.
    pub const VERSION: u32 = 1;

    /// An analyzer that expands by `pack`.
    #[must_use]
    pub fn new(pack: Arc<DomainPack>) -> Self {
        let expander = Arc::new(Expander::new(&pack));
        Self { pack, expander }
    }

    /// The pack it expands by.
    #[must_use]
    pub fn pack(&self) -> &DomainPack {
        &self.pack
    }

    /// The terms of a text of the documents, in order: for each word its stem and its folded form
    /// (there being no Galician stemmer, `gl` takes the Spanish one after undoing the plurals that
    /// differ), for a code or a quantity the whole and the parts that may be searched for alone.
    /// Words of grammar are left out, words of negation kept.
    #[must_use]
    pub fn terms(&self, text: &str, language: Language) -> Vec<Term> {
        let mut terms = Vec::new();
        for unit in units(text, language) {
            push_terms(&unit, &mut terms);
        }
        terms
    }

    /// Whether a term is so general in a hospital's papers (`dosis`, `paciente`) that finding it
    /// tells little, alone or within an expression.
    #[must_use]
    pub fn is_general(&self, key: &str) -> bool {
        words::is_general_key(key)
    }

    /// Whether a folded word negates or excepts in any of the languages: a paper tagged Galician
    /// may hold sentences in Spanish, and its «no» is no less a «no».
    #[must_use]
    pub fn negates(&self, folded: &str) -> bool {
        words::negates_anywhere(folded)
    }

    /// Whether a folded word is only grammar in some language, and negates in none.
    #[must_use]
    pub fn is_grammar(&self, folded: &str) -> bool {
        words::is_grammar_anywhere(folded)
    }

    /// What a question asks about, in the order asked. Its abbreviations, drug names and
    /// expressions are matched with the pack's, the longest first, each with its other forms.
    #[must_use]
    pub fn concepts(&self, question: &str, language: Language) -> Vec<Concept> {
        concepts::concepts(&self.expander, question, language)
    }
}

fn push_terms(unit: &Unit, terms: &mut Vec<Term>) {
    for key in &unit.keys {
        terms.push(Term {
            kind: if key.starts_with('~') {
                TermKind::Stem
            } else {
                unit.kind
            },
            key: key.clone(),
            start: unit.start,
            end: unit.end,
        });
    }
    for part in &unit.parts {
        push_terms(part, terms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Abbreviation, Drug, Phrases, Synonym};

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn spanish(words: &[&str]) -> Phrases {
        Phrases {
            es: strings(words),
            ..Phrases::default()
        }
    }

    fn abbreviation(short: &[&str], long: &[&str], other_senses: &[&str]) -> Abbreviation {
        Abbreviation {
            short: strings(short),
            kind_of: Vec::new(),
            long: spanish(long),
            other_senses: strings(other_senses),
        }
    }

    fn analyzer() -> Analyzer {
        Analyzer::new(Arc::new(DomainPack {
            name: "prueba".to_owned(),
            abbreviations: vec![
                abbreviation(
                    &["ICFEr", "HFrEF"],
                    &["insuficiencia cardíaca con fracción de eyección reducida"],
                    &[],
                ),
                abbreviation(
                    &["IC"],
                    &["insuficiencia cardíaca"],
                    &["intervalo de confianza"],
                ),
                abbreviation(&["BB"], &["betabloqueante"], &[]),
                abbreviation(&["ARNI"], &["inhibidor de neprilisina"], &[]),
            ],
            drugs: vec![
                Drug {
                    inn: strings(&["sacubitrilo/valsartán", "sacubitrilo"]),
                    brands: strings(&["Entresto"]),
                    classes: strings(&["ARNI"]),
                },
                Drug {
                    inn: strings(&["bisoprolol"]),
                    brands: strings(&["Emconcor"]),
                    classes: strings(&["BB"]),
                },
            ],
            synonyms: vec![
                Synonym {
                    any_of: spanish(&["disnea", "ahogo", "falta de aire"]),
                },
                Synonym {
                    any_of: spanish(&["peso", "pesarse"]),
                },
            ],
        }))
    }

    fn keys(text: &str) -> Vec<String> {
        analyzer()
            .terms(text, Language::Spanish)
            .into_iter()
            .map(|term| term.key)
            .collect()
    }

    /// Whether a text of the documents says, in one of its ways, the first thing that is asked.
    fn finds(question: &str, text: &str) -> bool {
        let keys = keys(text);
        let concepts = analyzer().concepts(question, Language::Spanish);
        let concept = concepts.first().expect("the question asks about something");
        concept
            .alternatives
            .iter()
            .any(|way| way.iter().all(|key| keys.contains(key)))
    }

    #[test]
    fn codes_and_abbreviations_stay_whole_however_they_are_written() {
        for (written, key) in [
            ("NT-proBNP", "ntprobnp"),
            ("NTproBNP", "ntprobnp"),
            ("iSGLT2", "isglt2"),
            ("iSGLT-2", "isglt2"),
            ("I50.1", "i50.1"),
            ("CHA2DS2-VASc", "cha2ds2vasc"),
            ("SARS-CoV-2", "sarscov2"),
            ("ARA-II", "araii"),
            ("IECAs", "ieca"),
            ("HbA1c", "hba1c"),
            ("mg/24 h", "mg/24h"),
        ] {
            assert_eq!(
                keys(written).first().map(String::as_str),
                Some(key),
                "{written}"
            );
        }
    }

    #[test]
    fn a_part_of_a_code_finds_the_code_and_the_family_of_a_diagnosis_its_members() {
        assert!(finds("proBNP", "NT-proBNP > 125 pg/ml"));
        assert!(finds("sacubitrilo", "Dosis de sacubitrilo/valsartán"));
        assert!(finds("valsartán", "Dosis de sacubitrilo/valsartán"));
        assert!(finds("I50", "diagnóstico I50.1"));
    }

    #[test]
    fn quantities_stay_whole_with_their_unit() {
        assert_eq!(keys("24/26 mg"), ["#24/26 mg", "#24/26", "#24", "#26"]);
        assert_eq!(keys("1,25 mg"), keys("1.25mg"));
        assert_eq!(keys("10⁹/l"), ["#10⁹/l", "#10⁹"]);
        assert_eq!(keys("FEVI ≤ 35 %"), ["fevi", "#≤35 %", "#35 %", "#35"]);
        assert_eq!(keys("40 mg/24 h"), ["#40 mg/24h", "#40 mg", "#40"]);
        assert!(finds("24/26 mg", "Inicie 24/26 mg cada 12 h"));
        assert!(!finds("24/26 mg", "Inicie 49/51 mg; a las 24 h, 26 mg"));
        assert!(!finds("50 mg", "50 %"));
    }

    #[test]
    fn words_of_grammar_go_and_words_of_negation_stay() {
        assert_eq!(keys("la dosis de los"), ["~dosis", "dosis"]);
        assert_eq!(
            keys("no sin ni nunca salvo"),
            ["no", "sin", "ni", "nunca", "salvo"]
        );
        let kinds = analyzer().terms("NO iniciar", Language::Spanish);
        assert_eq!(
            kinds.first().map(|term| term.kind),
            Some(TermKind::Negation)
        );
        for (word, language) in [
            ("sense", Language::Catalan),
            ("gabe", Language::Basque),
            ("ez", Language::Basque),
            ("sen", Language::Galician),
            ("without", Language::English),
        ] {
            let terms = analyzer().terms(word, language);
            assert_eq!(
                terms.first().map(|term| term.kind),
                Some(TermKind::Negation),
                "{word}"
            );
        }
    }

    #[test]
    fn a_word_of_negation_is_one_whatever_language_the_paper_is_tagged_with() {
        for word in ["no", "sin", "sense", "gabe", "ez", "non", "sen", "without"] {
            assert!(analyzer().negates(word), "{word}");
            assert!(!analyzer().is_grammar(word), "{word}");
        }
        for word in ["la", "els", "eta", "unha", "the"] {
            assert!(analyzer().is_grammar(word), "{word}");
            assert!(!analyzer().negates(word), "{word}");
        }
        assert!(!analyzer().is_grammar("bisoprolol"));
    }

    #[test]
    fn accents_plurals_and_the_catalan_ela_geminada_make_no_difference() {
        assert!(finds("titulacion", "la titulación"));
        assert!(finds("contraindicaciones", "contraindicación"));
        let catalan = |text| analyzer().terms(text, Language::Catalan);
        let first = |text| catalan(text).first().map(|term| term.key.clone());
        assert_eq!(first("col·laborar"), first("col.laborar"));
        assert_eq!(first("l'hospital"), first("hospital"));
        let galician = |text| analyzer().terms(text, Language::Galician);
        assert_eq!(
            galician("contraindicacións")[0].key,
            galician("contraindicación")[0].key
        );
    }

    #[test]
    fn a_heading_in_capitals_has_the_terms_of_its_words() {
        assert_eq!(keys("DOSIS DE INICIO Y OBJETIVO")[..2], ["dosis", "~dosis"]);
        assert!(finds("objetivo", "DOSIS DE INICIO Y OBJETIVO"));
        assert!(!keys("DOSIS DE INICIO Y OBJETIVO").contains(&"de".to_owned()));
    }

    #[test]
    fn terms_stand_where_their_words_do() {
        let text = "¿Más de 24/26 mg? L’hospital, sí.";
        for term in analyzer().terms(text, Language::Catalan) {
            assert!(!text[term.start..term.end].trim().is_empty());
        }
        let quantity = &analyzer().terms(text, Language::Spanish)[0];
        assert_eq!(&text[quantity.start..quantity.end], "24/26 mg");
    }

    #[test]
    fn abbreviation_and_long_form_find_one_another() {
        assert!(finds(
            "ICFEr",
            "insuficiencia cardiaca con fracción de eyección reducida"
        ));
        assert!(finds(
            "icfer",
            "Insuficiencia cardíaca con fracción de eyección reducida"
        ));
        assert!(finds(
            "insuficiencia cardíaca con fracción de eyección reducida",
            "ICFEr"
        ));
        assert!(finds("HFrEF", "pacientes con IC-FEr"));
        assert!(finds("¿insuficiencia cardíaca?", "la IC es"));
    }

    #[test]
    fn brand_and_substance_find_one_another() {
        assert!(finds("Entresto", "sacubitrilo/valsartán"));
        assert!(finds("Entresto", "sacubitrilo y valsartán"));
        assert!(finds("sacubitrilo/valsartán", "Entresto"));
        assert!(finds("emconcor", "bisoprolol 1,25 mg"));
    }

    #[test]
    fn a_class_is_broader_than_its_drugs_and_they_are_narrower() {
        let class = &analyzer().concepts("betabloqueantes", Language::Spanish)[0];
        assert!(class.narrower.contains(&strings(&["~bisoprolol"])));
        assert!(class.alternatives.contains(&strings(&["bb"])));
        let drug = &analyzer().concepts("bisoprolol", Language::Spanish)[0];
        assert!(drug.broader.contains(&strings(&["bb"])));
        assert!(!drug.alternatives.contains(&strings(&["bb"])));
    }

    #[test]
    fn a_short_form_is_left_alone_where_its_other_sense_is_written_out() {
        let expanded = analyzer().concepts("IC al 95 %", Language::Spanish);
        assert!(expanded[0].alternatives.len() > 1);
        let question = "¿Cuál es el intervalo de confianza (IC) al 95 %?";
        let concepts = analyzer().concepts(question, Language::Spanish);
        let short = concepts
            .iter()
            .find(|concept| concept.surface == "ic")
            .expect("IC is there");
        assert_eq!(short.alternatives, [strings(&["ic"])]);
    }

    #[test]
    fn what_is_said_twice_is_asked_once() {
        let concepts = analyzer().concepts("insuficiencia cardíaca (IC)", Language::Spanish);
        assert_eq!(concepts.len(), 1);
    }

    #[test]
    fn a_shared_stem_alone_is_no_synonym() {
        let concepts = analyzer().concepts("a pesar del tratamiento", Language::Spanish);
        assert!(
            concepts
                .iter()
                .all(|concept| !concept.alternatives.contains(&strings(&["pesarse"])))
        );
        assert!(finds("falta de aire", "refiere disnea"));
        assert!(finds("disnea", "refiere falta de aire"));
    }

    #[test]
    fn words_that_only_ask_are_no_concepts_and_general_ones_weigh_less() {
        let concepts = analyzer().concepts("¿Cuál es la dosis de carvedilol?", Language::Spanish);
        let weights: Vec<(&str, f32)> = concepts
            .iter()
            .map(|concept| (concept.surface.as_str(), concept.weight))
            .collect();
        assert_eq!(weights, [("dosis", 0.5), ("carvedilol", 1.0)]);
        assert!(
            analyzer()
                .concepts("¿Qué es?", Language::Spanish)
                .is_empty()
        );
    }

    #[test]
    fn any_text_at_all_is_cut_without_a_panic() {
        for text in [
            "",
            "-",
            "1-",
            "l'",
            "’’’",
            "5/",
            "mg/",
            "≤",
            "a·",
            "½ µg",
            "\u{301}x",
            "1..2",
            "٣ mg",
            "Ⅻ",
        ] {
            for language in Language::ALL {
                let _ = analyzer().terms(text, language);
                let _ = analyzer().concepts(text, language);
            }
        }
    }
}
