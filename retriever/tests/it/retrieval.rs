//! From a clinician's words to the passage that answers.

use domain::{Scope, VersionId};

use crate::support::{Bench, passage};

/// Passages that differ in one thing each.
const PASSAGES: &[&str] = &[
    "En la insuficiencia cardíaca con fracción de eyección reducida se inician los cuatro pilares.",
    "En la insuficiencia cardíaca con fracción de eyección preservada se trata la congestión.",
    "Sacubitrilo/valsartán: iniciar con 24/26 mg cada 12 h y doblar cada 2-4 semanas.",
    "Sacubitrilo/valsartán: dosis objetivo de 97/103 mg cada 12 h.",
    "Bisoprolol: al inicio, dosis de 1,25 mg cada 24 h. Objetivo: 10 mg.",
    "Enalapril: al inicio, dosis de 2,5 mg cada 12 h. No dar si hubo angioedema.",
    "NT-proBNP ≥ 450 pg/ml en menores de 50 años apoya el diagnóstico en urgencias.",
    "Si el potasio supera 5,5 mmol/l, reducir a la mitad la espironolactona.",
    "Avise a enfermería si gana más de 2 kg en 3 días o nota falta de aire.",
    "La fibrilación auricular se anticoagula según la escala CHA2DS2-VASc.",
    "El formulario de interconsulta se envía al servicio correspondiente.",
];

async fn bench(dir: &std::path::Path) -> (Bench, VersionId) {
    let bench = Bench::open(dir).unwrap();
    let version = VersionId::generate();
    let passages: Vec<_> = (0..)
        .zip(PASSAGES)
        .map(|(ordinal, text)| passage(version, ordinal, text))
        .collect();
    bench.add(&passages).await;
    (bench, version)
}

#[tokio::test]
async fn a_question_in_other_words_finds_the_passage_that_answers_it() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, version) = bench(dir.path()).await;
    for (question, expected) in [
        ("tratamiento de la ICFEr", 0),
        ("tratamiento de la ICFEp", 1),
        (
            "tratamiento de la insuficiencia cardiaca con FE preservada",
            1,
        ),
        ("dosis de inicio de Entresto", 2),
        ("24/26 mg", 2),
        ("¿cuál es la dosis diana de Entresto?", 3),
        ("Emconcor al inicio", 4),
        ("betabloqueantes", 4),
        ("puntos de corte de proBNP", 6),
        ("hiperpotasemia con Aldactone", 7),
        ("¿a quién aviso si tengo disnea o aumento de peso?", 8),
        ("anticoagulación en la FA", 9),
    ] {
        let found = bench.ask(question, &Scope::default()).await;
        let text_of = |id| {
            let mut texts = (0..).zip(PASSAGES);
            texts.find(|(ordinal, text)| passage(version, *ordinal, text).id == id)
        };
        let first = found
            .first()
            .and_then(|id| text_of(*id))
            .map(|(_, text)| *text);
        assert_eq!(first, Some(PASSAGES[expected]), "first for «{question}»");
    }
}

#[tokio::test]
async fn the_title_and_the_headings_above_a_passage_find_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let mut dose = passage(
        VersionId::generate(),
        0,
        "Inicio: 1,25 mg. Objetivo: 10 mg.",
    );
    dose.section = vec!["Betabloqueantes".to_owned(), "Bisoprolol".to_owned()];
    bench.add(std::slice::from_ref(&dose)).await;
    assert_eq!(bench.ask("bisoprolol", &Scope::default()).await, [dose.id]);
    assert_eq!(bench.ask("protocolo", &Scope::default()).await, [dose.id]);
}

#[tokio::test]
async fn a_question_with_nothing_to_look_for_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = bench(dir.path()).await;
    assert!(bench.ask("¿Qué es?", &Scope::default()).await.is_empty());
    assert!(bench.ask("zzzz", &Scope::default()).await.is_empty());
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = bench(dir.path()).await;
    let first = bench
        .ask(
            "dosis de inicio en la insuficiencia cardíaca",
            &Scope::default(),
        )
        .await;
    for _ in 0..5 {
        let again = bench
            .ask(
                "dosis de inicio en la insuficiencia cardíaca",
                &Scope::default(),
            )
            .await;
        assert_eq!(again, first);
    }
    bench.index().optimize().await.unwrap();
    let merged = bench
        .ask(
            "dosis de inicio en la insuficiencia cardíaca",
            &Scope::default(),
        )
        .await;
    assert_eq!(merged, first);
}
