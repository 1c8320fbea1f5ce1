//! Numbers with their units, brought to one spelling: `1,25 mg`, `24/26 mg`, `≤ 35 %`, `mg/24 h`.

use crate::fold;

/// The spellings of each unit, folded; the first is the one kept. The words for lengths of time
/// are there in all languages, so that `2 semanas` and `2 setmanes` are one quantity.
const UNITS: &[&str] = &[
    "%",
    "‰",
    "kg",
    "g gr",
    "mg",
    "µg mcg mcgr ug",
    "ng",
    "pg",
    "l",
    "dl",
    "ml cc",
    "µl ul",
    "mol",
    "mmol",
    "µmol umol",
    "nmol",
    "pmol",
    "meq",
    "mosm",
    "ui iu",
    "mui",
    "u",
    "kcal",
    "kj",
    "mmhg",
    "cmh2o",
    "kpa",
    "m",
    "cm",
    "mm",
    "km",
    "m2 m²",
    "mv",
    "ms mseg",
    "hz",
    "ºc °c",
    "lpm bpm ppm lat/min latidos/min taupada/min",
    "rpm",
    "s seg segundo segundos segons second seconds segundu",
    "min minuto minutos minut minuts minute minutes minutu minutuz",
    "h hora horas hores hour hours ordu orduan orduz orduko",
    "d dia dias dies day days egun egunez eguneko",
    "sem semana semanas setmana setmanes week weeks aste astez asteko",
    "mes meses mesos month months hilabete hilabetez hilabeteko",
    "año años any anys ano anos year years urte urtez urteko",
];

/// A number with what belongs to it, in the spelling that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quantity {
    /// Keys, the most telling first: `≤35 %`, `35 %`, `35`.
    pub(super) keys: Vec<String>,
    /// Byte after the last of the quantity in the text.
    pub(super) end: usize,
}

/// Reads the quantity whose number stands at `start..end` of `text`.
pub(super) fn quantity(text: &str, start: usize, end: usize) -> Quantity {
    let (numbers, joined) = numbers(&text[start..end]);
    let unit = unit(&text[end..]);
    let mut keys = Vec::with_capacity(5);
    if let Some(unit) = &unit {
        let space = if unit.whole.starts_with('/') { "" } else { " " };
        if let Some(sign) = comparator(&text[..start]) {
            keys.push(format!("#{sign}{joined}{space}{}", unit.whole));
        }
        keys.push(format!("#{joined}{space}{}", unit.whole));
        if unit.base != unit.whole && !unit.base.is_empty() {
            keys.push(format!("#{joined} {}", unit.base));
        }
    }
    keys.push(format!("#{joined}"));
    if numbers.len() > 1 {
        keys.extend(numbers.iter().map(|number| format!("#{number}")));
    }
    Quantity {
        keys,
        end: end + unit.map_or(0, |unit| unit.length),
    }
}

/// `≤`, `<`, `≥` or `>` right before the number; `<=` and `>=` are read as the first and third.
fn comparator(before: &str) -> Option<char> {
    let before = before.trim_end();
    match before.chars().next_back()? {
        sign @ ('≤' | '≥' | '<' | '>') => Some(sign),
        '=' => match before[..before.len() - 1].chars().next_back()? {
            '<' => Some('≤'),
            '>' => Some('≥'),
            _ => None,
        },
        _ => None,
    }
}

/// The numbers in `run` in one spelling, apart and joined as they stand.
fn numbers(run: &str) -> (Vec<String>, String) {
    let mut apart = Vec::new();
    let mut joined = String::new();
    for part in run.split_inclusive(['-', '–', '/', '\u{2010}', '\u{2011}', '+']) {
        let digits = part.trim_end_matches(['-', '–', '/', '\u{2010}', '\u{2011}', '+']);
        let number = number(digits);
        joined.push_str(&number);
        if let Some(link) = part[digits.len()..].chars().next() {
            joined.push(if link == '/' || link == '+' {
                link
            } else {
                '-'
            });
        }
        apart.push(number);
    }
    (apart, joined)
}

/// One number: a stop for the decimals, none for the thousands, no zeros without meaning.
fn number(digits: &str) -> String {
    let thousands = |separator: char| {
        let mut groups = digits.split(separator);
        let first = groups.next().unwrap_or_default();
        let mut rest = groups.peekable();
        rest.peek().is_some()
            && (1..=3).contains(&first.len())
            && !first.starts_with('0')
            && rest.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))
    };
    if thousands('.') {
        return digits.replace('.', "");
    }
    let plain = digits.replacen(',', ".", 1);
    let decimal =
        plain.matches('.').count() == 1 && plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if decimal {
        plain.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        plain
    }
}

/// A unit read from the start of a text.
pub(super) struct Unit {
    /// In one spelling, with what it is divided by: `mg/24h`.
    pub(super) whole: String,
    /// Without what it is divided by: `mg`.
    pub(super) base: String,
    /// Bytes read.
    pub(super) length: usize,
}

/// Reads a unit, with whatever it is divided by, at the start of `text` (after at most one space).
pub(super) fn unit(text: &str) -> Option<Unit> {
    let mut at = space(text);
    let divided_only = text[at..].starts_with('/');
    let mut whole = String::new();
    if !divided_only {
        let (name, length) = simple(&text[at..])?;
        whole.push_str(name);
        at += length;
    }
    let base = whole.clone();
    while let Some(rest) = text[at..].strip_prefix('/') {
        let lead = rest.len() - rest.trim_start_matches(' ').len();
        let digits: usize = rest[lead..]
            .chars()
            .take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
            .map(char::len_utf8)
            .sum();
        let after = lead
            + digits
            + if digits > 0 {
                space(&rest[lead + digits..])
            } else {
                0
            };
        let Some((name, length)) = simple(&rest[after..]) else {
            break;
        };
        whole.push('/');
        if digits > 0 {
            whole.push_str(&number(&rest[lead..lead + digits]));
        }
        whole.push_str(name);
        at += 1 + after + length;
    }
    (!whole.is_empty()).then_some(Unit {
        whole,
        base,
        length: at,
    })
}

/// One unit at the very start of `text`, and its length.
fn simple(text: &str) -> Option<(&'static str, usize)> {
    let end = text
        .char_indices()
        .find(|(_, c)| !(c.is_alphanumeric() || matches!(c, '%' | '‰' | '°' | 'µ' | 'μ')))
        .map_or(text.len(), |(at, _)| at);
    // «lat/min» is one unit with a name of its own.
    let with_rate = text[end..].strip_prefix("/min").map(|_| end + 4);
    let candidates = [with_rate, Some(end)];
    candidates.into_iter().flatten().find_map(|end| {
        if end > 16 || end == 0 {
            return None;
        }
        let written = fold(&text[..end]);
        let found = UNITS.iter().find_map(|spellings| {
            let mut spellings = spellings.split(' ');
            let kept = spellings.clone().next()?;
            spellings
                .any(|spelling| spelling == written)
                .then_some(kept)
        });
        found.map(|kept| (kept, end))
    })
}

/// Bytes of the one space (or thin, or no-break space) that may stand before a unit.
fn space(text: &str) -> usize {
    match text.chars().next() {
        Some(c @ (' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')) => c.len_utf8(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let start = text.find(|c: char| c.is_ascii_digit()).unwrap();
        let rest = &text[start..];
        let length = rest
            .find(|c: char| !(c.is_numeric() || matches!(c, ',' | '.' | '/' | '-' | '–')))
            .unwrap_or(rest.len());
        let number = rest[..length].trim_end_matches(['/', '.', ',']);
        assert_eq!(
            quantity(text, start, start + number.len()).keys,
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_quantity_has_one_spelling() {
        check("1,25 mg", &["#1.25 mg", "#1.25"]);
        check("1.25mg", &["#1.25 mg", "#1.25"]);
        check("1.000 ml", &["#1000 ml", "#1000"]);
        check("0.125 mg", &["#0.125 mg", "#0.125"]);
        check("62,50 mcg", &["#62.5 µg", "#62.5"]);
        check("2 setmanes", &["#2 sem", "#2"]);
    }

    #[test]
    fn pairs_and_ranges_stay_whole_and_can_be_found_by_either_end() {
        check("24/26 mg", &["#24/26 mg", "#24/26", "#24", "#26"]);
        check("41–49 %", &["#41-49 %", "#41-49", "#41", "#49"]);
    }

    #[test]
    fn what_a_unit_is_divided_by_belongs_to_it() {
        check("40 mg/24 h", &["#40 mg/24h", "#40 mg", "#40"]);
        check("30 ml/min/1,73 m²", &["#30 ml/min/1.73m2", "#30 ml", "#30"]);
        check("50 lat/min", &["#50 lpm", "#50"]);
        check("125 pg/ml", &["#125 pg/ml", "#125 pg", "#125"]);
    }

    #[test]
    fn a_comparison_is_kept_beside_the_bare_quantity() {
        check("≤ 35 %", &["#≤35 %", "#35 %", "#35"]);
        check(
            ">= 5,5 mmol/l",
            &["#≥5.5 mmol/l", "#5.5 mmol/l", "#5.5 mmol", "#5.5"],
        );
    }

    #[test]
    fn a_word_that_only_begins_like_a_unit_is_none() {
        check("3 mujeres", &["#3"]);
        check("5 ganglios", &["#5"]);
    }
}
