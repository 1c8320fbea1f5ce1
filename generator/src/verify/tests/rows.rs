//! Table rows: each value under its own column.

use domain::SegmentKind::TableRow;

use super::{is_shown, never_shows};

fn check(row: &str, asked: &str, wrong: &[&str], right: &[&str]) {
    for claim in wrong {
        never_shows(&[(TableRow, row)], asked, claim);
    }
    for claim in right {
        is_shown(&[(TableRow, row)], asked, claim);
    }
}

#[test]
fn two_numbers_of_a_row_are_not_exchanged() {
    check(
        "Fármaco: Bisoprolol; Dosis inicial: 1,25 mg; Dosis objetivo: 10 mg",
        "¿Cuál es la dosis inicial de bisoprolol?",
        &["La dosis inicial de bisoprolol es de 10 mg y la dosis objetivo es de 1,25 mg."],
        &[
            "La dosis inicial de bisoprolol es de 1,25 mg y la dosis objetivo es de 10 mg.",
            "De bisoprolol, 1,25 mg es la dosis inicial.",
        ],
    );
}

#[test]
fn a_number_under_a_general_name_is_not_told_under_a_narrower_one() {
    check(
        "Fármaco: Bisoprolol; Dosis: 1,25 mg; Dosis máxima: 10 mg",
        "¿Cuál es la dosis máxima de bisoprolol?",
        &["La dosis máxima de bisoprolol es de 1,25 mg."],
        &[
            "La dosis máxima de bisoprolol es de 10 mg.",
            "La dosis de bisoprolol es de 1,25 mg.",
        ],
    );
    check(
        "Fármaco: Bisoprolol; Dosis: 1,25 mg; Frecuencia cardíaca máxima: 70 lpm",
        "¿Cuál es la dosis de bisoprolol?",
        &["La dosis máxima de bisoprolol es de 1,25 mg."],
        &["La dosis de bisoprolol es de 1,25 mg."],
    );
}

#[test]
fn words_of_one_column_are_not_told_under_the_name_of_another() {
    check(
        "Fármaco: Dapagliflozina; Insuficiencia renal: reducir la dosis; Insuficiencia hepática: no usar",
        "¿Qué se hace con la dapagliflozina en insuficiencia hepática?",
        &[
            "En insuficiencia hepática, reducir la dosis de dapagliflozina.",
            "En insuficiencia hepática, usar dapagliflozina.",
        ],
        &[
            "En insuficiencia hepática, no usar dapagliflozina.",
            "En insuficiencia renal, reducir la dosis de dapagliflozina.",
        ],
    );
}

#[test]
fn a_semicolon_inside_a_cell_cuts_nothing_off() {
    check(
        "Fármaco: Eplerenona; Dosis: 25 mg; Precauciones: Vigilar potasio; no asociar con espironolactona",
        "¿Qué precauciones tiene la eplerenona?",
        &["Precauciones de eplerenona: asociar con espironolactona."],
        &["Precauciones de eplerenona: vigilar potasio y no asociar con espironolactona."],
    );
}

#[test]
fn a_row_keeps_the_limit_that_says_when_it_holds() {
    check(
        "Fármaco: Espironolactona; Potasio: > 6,0 mmol/l; Acción: suspender",
        "¿Cuándo se suspende la espironolactona?",
        &["Acción con espironolactona: suspender."],
        &["Acción con espironolactona y potasio > 6,0 mmol/l: suspender."],
    );
}
