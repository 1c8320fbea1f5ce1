//! Numbers, their units, how often, and what they belong to.

use domain::{Language, SegmentKind};

use super::{
    is_shown, is_shown_in, is_shown_under, never_shows, never_shows_in, never_shows_under,
};
use SegmentKind::{Heading, Paragraph};

const DOSE: &str = "¿Cuál es la dosis inicial de bisoprolol?";

fn prose(asked: &str, source: &str, wrong: &[&str], right: &[&str]) {
    for claim in wrong {
        never_shows(&[(Paragraph, source)], asked, claim);
    }
    for claim in right {
        is_shown(&[(Paragraph, source)], asked, claim);
    }
}

#[test]
fn the_drug_of_a_dose_is_that_of_its_innermost_heading() {
    let (title, section) = ("Protocolo de bisoprolol y carvedilol", "Carvedilol");
    let text = [(
        Paragraph,
        "La dosis inicial es de 3,125 mg dos veces al día.",
    )];
    never_shows_under(
        (title, section),
        &text,
        DOSE,
        "La dosis inicial de bisoprolol es de 3,125 mg dos veces al día.",
    );
    is_shown_under(
        (title, section),
        &text,
        "¿Cuál es la dosis inicial de carvedilol?",
        "La dosis inicial de carvedilol es de 3,125 mg dos veces al día.",
    );
    let inner = [(Heading, "Carvedilol en ancianos"), text[0]];
    never_shows_under(
        (title, "Bisoprolol"),
        &inner,
        DOSE,
        "La dosis inicial de bisoprolol es de 3,125 mg dos veces al día.",
    );
}

#[test]
fn a_comparison_is_not_turned_round_in_any_of_its_forms() {
    let asked = "¿Cuándo no se inicia el bisoprolol?";
    for (source, wrong, right) in [
        (
            "No inicie bisoprolol con cifras inferiores a 50 lpm.",
            "No inicie bisoprolol con cifras superiores a 50 lpm.",
            "No se inicia bisoprolol con cifras menores de 50 lpm.",
        ),
        (
            "No inicie bisoprolol con una frecuencia de 50 lpm o menos.",
            "No inicie bisoprolol con una frecuencia de 50 lpm o más.",
            "No se inicia el bisoprolol con una frecuencia de 50 lpm o menos.",
        ),
        (
            "No inicie bisoprolol con FC ⩽ 50 lpm.",
            "No inicie bisoprolol con FC ⩾ 50 lpm.",
            "No se inicia bisoprolol con FC ≤ 50 lpm.",
        ),
        (
            "No inicie bisoprolol si las cifras no superan los 50 lpm.",
            "No inicie bisoprolol si las cifras son de 50 lpm.",
            "Si las cifras no superan los 50 lpm, no inicie bisoprolol.",
        ),
    ] {
        prose(asked, source, &[wrong], &[right]);
    }
    for (language, source, wrong, right) in [
        (
            Language::Catalan,
            "Augmenteu el bisoprolol fins a 10 mg.",
            "Augmenteu el bisoprolol 10 mg.",
            "El bisoprolol s'augmenta com a màxim fins a 10 mg.",
        ),
        (
            Language::Galician,
            "Aumente o bisoprolol ata 10 mg.",
            "Aumente o bisoprolol 10 mg.",
            "O bisoprolol auméntase ata 10 mg.",
        ),
        (
            Language::Basque,
            "Eten bisoprolol 50 lpm edo gutxiago badago.",
            "Eten bisoprolol 50 lpm edo gehiago badago.",
            "50 lpm edo gutxiago badago, eten bisoprolol.",
        ),
    ] {
        let asked = "Bisoprolol?";
        never_shows_in((language, language), &[(Paragraph, source)], asked, wrong);
        if language != Language::Catalan {
            is_shown_in((language, language), &[(Paragraph, source)], asked, right);
        }
    }
}

#[test]
fn how_often_and_in_what_part_is_told_as_it_stands() {
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de 3,125 mg dos veces al día.",
        &[
            "La dosis inicial de bisoprolol es de 3,125 mg una vez al día.",
            "La dosis inicial de bisoprolol es de 3,125 mg al día.",
            "La dosis inicial de bisoprolol es de 3,125 mg.",
        ],
        &["El bisoprolol tiene una dosis inicial de 3,125 mg dos veces al día."],
    );
    prose(
        "¿Cada cuánto se dobla la dosis de bisoprolol?",
        "La dosis de bisoprolol se dobla cada dos semanas.",
        &[
            "La dosis de bisoprolol se dobla cada semana.",
            "La dosis de bisoprolol se dobla cada doce semanas.",
        ],
        &["Se debe doblar la dosis de bisoprolol cada dos semanas."],
    );
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de ½ comprimido.",
        &[
            "La dosis inicial de bisoprolol es de ¼ comprimido.",
            "La dosis inicial de bisoprolol es de un comprimido.",
        ],
        &["El bisoprolol tiene una dosis inicial de ½ comprimido."],
    );
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de 5 mg por kg de peso.",
        &["La dosis inicial de bisoprolol es de 5 mg."],
        &["El bisoprolol tiene una dosis inicial de 5 mg/kg de peso."],
    );
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.",
        &["La dosis inicial de bisoprolol es de 1,25 mg dos veces al día."],
        &[
            "La dosis inicial de bisoprolol es de 1,25 mg.",
            "La dosis inicial de bisoprolol es de 1,25 mg/día.",
        ],
    );
    for (language, source, wrong) in [
        (
            Language::Catalan,
            "La dosi de bisoprolol és de 3,125 mg dues vegades al dia.",
            "La dosi de bisoprolol és de 3,125 mg un cop al dia.",
        ),
        (
            Language::Galician,
            "A dose de bisoprolol é de 3,125 mg dúas veces ao día.",
            "A dose de bisoprolol é de 3,125 mg unha vez ao día.",
        ),
        (
            Language::Basque,
            "Bisoprololaren dosia 3,125 mg da egunean bi aldiz.",
            "Bisoprololaren dosia 3,125 mg da egunean behin.",
        ),
    ] {
        never_shows_in(
            (language, language),
            &[(Paragraph, source)],
            "Bisoprolol?",
            wrong,
        );
    }
}

#[test]
fn of_two_drugs_or_doses_in_a_sentence_none_gets_the_number_of_the_other() {
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de 1,25 mg y la de carvedilol es de 3,125 mg.",
        &["La dosis inicial de bisoprolol es de 3,125 mg."],
        &["La dosis inicial de bisoprolol es de 1,25 mg."],
    );
    prose(
        DOSE,
        "La dosis inicial de bisoprolol es de 1,25 mg y la dosis objetivo es de 10 mg.",
        &[
            "La dosis inicial de bisoprolol es de 10 mg.",
            "La dosis objetivo de bisoprolol es de 1,25 mg y la inicial es de 10 mg.",
        ],
        &[
            "La dosis inicial del bisoprolol es 1,25 mg y la dosis objetivo 10 mg.",
            "La dosis inicial de bisoprolol es de 1,25 mg.",
        ],
    );
    prose(
        "¿Cómo se sube el bisoprolol?",
        "Suba el bisoprolol de 5 mg a 10 mg.",
        &[
            "Suba el bisoprolol de 10 mg.",
            "Suba el bisoprolol de 5 mg.",
        ],
        &["El documento indica: suba el bisoprolol de 5 mg a 10 mg."],
    );
    prose(
        "¿Se usa sacubitrilo o enalapril?",
        "Use sacubitrilo en lugar de enalapril.",
        &[
            "Use enalapril en lugar de sacubitrilo.",
            "Use sacubitrilo con enalapril.",
        ],
        &[],
    );
    prose(
        "¿Cuál es la dosis de sacubitrilo/valsartán?",
        "La dosis inicial de sacubitrilo/valsartán es de 24/26 mg dos veces al día.",
        &[],
        &["El sacubitrilo/valsartán tiene una dosis inicial de 24/26 mg dos veces al día."],
    );
}

#[test]
fn every_word_of_substance_stands_in_the_source() {
    let asked = "¿Cuándo se inicia el bisoprolol?";
    for (source, wrong, right) in [
        (
            "Vigile la hiperpotasemia con bisoprolol durante siete días.",
            "Vigile la hipopotasemia con bisoprolol durante siete días.",
            "El documento recomienda vigilar la hiperpotasemia con bisoprolol durante siete días.",
        ),
        (
            "Vigile la hiperpotasemia con bisoprolol durante siete días.",
            "Vigile la hiperpotasemia con bisoprolol durante catorce días.",
            "La hiperpotasemia se debe vigilar con bisoprolol durante siete días.",
        ),
        (
            "Inicie bisoprolol en la insuficiencia cardíaca con fracción reducida.",
            "Inicie bisoprolol en la insuficiencia cardíaca con fracción preservada.",
            "El bisoprolol se inicia en la insuficiencia cardíaca con fracción reducida.",
        ),
        (
            "Inicie bisoprolol tras la insuficiencia cardíaca aguda.",
            "Inicie bisoprolol tras la insuficiencia cardíaca crónica.",
            "El bisoprolol se inicia tras la insuficiencia cardíaca aguda.",
        ),
        (
            "Inicie bisoprolol con 2 comprimidos antes de la cena.",
            "Inicie bisoprolol con 2 ampollas antes de la cena.",
            "El bisoprolol se inicia con 2 comprimidos antes de la cena.",
        ),
        (
            "Inicie bisoprolol con 2 comprimidos antes de la cena.",
            "Inicie bisoprolol con 2 comprimidos después de la cena.",
            "Se recomienda iniciar bisoprolol con 2 comprimidos antes de la cena.",
        ),
    ] {
        prose(asked, source, &[wrong], &[right]);
    }
}

#[test]
fn what_a_heading_says_does_not_turn_round_what_its_sentence_says() {
    never_shows_under(
        ("Protocolo de insuficiencia cardíaca crónica", "Bisoprolol"),
        &[(
            Paragraph,
            "No inicie bisoprolol en la insuficiencia cardíaca aguda.",
        )],
        "¿Cuándo no se inicia el bisoprolol?",
        "No inicie bisoprolol en la insuficiencia cardíaca crónica.",
    );
}
