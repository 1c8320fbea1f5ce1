//! The domain pack: what a specialty calls its things. Another domain is another file.

use serde::{Deserialize, Serialize};

use crate::Language;

/// Abbreviations, drugs and synonyms of one clinical domain (`configs/domain/*.toml`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainPack {
    /// The domain's name, as in `heart-failure`.
    pub name: String,
    /// Short forms and what they stand for.
    #[serde(default)]
    pub abbreviations: Vec<Abbreviation>,
    /// Active substances with their brand names and class.
    #[serde(default)]
    pub drugs: Vec<Drug>,
    /// Other words for the same thing, also across languages.
    #[serde(default)]
    pub synonyms: Vec<Synonym>,
}

/// Expressions by the language they belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Phrases {
    /// Spanish.
    pub es: Vec<String>,
    /// Catalan.
    pub ca: Vec<String>,
    /// Basque.
    pub eu: Vec<String>,
    /// Galician.
    pub gl: Vec<String>,
    /// English.
    pub en: Vec<String>,
}

impl Phrases {
    /// Those of one language.
    #[must_use]
    pub fn of(&self, language: Language) -> &[String] {
        match language {
            Language::Spanish => &self.es,
            Language::Catalan => &self.ca,
            Language::Basque => &self.eu,
            Language::Galician => &self.gl,
            Language::English => &self.en,
        }
    }

    /// All of them, each with its language.
    pub fn iter(&self) -> impl Iterator<Item = (Language, &str)> {
        Language::ALL.into_iter().flat_map(|language| {
            self.of(language)
                .iter()
                .map(move |phrase| (language, phrase.as_str()))
        })
    }
}

/// A short form, its other spellings, and its long forms in the languages of the documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abbreviation {
    /// The spellings of the short form, as in `["ICFEr", "IC-FEr", "HFrEF"]`.
    pub short: Vec<String>,
    /// The more general things it is one of, by a short form of theirs: `["IC"]` for `ICFEr`.
    #[serde(default)]
    pub kind_of: Vec<String>,
    /// The long forms, as in `es = ["insuficiencia cardíaca con fracción de eyección reducida"]`.
    #[serde(default)]
    pub long: Phrases,
    /// Other senses of the same letters (`IC`: interconsulta, intervalo de confianza): where one
    /// of these is written out beside it, the short form is not expanded.
    #[serde(default)]
    pub other_senses: Vec<String>,
}

/// An active substance (INN) with the names it is sold and asked for under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drug {
    /// The international non-proprietary name in Spanish, then its spellings in other languages.
    pub inn: Vec<String>,
    /// Brand names.
    #[serde(default)]
    pub brands: Vec<String>,
    /// The classes it belongs to, by a short form of the abbreviations, as in `["BB"]`.
    #[serde(default)]
    pub classes: Vec<String>,
}

/// Expressions that mean the same to who searches, as in
/// `es = ["disnea", "falta de aire"], ca = ["dispnea"]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Synonym {
    /// The expressions.
    pub any_of: Phrases,
}
