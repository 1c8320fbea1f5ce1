use domain::{Language, SegmentKind};
use generator::{Outcome, Support};

use crate::fixture::*;

fn check(question: &str, documents: Vec<Fixture>, expected: &[&str]) {
    let answer = answered(question, &evidence(documents));
    let shown: Vec<&str> = answer
        .sentences()
        .iter()
        .map(|sentence| sentence.text())
        .collect();
    assert_eq!(shown, expected, "{question}");
}

#[test]
fn a_dose_question_is_answered_with_the_row_of_its_drug() {
    check(
        "¿Cuál es la dosis objetivo de bisoprolol?",
        vec![dose_table()],
        &["Fármaco: Bisoprolol; Dosis inicial: 1,25 mg/24 h; Dosis objetivo: 10 mg/24 h"],
    );
}

#[test]
fn a_row_is_shown_with_its_header_and_quoted_as_it_stands() {
    let answer = answered("¿Dosis inicial de bisoprolol?", &evidence([dose_table()]));
    let row = &answer.sentences()[0];
    assert_eq!(row.support(), Support::Verified);
    assert_eq!(
        row.citations()[0].quote,
        "Bisoprolol 1,25 mg/24 h 10 mg/24 h"
    );
    assert_eq!(
        answer.text(),
        "Fármaco: Bisoprolol; Dosis inicial: 1,25 mg/24 h; Dosis objetivo: 10 mg/24 h [1]"
    );
}

#[test]
fn a_brand_name_finds_the_row_of_its_substance() {
    check(
        "¿Con qué dosis se empieza Entresto?",
        vec![dose_table()],
        &[
            "Fármaco: Sacubitrilo/valsartán; Dosis inicial: 24/26 mg/12 h; Dosis objetivo: 97/103 mg/12 h",
        ],
    );
}

#[test]
fn a_row_brings_the_note_its_mark_refers_to() {
    check(
        "¿Cuál es la dosis objetivo de carvedilol?",
        vec![dose_table()],
        &[
            "Fármaco: Carvedilol; Dosis inicial: 3,125 mg/12 h; Dosis objetivo: 25 mg/12 h*",
            "* 50 mg/12 h si el peso es de 85 kg o más.",
        ],
    );
}

fn warning_signs() -> Fixture {
    document("Hoja de alta")
        .section("Signos de alarma")
        .line(
            Paragraph,
            "El paciente debe consultar el mismo día si presenta alguno de estos signos de alarma:",
        )
        .line(ListItem, "Aumento de peso de más de 2 kg en 3 días.")
        .line(ListItem, "Ahogo al acostarse.")
        .line(ListItem, "Desmayo o pérdida de conocimiento. Llame al 112.")
        .line(
            Paragraph,
            "La enfermera revisa la hoja con la familia antes del alta.",
        )
}

#[test]
fn a_question_for_a_list_is_answered_with_the_whole_list_and_the_line_that_opens_it() {
    check(
        "¿Cuáles son los signos de alarma?",
        vec![warning_signs()],
        &[
            "El paciente debe consultar el mismo día si presenta alguno de estos signos de alarma:",
            "Aumento de peso de más de 2 kg en 3 días.",
            "Ahogo al acostarse.",
            "Desmayo o pérdida de conocimiento.",
            "Llame al 112.",
        ],
    );
}

#[test]
fn an_item_is_never_shown_without_the_line_that_opens_its_list() {
    check(
        "¿Qué hago ante un aumento de peso de 2 kg?",
        vec![warning_signs()],
        &[
            "El paciente debe consultar el mismo día si presenta alguno de estos signos de alarma:",
            "Aumento de peso de más de 2 kg en 3 días.",
        ],
    );
}

#[test]
fn a_long_list_says_how_many_items_are_left_out() {
    let mut list = document("Alta").line(Paragraph, "Documentos que se entregan al alta:");
    for number in 1..=20 {
        list = list.line(ListItem, &format!("Documento de alta número {number}."));
    }
    let answer = answered("¿Qué documentos se entregan al alta?", &evidence([list]));
    assert_eq!(answer.sentences().len() + answer.items_left_out(), 21);
    assert!(answer.items_left_out() > 0);
}

#[test]
fn a_sentence_that_points_back_brings_the_one_it_points_to() {
    check(
        "¿Cuándo se repite la analítica?",
        vec![document("Protocolo").line(
            Paragraph,
            "Si el potasio supera 5,5 mmol/l se reduce la espironolactona a la mitad. \
             En estos casos la analítica se repite en 72 horas. El resto sigue igual.",
        )],
        &[
            "Si el potasio supera 5,5 mmol/l se reduce la espironolactona a la mitad.",
            "En estos casos la analítica se repite en 72 horas.",
        ],
    );
}

#[test]
fn two_documents_with_different_doses_are_both_shown() {
    let protocol = |title: &str, dose: &str| {
        document(title).line(
            Paragraph,
            &format!("La dosis inicial de bisoprolol es de {dose} al día."),
        )
    };
    check(
        "¿Cuál es la dosis inicial de bisoprolol?",
        vec![
            protocol("Protocolo A", "1,25 mg"),
            protocol("Protocolo B", "2,5 mg"),
        ],
        &[
            "La dosis inicial de bisoprolol es de 1,25 mg al día.",
            "La dosis inicial de bisoprolol es de 2,5 mg al día.",
        ],
    );
}

#[test]
fn the_same_sentence_in_two_documents_is_shown_once() {
    let copy = |title: &str| {
        document(title).line(
            Paragraph,
            "La dosis inicial de bisoprolol es de 1,25 mg al día.",
        )
    };
    check(
        "¿Cuál es la dosis inicial de bisoprolol?",
        vec![copy("Protocolo"), copy("Copia del protocolo")],
        &["La dosis inicial de bisoprolol es de 1,25 mg al día."],
    );
}

#[test]
fn sentences_are_shown_in_the_order_of_the_document() {
    let answer = answered(
        "¿Cómo se ajusta la furosemida al alta?",
        &evidence([document("Alta").line(
            Paragraph,
            "La furosemida se ajusta al alta según el peso seco. Se entrega la hoja de peso. \
             Al alta la furosemida se ajusta además según la función renal.",
        )]),
    );
    let starts: Vec<usize> = answer
        .sentences()
        .iter()
        .map(|sentence| usize::from(sentence.text().starts_with("Al alta")))
        .collect();
    assert_eq!(starts, [0, 1]);
}

#[test]
fn a_heading_is_never_the_answer() {
    let answer = answered(
        "¿Cuáles son los criterios de derivación a cardiología?",
        &evidence([document("Protocolo")
            .line(
                SegmentKind::Heading,
                "Criterios de derivación a cardiología",
            )
            .line(
                Paragraph,
                "Se deriva a cardiología todo paciente con fracción de eyección menor del 40 %.",
            )]),
    );
    assert!(answer.text().starts_with("Se deriva"), "{}", answer.text());
}

#[test]
fn sentences_of_one_paragraph_share_a_line_and_rows_do_not() {
    let answer = answered(
        "¿Cuándo se repite la analítica?",
        &evidence([document("Protocolo").line(
            Paragraph,
            "La analítica se repite a la semana. En caso contrario, la analítica se repite al mes.",
        )]),
    );
    assert_eq!(
        answer.text(),
        "La analítica se repite a la semana. [1] En caso contrario, la analítica se repite al mes. [2]"
    );
}

#[test]
fn of_two_documents_that_answer_the_one_in_the_question_s_language_comes_first() {
    let spanish = document("Protocolo").line(
        Paragraph,
        "La dosis inicial de bisoprolol es de 1,25 mg cada 24 h.",
    );
    let catalan = document("Protocol").language(Language::Catalan).line(
        Paragraph,
        "La dosi inicial de bisoprolol és d'1,25 mg cada 24 h.",
    );
    let answer = answered(
        "¿Cuál es la dosis inicial de bisoprolol?",
        &evidence([catalan, spanish]),
    );
    assert!(answer.text().starts_with("La dosis"), "{}", answer.text());
}

#[test]
fn a_declined_basque_name_finds_its_row() {
    let header = ["Botika", "Hasierako dosia"];
    let table = document("Jarraipena")
        .language(Language::Basque)
        .row(&header, &["Karbedilola", "3,125 mg"])
        .row(&header, &["Bisoprolola", "1,25 mg"]);
    let question = "Zein da bisoprololaren hasierako dosia?";
    let Outcome::Answered(answer) = ask_in(Language::Basque, question, &evidence([table])) else {
        panic!("declined");
    };
    assert!(
        answer.text().starts_with("Botika: Bisoprolola"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.sentences().len(), 1);
}

#[test]
fn a_patient_s_value_finds_the_row_whose_range_holds_it() {
    let header = ["Potasio (mmol/l)", "ARM"];
    let table = || {
        document("Protocolo")
            .section("Potasio: qué hacer")
            .row(&header, &["≤ 5,0", "Iniciar o titular"])
            .row(&header, &["5,1–5,5", "Mantener la dosis"])
            .row(&header, &["5,6–6,0", "Reducir a la mitad"])
            .row(&header, &["> 6,0", "Suspender"])
    };
    for (value, action) in [
        ("4,8", "Iniciar"),
        ("5,3", "Mantener"),
        ("5,9", "Reducir"),
        ("6,2", "Suspender"),
    ] {
        let answer = answered(
            &format!("¿Qué se hace con el ARM si el potasio es de {value} mmol/l?"),
            &evidence([table()]),
        );
        assert_eq!(answer.sentences().len(), 1, "{value}: {}", answer.text());
        assert!(answer.text().contains(action), "{value}: {}", answer.text());
    }
}

#[test]
fn a_list_under_the_heading_asked_for_is_the_answer() {
    check(
        "¿Cuáles son los signos de alarma?",
        vec![
            document("Lista de comprobación").line(ListItem, "Conoce los signos de alarma."),
            document("Protocolo")
                .section("Signos de alarma")
                .line(ListItem, "Disnea de reposo.")
                .line(ListItem, "Dolor torácico."),
        ],
        &["Disnea de reposo.", "Dolor torácico."],
    );
}
