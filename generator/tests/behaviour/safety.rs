//! What must never happen to a dose, a drug or an exception.

use domain::Language;
use generator::DeclineReason;

use crate::fixture::*;

#[test]
fn a_question_about_one_drug_is_never_answered_with_the_row_of_another() {
    let header = ["Fármaco", "Dosis inicial", "Dosis objetivo"];
    let carvedilol_only = || {
        document("Protocolo de insuficiencia cardíaca")
            .section("Betabloqueantes")
            .line(Caption, "Tabla 3. Dosis inicial y objetivo")
            .row(&header, &["Carvedilol", "3,125 mg/12 h", "25 mg/12 h"])
    };
    let refusal = declined(
        "¿Cuál es la dosis objetivo de bisoprolol?",
        &evidence([carvedilol_only()]),
    );
    assert_eq!(refusal.reason, DeclineReason::SubjectNotFound);
    assert_eq!(refusal.nearest.len(), 1);
}

#[test]
fn a_drug_no_list_knows_is_not_answered_with_the_dose_of_another() {
    for question in [
        "¿Cuál es la dosis inicial de tirzepatida en la insuficiencia cardíaca?",
        "¿Cuál es la dosis inicial de vernakalant en la insuficiencia cardíaca?",
        "¿Qué dosis objetivo de nebivolol se usa en la insuficiencia cardíaca?",
    ] {
        let refusal = declined(question, &evidence([dose_table()]));
        assert_eq!(refusal.reason, DeclineReason::SubjectNotFound, "{question}");
    }
}

#[test]
fn a_component_is_not_answered_with_the_dose_of_the_combination() {
    declined(
        "¿Cuál es la dosis inicial de valsartán?",
        &evidence([dose_table()]),
    );
    let basque = document("Jarraipena").language(Language::Basque).row(
        &["Botika", "Hasierako dosia"],
        &["Sakubitriloa/valsartana", "24/26 mg"],
    );
    declined(
        "¿Cuál es la dosis inicial de valsartán?",
        &evidence([basque]),
    );
}

#[test]
fn a_row_that_only_mentions_the_drug_in_its_precautions_is_anothers() {
    let header = ["Fármaco", "Dosis inicial", "Precauciones"];
    let table = document("Protocolo de insuficiencia cardíaca")
        .row(
            &header,
            &[
                "Espironolactona",
                "25 mg/24 h",
                "Ginecomastia: cambiar a eplerenona",
            ],
        )
        .row(&header, &["Eplerenona", "50 mg/24 h", "Vigilar el potasio"]);
    let answer = answered("¿Cuál es la dosis de eplerenona?", &evidence([table]));
    assert!(answer.text().contains("50 mg/24 h"), "{}", answer.text());
    assert!(!answer.text().contains("25 mg/24 h"), "{}", answer.text());
}

#[test]
fn a_row_whose_range_shuts_the_value_out_is_not_shown_beside_the_one_that_holds_it() {
    let table = document("Protocolo de insuficiencia cardíaca")
        .row(
            &["Potasio (mmol/l)", "Espironolactona"],
            &["≤ 5,0", "Iniciar o mantener"],
        )
        .row(
            &["Potasio (mmol/l)", "Espironolactona"],
            &["> 6,0", "Suspender"],
        );
    let answer = answered(
        "Potasio de 6,5 con espironolactona, ¿qué hago?",
        &evidence([table]),
    );
    assert!(answer.text().contains("Suspender"), "{}", answer.text());
    assert!(!answer.text().contains("Iniciar"), "{}", answer.text());
}

#[test]
fn an_answer_keeps_to_the_language_of_the_question_where_it_answers() {
    let spanish =
        document("Nota").line(Paragraph, "El bisoprolol se inicia con 1,25 mg cada 24 h.");
    let catalan = document("Nota").language(Language::Catalan).line(
        Paragraph,
        "El bisoprolol s'inicia amb 1,25 mg cada 24 h, sense congestió.",
    );
    let answer = answered(
        "¿Con qué dosis se inicia el bisoprolol?",
        &evidence([catalan, spanish]),
    );
    assert!(answer.text().contains("se inicia"), "{}", answer.text());
    assert!(!answer.text().contains("s'inicia"), "{}", answer.text());
}

#[test]
fn a_dose_never_changes_row() {
    for (drug, dose) in [
        ("bisoprolol", "1,25 mg/24 h"),
        ("carvedilol", "3,125 mg/12 h"),
        ("Entresto", "24/26 mg/12 h"),
    ] {
        let answer = answered(
            &format!("¿Cuál es la dosis inicial de {drug}?"),
            &evidence([dose_table()]),
        );
        let rows: Vec<&str> = answer
            .sentences()
            .iter()
            .map(|sentence| sentence.text())
            .filter(|text| text.starts_with("Fármaco"))
            .collect();
        assert_eq!(rows.len(), 1, "{drug}");
        assert!(rows[0].contains(dose), "{drug}: {}", rows[0]);
    }
}

fn check_kept(question: &str, paragraph: &str, exception: &str) {
    let answer = answered(
        question,
        &evidence([document("Protocolo").line(Paragraph, paragraph)]),
    );
    assert!(
        answer
            .sentences()
            .iter()
            .any(|sentence| sentence.text().starts_with(exception)),
        "«{exception}» was dropped: {}",
        answer.text()
    );
}

#[test]
fn an_exception_in_the_next_sentence_is_kept() {
    for exception in [
        "No obstante, no se iniciará con tensión menor de 90 mmHg.",
        "Excepto en el embarazo.",
        "Contraindicado con potasio mayor de 5,5 mmol/l.",
        "No administrar junto con potasio oral.",
        "Sin embargo, en mayores de 75 años se empieza con la mitad.",
    ] {
        check_kept(
            "¿Cuál es la dosis inicial de espironolactona?",
            &format!(
                "La dosis inicial de espironolactona es de 25 mg al día. {exception} La dieta no cambia."
            ),
            exception,
        );
    }
}

#[test]
fn an_exception_is_not_shown_without_what_it_is_an_exception_to() {
    check_kept(
        "¿Qué pasa con la espironolactona en el embarazo?",
        "La espironolactona se da a todos los pacientes con síntomas. Excepto en el embarazo, donde la espironolactona se evita.",
        "La espironolactona se da",
    );
}

#[test]
fn an_exception_in_the_next_item_of_a_list_is_kept() {
    let list = document("Protocolo")
        .line(Paragraph, "Antes de iniciar sacubitrilo/valsartán:")
        .line(
            ListItem,
            "Suspenda el IECA 36 horas antes de sacubitrilo/valsartán.",
        )
        .line(ListItem, "No administrar si hubo angioedema.")
        .line(ListItem, "Entregue la hoja informativa.");
    let answer = answered(
        "¿Cuántas horas antes se suspende el IECA para sacubitrilo/valsartán?",
        &evidence([list]),
    );
    assert!(answer.text().contains("angioedema"), "{}", answer.text());
}

#[test]
fn a_leaflet_s_own_question_is_not_the_answer() {
    let answer = answered(
        "¿Cuándo debo llamar al médico por el peso?",
        &evidence([document("Hoja para pacientes").line(
            Paragraph,
            "¿Cuándo debo llamar al médico por el peso? Llame al médico si su peso aumenta 2 kg en 3 días.",
        )]),
    );
    assert!(answer.text().starts_with("Llame"), "{}", answer.text());
}

#[test]
fn a_dose_for_a_circumstance_no_passage_speaks_of_is_declined() {
    for question in [
        "¿Cuál es la dosis de bisoprolol en el embarazo?",
        "¿Está contraindicado el bisoprolol con alcohol?",
    ] {
        declined(question, &evidence([dose_table()]));
    }
}

#[test]
fn a_question_about_contraindications_is_not_answered_with_something_else_about_the_drug() {
    let study = document("Ficha técnica de bisoprolol").line(
        Paragraph,
        "En un estudio con bisoprolol se observó menos mortalidad en la insuficiencia cardíaca.",
    );
    declined(
        "¿Cuáles son las contraindicaciones de bisoprolol?",
        &evidence([study]),
    );
    let listed = document("Ficha técnica de bisoprolol")
        .section("4.3. Contraindicaciones")
        .line(ListItem, "Asma bronquial grave.")
        .line(ListItem, "Uso junto con verapamilo intravenoso.");
    let answer = answered(
        "¿Cuáles son las contraindicaciones de bisoprolol?",
        &evidence([listed]),
    );
    assert_eq!(answer.sentences().len(), 2, "{}", answer.text());
}
