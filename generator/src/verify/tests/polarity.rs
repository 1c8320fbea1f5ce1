//! Negations, exceptions, conditions: none is lost, added or moved.

use domain::{Language, SegmentKind};

use super::{is_shown, is_shown_in, never_shows, never_shows_in};
use SegmentKind::{Heading, ListItem, Paragraph};

const BISOPROLOL: &str = "¿Cuándo se usa el bisoprolol?";

#[test]
fn an_item_keeps_what_the_line_that_opens_its_list_says_of_yes_and_no() {
    let list = [
        (Paragraph, "No administre bisoprolol en:"),
        (ListItem, "bloqueo auriculoventricular de segundo grado;"),
        (ListItem, "asma grave."),
    ];
    never_shows(
        &list,
        BISOPROLOL,
        "Administre bisoprolol en bloqueo auriculoventricular de segundo grado.",
    );
    is_shown(
        &list,
        BISOPROLOL,
        "No administre bisoprolol en el asma grave.",
    );
    let list = [
        (Paragraph, "No use betabloqueantes en:"),
        (ListItem, "asma grave;"),
    ];
    let asked = "¿Se usan betabloqueantes en el asma grave?";
    never_shows(&list, asked, "Use betabloqueantes en el asma grave.");
    let list = [
        (Paragraph, "Suspenda el bisoprolol si:"),
        (ListItem, "hay bradicardia grave;"),
    ];
    never_shows(
        &list,
        BISOPROLOL,
        "Hay bradicardia grave con el bisoprolol.",
    );
    is_shown(
        &list,
        BISOPROLOL,
        "Suspenda el bisoprolol si hay bradicardia grave.",
    );
}

#[test]
fn a_heading_that_denies_or_stops_holds_for_what_stands_under_it() {
    let under = [
        (Heading, "Cuándo no administrar bisoprolol"),
        (Paragraph, "Bloqueo auriculoventricular de segundo grado."),
    ];
    never_shows(
        &under,
        BISOPROLOL,
        "Administrar bisoprolol: bloqueo auriculoventricular de segundo grado.",
    );
    is_shown(
        &under,
        BISOPROLOL,
        "No administrar bisoprolol cuando hay bloqueo auriculoventricular de segundo grado.",
    );
    let under = [
        (Heading, "Pautas de bisoprolol"),
        (
            Paragraph,
            "Administre bisoprolol en la insuficiencia cardíaca crónica.",
        ),
    ];
    is_shown(
        &under,
        BISOPROLOL,
        "El bisoprolol se administra en la insuficiencia cardíaca crónica.",
    );
}

#[test]
fn a_negation_belongs_to_the_word_that_it_denies() {
    for (source, claim) in [
        (
            "No suspenda el bisoprolol si el paciente no tiene síntomas.",
            "Suspenda el bisoprolol si el paciente no tiene síntomas.",
        ),
        (
            "El bisoprolol está contraindicado en el asma grave y no debe iniciarse.",
            "El bisoprolol no está contraindicado en el asma grave.",
        ),
        (
            "Inicie bisoprolol en pacientes sin congestión.",
            "No inicie bisoprolol en pacientes sin congestión.",
        ),
        (
            "Inicie bisoprolol en pacientes sin congestión.",
            "No inicie bisoprolol en pacientes con congestión.",
        ),
        (
            "Si no, suspenda el bisoprolol.",
            "No suspenda el bisoprolol si procede.",
        ),
        (
            "El bisoprolol no da mejoría ni reduce los edemas.",
            "El bisoprolol no da mejoría y reduce los edemas.",
        ),
        (
            "Inicie bisoprolol en ausencia de congestión.",
            "Inicie bisoprolol en caso de congestión.",
        ),
        (
            "Inicie bisoprolol a menos que la FC sea menor de 50 lpm.",
            "Inicie bisoprolol con FC menor de 50 lpm.",
        ),
        (
            "Inicie bisoprolol salvo que haya congestión.",
            "Inicie bisoprolol cuando haya congestión.",
        ),
    ] {
        never_shows(&[(Paragraph, source)], BISOPROLOL, claim);
    }
    for (source, claim) in [
        (
            "No suspenda el bisoprolol si el paciente no tiene síntomas.",
            "Si el paciente no presenta síntomas, no se debe suspender el bisoprolol.",
        ),
        (
            "Inicie bisoprolol en pacientes sin congestión.",
            "El bisoprolol se inicia en pacientes que no tienen congestión.",
        ),
        (
            "Inicie bisoprolol a menos que la FC sea menor de 50 lpm.",
            "El bisoprolol se inicia a menos que la FC sea menor de 50 lpm.",
        ),
    ] {
        is_shown(&[(Paragraph, source)], BISOPROLOL, claim);
    }
}

#[test]
fn a_negation_is_told_in_every_language_whatever_the_document_is_tagged_with() {
    let spanish = [(Paragraph, "No iniciar betabloqueante con FC < 50 lpm.")];
    let asked = "¿Cuándo no se inicia el betabloqueante?";
    for tagged in [Language::Galician, Language::Basque, Language::Catalan] {
        let both = (tagged, Language::Spanish);
        never_shows_in(
            both,
            &spanish,
            asked,
            "Iniciar betabloqueante con FC < 50 lpm.",
        );
        is_shown_in(
            both,
            &spanish,
            asked,
            "No se debe iniciar betabloqueante con FC < 50 lpm.",
        );
    }
    for (language, source, asked, lost, kept) in [
        (
            Language::Catalan,
            "No inicieu bisoprolol si no hi ha congestió.",
            "Quan s'inicia el bisoprolol?",
            "Inicieu bisoprolol si no hi ha congestió.",
            "Si no hi ha congestió, no inicieu bisoprolol.",
        ),
        (
            Language::Galician,
            "Non inicie bisoprolol se o doente non ten conxestión.",
            "Cando se inicia o bisoprolol?",
            "Inicie bisoprolol se o doente non ten conxestión.",
            "Se o doente non ten conxestión, non inicie bisoprolol.",
        ),
        (
            Language::Basque,
            "Ez hasi bisoprolol sintomarik ez badago.",
            "Noiz hasi bisoprolol?",
            "Hasi bisoprolol sintomarik ez badago.",
            "Sintomarik ez badago, ez hasi bisoprolol.",
        ),
    ] {
        let both = (language, language);
        never_shows_in(both, &[(Paragraph, source)], asked, lost);
        is_shown_in(both, &[(Paragraph, source)], asked, kept);
    }
}

#[test]
fn a_condition_or_threshold_is_not_left_out() {
    let asked = "¿Cuándo se suspende la espironolactona?";
    for source in [
        "Con potasio > 6,0 mmol/l, suspenda la espironolactona.",
        "En caso de hiperpotasemia, suspenda la espironolactona.",
        "Ante hiperpotasemia, suspenda la espironolactona.",
        "Con insuficiencia renal grave, suspenda la espironolactona.",
    ] {
        never_shows(
            &[(Paragraph, source)],
            asked,
            "Suspenda la espironolactona.",
        );
    }
    let led = [
        (Paragraph, "Con potasio > 6,0 mmol/l:"),
        (ListItem, "suspenda la espironolactona;"),
    ];
    never_shows(&led, asked, "La espironolactona se suspende.");
    is_shown(
        &[(
            Paragraph,
            "Con potasio > 6,0 mmol/l, suspenda la espironolactona.",
        )],
        asked,
        "Suspenda la espironolactona con un potasio superior a 6,0 mmol/l.",
    );
    is_shown(
        &[(
            Paragraph,
            "En caso de hiperpotasemia, suspenda la espironolactona.",
        )],
        asked,
        "Se debe suspender la espironolactona si hay hiperpotasemia.",
    );
    for (language, source, asked, lost, kept) in [
        (
            Language::Catalan,
            "Suspeneu l'espironolactona en cas d'hiperpotassèmia.",
            "Quan se suspèn l'espironolactona?",
            "Suspeneu l'espironolactona.",
            "En cas d'hiperpotassèmia, suspeneu l'espironolactona.",
        ),
        (
            Language::Galician,
            "Suspenda a espironolactona se hai hiperpotasemia.",
            "Cando se suspende a espironolactona?",
            "Suspenda a espironolactona.",
            "Se hai hiperpotasemia, suspenda a espironolactona.",
        ),
        (
            Language::Basque,
            "Eten espironolaktona hiperpotasemia badago.",
            "Noiz eten espironolaktona?",
            "Eten espironolaktona.",
            "Hiperpotasemia badago, eten espironolaktona.",
        ),
    ] {
        let both = (language, language);
        never_shows_in(both, &[(Paragraph, source)], asked, lost);
        is_shown_in(both, &[(Paragraph, source)], asked, kept);
    }
}
