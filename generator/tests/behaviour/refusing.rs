use domain::{Evidence, Language};
use generator::{DeclineReason, Outcome};

use crate::fixture::*;

#[test]
fn without_passages_there_is_no_answer_and_nothing_near() {
    let refusal = declined("¿Cuál es la dosis de bisoprolol?", &Evidence::default());
    assert_eq!(refusal.reason.code(), "no_evidence");
    assert!(refusal.nearest.is_empty());
    assert!(!refusal.message.contains("cercanos"), "{}", refusal.message);
}

#[test]
fn passages_about_something_else_are_shown_as_nearest_and_not_as_an_answer() {
    let evidence = evidence([
        dose_table(),
        document("Aparcamiento").line(
            Paragraph,
            "El aparcamiento de personal abre a las 7 horas y cierra a las 22 horas.",
        ),
    ]);
    let refusal = declined(
        "¿Quién firma las vacaciones del personal de cocina?",
        &evidence,
    );
    assert_eq!(refusal.reason, DeclineReason::WeakEvidence);
    assert_eq!(refusal.nearest.len(), 2);
    assert_eq!(
        refusal.nearest[0].passage.id,
        evidence.passages[0].passage.id
    );
}

#[test]
fn a_refusal_speaks_the_language_of_the_question() {
    for (language, question, words) in [
        (
            Language::Spanish,
            "¿Quién firma las vacaciones?",
            "No se ha encontrado",
        ),
        (
            Language::Catalan,
            "Qui signa les vacances?",
            "No s'ha trobat",
        ),
        (
            Language::Basque,
            "Nork sinatzen ditu oporrak?",
            "Ez da erantzunik",
        ),
        (
            Language::Galician,
            "Quen asina as vacacións?",
            "Non se atopou",
        ),
        (
            Language::English,
            "Who signs the holidays?",
            "No answer was found",
        ),
    ] {
        let Outcome::Declined(refusal) = ask_in(language, question, &evidence([dose_table()]))
        else {
            panic!("{question} was answered");
        };
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}

#[test]
fn at_most_three_nearest_passages_are_given() {
    let many = (0..8).map(|n| {
        document("Circular").line(
            Paragraph,
            &format!("Circular número {n} sobre el aparcamiento."),
        )
    });
    let refusal = declined("¿Quién firma las vacaciones?", &evidence(many));
    assert_eq!(refusal.nearest.len(), 3);
}

#[test]
fn a_question_without_a_word_to_search_for_is_told_so() {
    let refusal = declined("¿Qué es esto?", &evidence([dose_table()]));
    assert_eq!(refusal.reason, DeclineReason::UnclearQuestion);
}

#[test]
fn a_question_with_only_general_words_is_not_answered_with_any_dose() {
    declined("¿Cuál es la dosis?", &evidence([dose_table()]));
}

#[test]
fn a_question_for_a_telephone_is_not_answered_without_one() {
    let unit = |text: &str| evidence([document("Circuitos").line(Paragraph, text)]);
    let question = "¿Cuál es el teléfono de la unidad de insuficiencia cardíaca?";
    declined(
        question,
        &unit("El teléfono de la unidad de insuficiencia cardíaca está en la intranet."),
    );
    let answer = answered(
        question,
        &unit("Teléfono de la unidad de insuficiencia cardíaca: 00417."),
    );
    assert!(answer.text().contains("00417"));
}
