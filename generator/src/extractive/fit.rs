//! Whether a sentence holds the kind of thing that a question wants.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::fold;

use crate::extractive::wanted::Kind;

/// How well the sentence holds a thing of this kind, 0 to 1.
pub(crate) fn fit(kind: Kind, sentence: &str) -> f32 {
    let folded = fold(sentence);
    let fits = match kind {
        Kind::Dose if has_quantity(&folded) => return 1.0,
        Kind::Dose => return if has_number(&folded) { 0.4 } else { 0.0 },
        Kind::Amount => has_number(&folded),
        Kind::Time => has_number(&folded) || has_word(&folded, &TIME_WORDS),
        Kind::Person => has_name(sentence) || has_word(&folded, &ROLES),
        Kind::Place => has_name(sentence),
        Kind::Contact => sentence.contains('@') || longest_digits(sentence) >= 3,
        Kind::Reason => has_word(&folded, &REASONS),
        Kind::Other => false,
    };
    f32::from(u8::from(fits))
}

fn words(list: &'static str) -> HashSet<&'static str> {
    list.split_whitespace().collect()
}

static UNITS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "mg mcg µg g kg ui ml l % mmhg lpm mmol meq pg ng comprimido comprimidos gotas horas h mg/24 \
     mg/dia mg/12 ml/min mmol/l meq/l pg/ml mg/dl mg/kg unidades",
    )
});
static NUMBER_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "dos tres cuatro cinco seis siete ocho nueve diez once doce quince veinte treinta cien ciento \
     mil millon millones mitad doble tercio cuarto quatre cinc sis set vuit nou deu onze dotze \
     quinze vint trenta cent milio milions meitat dous duas catro oito dez bi hiru lau bost sei \
     zazpi zortzi bederatzi hamar hogei ehun two three four five six seven eight nine ten twelve \
     hundred thousand million half twice",
    )
});
static TIME_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "dia dias dies semana semanas setmana setmanes mes meses mesos año años any anys ano anos \
     hora horas hores siglo siglos decada egun aste hilabete urte ordu day days week weeks month \
     months year years hour hours century inmediatamente anual mensual semanal diario diaria \
     diariamente lunes viernes",
    )
});
static ROLES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words(
        "medico medica metge metgessa medikua enfermera enfermero enfermeria infermera infermeria \
     erizaina cardiologo cardiologa cardiologia responsable direccion director directora servicio \
     servei servizo zerbitzua comision comissio comite consejo consell gobierno govern \
     departamento departament facultativo farmaceutico farmacia titular president presidenta \
     presidente rey reina doctor nurse physician cardiologist organo organ unidad equipo jefe \
     supervisora secretaria admision unitat equip",
    )
});
static REASONS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    words("porque debido para razon motivo perque atès degut delako zeren because due since pois")
});

fn has_word(folded: &str, words: &HashSet<&str>) -> bool {
    folded
        .split(|c: char| !c.is_alphanumeric() && c != '%' && c != '/')
        .any(|word| words.contains(word))
}

fn has_number(folded: &str) -> bool {
    folded.chars().any(char::is_numeric) || has_word(folded, &NUMBER_WORDS)
}

/// A number followed by a unit, with or without a space between.
fn has_quantity(folded: &str) -> bool {
    let mut after_number = false;
    for word in folded.split([' ', '\u{a0}', '\u{202f}', '(', ')', ';', '\n', '\t']) {
        let unit = word.trim_start_matches(|c: char| {
            c.is_numeric() || matches!(c, ',' | '.' | '-' | '–' | '/' | '<' | '>' | '≤' | '≥')
        });
        let numbered = unit.len() < word.len() && word.chars().any(char::is_numeric);
        let is_unit = UNITS.contains(unit.trim_end_matches(['.', ',', ':']));
        if is_unit && (numbered || (after_number && unit.len() == word.len())) {
            return true;
        }
        after_number = numbered || (after_number && word.is_empty());
    }
    false
}

fn longest_digits(sentence: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in sentence.chars() {
        if c.is_ascii_digit() {
            run += 1;
            longest = longest.max(run);
        } else if !matches!(c, ' ' | '.' | '-' | '\u{a0}') {
            run = 0;
        }
    }
    longest
}

/// A word with a capital that does not open the sentence.
fn has_name(sentence: &str) -> bool {
    sentence.split_whitespace().skip(1).any(|word| {
        word.trim_start_matches(|c: char| !c.is_alphanumeric())
            .chars()
            .next()
            .is_some_and(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dose_is_a_number_with_a_unit() {
        for text in [
            "Inicie 1,25 mg al día",
            "10mg",
            "≥ 35 %",
            "24/26 mg",
            "Dosis: 5\u{a0}mg",
        ] {
            assert!(has_quantity(&fold(text)), "{text}");
        }
        for text in [
            "Inicie a dosis bajas",
            "Tabla 3 de gramos",
            "en 2021 se midió",
        ] {
            assert!(!has_quantity(&fold(text)), "{text}");
        }
    }
}
