//! The heart-failure pack of the repository.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{Analyzer, DomainPack, Language, fold};

use crate::support::{PACK, analyzer};

fn pack() -> DomainPack {
    toml::from_str(PACK).expect("the pack of the repository parses")
}

/// The keys of the documents by which what `phrase` says can be found.
fn keys(analyzer: &Analyzer, phrase: &str, language: Language) -> HashSet<String> {
    let concepts = analyzer.concepts(phrase, language);
    concepts
        .into_iter()
        .flat_map(|concept| concept.alternatives)
        .flatten()
        .collect()
}

#[test]
fn the_pack_is_as_large_as_it_claims() {
    let pack = pack();
    assert!(pack.abbreviations.len() >= 70);
    assert!(pack.drugs.len() >= 45);
    assert!(pack.synonyms.len() >= 35);
}

#[test]
fn a_short_form_or_drug_name_stands_in_one_entry_only() {
    let pack = pack();
    let mut owners: HashMap<String, Vec<String>> = HashMap::new();
    let key = |name: &str| fold(name).replace('-', "");
    for abbreviation in &pack.abbreviations {
        for short in &abbreviation.short {
            owners
                .entry(key(short))
                .or_default()
                .push(abbreviation.short[0].clone());
        }
    }
    for drug in &pack.drugs {
        for name in drug.inn.iter().chain(&drug.brands) {
            owners
                .entry(key(name))
                .or_default()
                .push(drug.inn[0].clone());
        }
    }
    owners.retain(|_, entries| entries.iter().any(|entry| *entry != entries[0]));
    assert!(owners.is_empty(), "ambiguous: {owners:?}");
}

#[test]
fn letters_that_mean_several_things_have_their_other_senses() {
    let pack = pack();
    for letters in [
        "IC", "FA", "BB", "ARM", "EAP", "CI", "TMO", "FC", "RS", "AP", "TRC", "TV",
    ] {
        let entry = pack
            .abbreviations
            .iter()
            .find(|entry| entry.short.iter().any(|s| s == letters));
        assert!(
            entry.is_some_and(|entry| !entry.other_senses.is_empty()),
            "{letters}"
        );
    }
}

#[test]
fn every_class_that_is_named_exists() {
    let pack = pack();
    let shorts: Vec<String> = pack
        .abbreviations
        .iter()
        .flat_map(|entry| &entry.short)
        .map(|short| fold(short))
        .collect();
    let named = pack.abbreviations.iter().flat_map(|entry| &entry.kind_of);
    for class in named.chain(pack.drugs.iter().flat_map(|drug| &drug.classes)) {
        assert!(shorts.contains(&fold(class)), "{class}");
    }
}

#[test]
fn every_expression_of_the_pack_is_found_in_a_question() {
    let pack = pack();
    let analyzer = analyzer();
    let long = pack
        .abbreviations
        .iter()
        .flat_map(|entry| entry.long.iter());
    let synonyms = pack
        .synonyms
        .iter()
        .flat_map(|synonym| synonym.any_of.iter());
    // One that knows no pack finds only what is written.
    let plain = Analyzer::new(Arc::new(DomainPack::default()));
    let shorts = pack.abbreviations.iter().flat_map(|entry| &entry.short);
    let shorts = shorts.map(|short| (Language::Spanish, short.as_str()));
    let missed: Vec<&str> = long
        .chain(synonyms)
        .chain(shorts)
        .filter(|(language, phrase)| {
            keys(&analyzer, phrase, *language).is_subset(&keys(&plain, phrase, *language))
        })
        .map(|(_, phrase)| phrase)
        .collect();
    assert!(missed.is_empty(), "never found: {missed:?}");
}
