//! Values asked about and the ranges that documents state: a potassium of 6.2 is found in the row
//! «> 6,0». For choosing what to quote; nothing read here is ever shown.

use domain::fold;

/// A stretch of numbers that a text states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stated {
    low: f64,
    low_open: bool,
    high: f64,
    high_open: bool,
    /// A bare number, with no comparison and no second end.
    is_point: bool,
    /// The folded word after it, possibly empty.
    unit: String,
}

impl Stated {
    /// Whether both state the same stretch of numbers, whatever their units.
    pub(crate) fn is_same_range(&self, other: &Self) -> bool {
        self.is_point == other.is_point
            && self.low == other.low
            && self.high == other.high
            && self.low_open == other.low_open
            && self.high_open == other.high_open
    }

    /// Whether it is a bare number.
    pub(crate) fn is_point(&self) -> bool {
        self.is_point
    }

    /// Whether it has one end alone: «> 6,0».
    pub(crate) fn is_open(&self) -> bool {
        self.low.is_infinite() || self.high.is_infinite()
    }

    fn contains(&self, value: f64) -> bool {
        let above = if self.low_open {
            value > self.low
        } else {
            value >= self.low
        };
        let below = if self.high_open {
            value < self.high
        } else {
            value <= self.high
        };
        above && below
    }

    /// Whether what is asked (a value, or all beyond one) falls in this range of a document.
    fn answers(&self, asked: &Self) -> bool {
        let step = 1e-6 * asked.low.abs().max(asked.high.abs().min(1e9)).max(1.0);
        match (asked.low.is_finite(), asked.high.is_finite()) {
            (true, true) => self.contains(asked.low),
            (true, false) => {
                let value = if asked.low_open {
                    asked.low + step
                } else {
                    asked.low
                };
                self.contains(value) || self.low >= asked.low
            }
            (false, true) => {
                let value = if asked.high_open {
                    asked.high - step
                } else {
                    asked.high
                };
                self.contains(value) || self.high <= asked.high
            }
            (false, false) => false,
        }
    }
}

/// What a question says of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AskedValue(Stated);

impl AskedValue {
    /// The value that the words of a concept stand for in the question.
    pub(crate) fn of(question: &str, surface: &str) -> Option<Self> {
        let number = |text: &str| stated(text).first().map(|one| (one.low, one.high));
        let (low, high) = number(surface)?;
        stated(question)
            .into_iter()
            .find(|one| one.low == low || one.high == high || one.low == high || one.high == low)
            .map(|mut one| {
                if NO_UNITS.contains(&one.unit.as_str()) {
                    one.unit.clear();
                }
                Self(one)
            })
    }

    /// Whether a cell or sentence states a range for this value; `None` where it states none that
    /// could be compared. `is_same_thing` tells whether it names what the value is of.
    pub(crate) fn found_in(&self, clause: &str, is_same_thing: bool) -> Option<bool> {
        let Self(asked) = self;
        let folded = fold(clause);
        let comparable: Vec<Stated> = stated(clause)
            .into_iter()
            .filter(|range| !range.is_point)
            .filter(
                |range| match (asked.unit.is_empty(), range.unit.is_empty()) {
                    (true, _) => is_same_thing,
                    (false, false) => same_unit(&asked.unit, &range.unit),
                    (false, true) => is_same_thing && folded.contains(&asked.unit),
                },
            )
            .collect();
        if comparable.is_empty() {
            return None;
        }
        Some(comparable.iter().any(|range| range.answers(asked)))
    }
}

/// Words that follow a number in a question and are no unit of it, folded.
const NO_UNITS: &[&str] = &[
    "con", "en", "y", "o", "si", "de", "del", "que", "a", "al", "tras", "por", "para", "sin", "es",
    "amb", "i", "e", "eta", "edo", "with", "in", "and", "or", "if", "of",
];

fn same_unit(one: &str, other: &str) -> bool {
    let stem = |unit: &str| unit.trim_end_matches('s').to_owned();
    stem(one) == stem(other)
}

/// Comparisons in words, folded; whether they open upwards, and whether they leave the end out.
/// A cue that ends with `*` is the beginning of a word: «inferior*» is also «inferiores».
const WORDS: &[(&str, bool, bool)] = &[
    ("mayor o igual", true, false),
    ("menor o igual", false, false),
    ("mayores o iguales", true, false),
    ("menores o iguales", false, false),
    ("superior o igual", true, false),
    ("inferior o igual", false, false),
    ("igual o mayor", true, false),
    ("igual o superior", true, false),
    ("igual o menor", false, false),
    ("igual o inferior", false, false),
    ("al menos", true, false),
    ("por lo menos", true, false),
    ("como minimo", true, false),
    ("como maximo", false, false),
    ("como mucho", false, false),
    ("a partir de", true, false),
    ("mayor*", true, true),
    ("mas de", true, true),
    ("superior*", true, true),
    ("por encima", true, true),
    ("supera*", true, true),
    ("supere*", true, true),
    ("exced*", true, true),
    ("sobrepas*", true, true),
    ("rebas*", true, true),
    ("menor*", false, true),
    ("menos de", false, true),
    ("inferior*", false, true),
    ("por debajo", false, true),
    ("hasta", false, false),
    // Catalan
    ("major*", true, true),
    ("mes de", true, true),
    ("mes gran*", true, true),
    ("per sobre", true, true),
    ("per damunt", true, true),
    ("superi", true, true),
    ("superin", true, true),
    ("excedeix*", true, true),
    ("menys de", false, true),
    ("per sota", false, true),
    ("fins", false, false),
    ("fins a", false, false),
    ("com a maxim", false, false),
    ("com a molt", false, false),
    ("com a minim", true, false),
    ("almenys", true, false),
    ("a partir d", true, false),
    // Galician
    ("mais de", true, true),
    ("maior*", true, true),
    ("por riba", true, true),
    ("por baixo", false, true),
    ("ata", false, false),
    ("como moito", false, false),
    ("polo menos", true, false),
    ("cando menos", true, false),
    // Basque
    ("gutxienez", true, false),
    ("gehienez", false, false),
    // English
    ("over", true, true),
    ("above", true, true),
    ("more than", true, true),
    ("greater than", true, true),
    ("higher than", true, true),
    ("exceed*", true, true),
    ("at least", true, false),
    ("under", false, true),
    ("below", false, true),
    ("less than", false, true),
    ("lower than", false, true),
    ("up to", false, false),
    ("at most", false, false),
];

/// Comparisons that stand after the number and its unit, as the ones before it.
const AFTER: &[(&str, bool, bool)] = &[
    ("o mas", true, false),
    ("o superior*", true, false),
    ("o mayor*", true, false),
    ("en adelante", true, false),
    ("como minimo", true, false),
    ("al menos", true, false),
    ("o menos", false, false),
    ("o inferior*", false, false),
    ("o menor*", false, false),
    ("como maximo", false, false),
    ("como mucho", false, false),
    ("o mes", true, false),
    ("o major*", true, false),
    ("com a minim", true, false),
    ("o menys", false, false),
    ("com a maxim", false, false),
    ("com a molt", false, false),
    ("ou mais", true, false),
    ("ou superior*", true, false),
    ("ou maior*", true, false),
    ("ou menos", false, false),
    ("ou inferior*", false, false),
    ("ou menor*", false, false),
    ("como moito", false, false),
    ("edo gehiago", true, false),
    ("edo handiago*", true, false),
    ("edo altuago*", true, false),
    ("edo gutxiago", false, false),
    ("edo txikiago*", false, false),
    ("edo baxuago*", false, false),
    ("baino gehiago", true, true),
    ("baino handiago*", true, true),
    ("baino altuago*", true, true),
    ("baino gutxiago", false, true),
    ("baino txikiago*", false, true),
    ("baino baxuago*", false, true),
    ("arte", false, false),
    ("gutxienez", true, false),
    ("gehienez", false, false),
    ("or more", true, false),
    ("or higher", true, false),
    ("or above", true, false),
    ("or greater", true, false),
    ("or less", false, false),
    ("or lower", false, false),
    ("or below", false, false),
];

/// Whether `text` begins with a cue, and the rest after it. A cue of [`WORDS`] or [`AFTER`].
fn after_cue<'a>(text: &'a str, cue: &str) -> Option<&'a str> {
    let inside = |c: char| c.is_alphanumeric();
    match cue.strip_suffix('*') {
        Some(stem) => {
            let rest = text.strip_prefix(stem)?;
            Some(rest.trim_start_matches(inside))
        }
        None => text
            .strip_prefix(cue)
            .filter(|rest| !rest.starts_with(inside)),
    }
}

/// Whether a folded word only compares the number after it.
pub(crate) fn compares(word: &str) -> bool {
    matches!(
        word,
        "partir" | "encima" | "debajo" | "igual" | "supera" | "superior" | "inferior"
    ) || WORDS.iter().any(|(words, ..)| {
        let first = words.split(' ').next().unwrap_or_default();
        // «mes» is a month, «over» stands in names: only of a cue of one word its forms count.
        first == word || *words == first && after_cue(word, first) == Some("")
    })
}

/// The numbers and ranges of a text, in order.
pub(crate) fn stated(text: &str) -> Vec<Stated> {
    let folded = fold(&plain_signs(text));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = folded[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let (first, mut end) = number(&folded, start);
        at = end;
        // A digit inside a word is part of a name: «SGLT2», «B12».
        let glued = folded[..start]
            .chars()
            .next_back()
            .is_some_and(char::is_alphabetic);
        let (Some(first), false) = (first, glued) else {
            continue;
        };
        let comparison = comparison(&folded[..start]);
        let mut second = None;
        let rest = &folded[end..];
        let gap = rest.len() - rest.trim_start().len();
        if let Some(joint) = ["–", "-", "—", "a ", "y ", "i ", "to "]
            .iter()
            .find(|joint| rest[gap..].starts_with(**joint))
        {
            let after = end + gap + joint.len();
            let after = after + (folded[after..].len() - folded[after..].trim_start().len());
            if folded[after..].starts_with(|c: char| c.is_ascii_digit()) {
                let (other, other_end) = number(&folded, after);
                if other.is_some_and(|other| other > first) {
                    second = other;
                    end = other_end;
                    at = end;
                }
            }
        }
        let unit = folded[end..].trim_start();
        let unit: String = unit
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '%' | '/' | 'µ' | '²' | '³'))
            .collect();
        let after_unit = folded[end..]
            .trim_start()
            .get(unit.len()..)
            .unwrap_or_default();
        let comparison = comparison.or_else(|| comparison_after(&folded[end..], after_unit));
        let unit = unit.trim_start_matches('/').to_owned();
        let range = |low, low_open, high, high_open, is_point| Stated {
            low,
            low_open,
            high,
            high_open,
            is_point,
            unit,
        };
        found.push(match (comparison, second) {
            (Some((true, open)), Some(second)) => range(first, open, second, false, false),
            (_, Some(second)) => range(first, false, second, false, false),
            (Some((true, open)), None) => range(first, open, f64::INFINITY, true, false),
            (Some((false, open)), None) => range(f64::NEG_INFINITY, true, first, open, false),
            (None, None) => range(first, false, first, false, true),
        });
    }
    found
}

/// The signs of comparison that look otherwise, in the spelling that is read. «Not less than» is
/// taken apart before folding drops its stroke.
fn plain_signs(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        '⩽' | '≦' | '≯' | '⪯' | '≲' => '≤',
        '⩾' | '≧' | '≮' | '⪰' | '≳' => '≥',
        '＜' => '<',
        '＞' => '>',
        other => other,
    });
    plain.collect()
}

/// The comparison after a number: right after it, after its unit, or after what that is divided by.
fn comparison_after(after_number: &str, after_unit: &str) -> Option<(bool, bool)> {
    // «50 latidos por minuto o más», «30 mg/24 h o más», «10 mg al día como máximo»
    let divided = match after_unit.trim_start().split_once(' ') {
        Some(("por" | "per" | "al" | "cada", rest)) => rest.split_once(' ').map(|(_, rest)| rest),
        Some(("h" | "horas" | "hores" | "min", rest)) => Some(rest),
        _ => None,
    };
    [Some(after_number), Some(after_unit), divided]
        .into_iter()
        .flatten()
        .find_map(|text| {
            let text = text.trim_start();
            AFTER
                .iter()
                .filter(|(cue, ..)| after_cue(text, cue).is_some())
                .max_by_key(|(cue, ..)| cue.len())
                .map(|(_, upwards, open)| (*upwards, *open))
        })
}

/// Words that may stand between a comparison and its number.
const SMALL: &[&str] = &[
    "de", "a", "ao", "aos", "als", "los", "las", "os", "as", "que", "o", "igual", "d", "els",
    "les", "to", "than", "the", "en", "un", "una",
];

/// The comparison right before a number: upwards or not, and whether the end is left out.
fn comparison(before: &str) -> Option<(bool, bool)> {
    let before = before.trim_end();
    for (sign, upwards, open) in [
        ("≥", true, false),
        (">=", true, false),
        ("≤", false, false),
        ("<=", false, false),
        (">", true, true),
        ("<", false, true),
    ] {
        if before.ends_with(sign) {
            return Some((upwards, open));
        }
    }
    // «mayor de», «superior a», «por debajo de los»: at most two small words lie between.
    let mut words: Vec<&str> = before.rsplitn(6, ' ').take(5).collect();
    words.reverse();
    let close = words.join(" ");
    WORDS
        .iter()
        .filter(|(cue, ..)| {
            let stem = cue.trim_end_matches('*');
            close.rfind(stem).is_some_and(|place| {
                let whole = place == 0 || close[..place].ends_with([' ', '(', '¿', '\'', '’']);
                let rest = after_cue(&close[place..], cue);
                whole
                    && rest.is_some_and(|rest| {
                        let mut small = rest.split([' ', '\'', '’']);
                        small.all(|word| word.is_empty() || SMALL.contains(&word))
                    })
            })
        })
        .max_by_key(|(cue, ..)| cue.len())
        .map(|(_, upwards, open)| (*upwards, *open))
}

/// The number that begins at `start` and the byte after it; `None` for what is no number (`1.2.3`).
fn number(text: &str, start: usize) -> (Option<f64>, usize) {
    let digits = text[start..]
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .map_or(text.len(), |length| start + length);
    let written = text[start..digits].trim_end_matches(['.', ',']);
    let end = start + written.len();
    // «1.800» is a thousand and eight hundred in Spanish, «2.5» two and a half in English.
    let thousands =
        written.split('.').skip(1).all(|group| group.len() == 3) && !written.starts_with("0.");
    let plain = if thousands {
        written.replace('.', "")
    } else {
        written.to_owned()
    };
    (plain.replace(',', ".").parse().ok(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, surface: &str, clause: &str, expected: Option<bool>) {
        let asked = AskedValue::of(question, surface).unwrap();
        assert_eq!(
            asked.found_in(clause, true),
            expected,
            "{question} / {clause}"
        );
    }

    #[test]
    fn a_value_is_found_in_the_range_that_holds_it() {
        let asked = "¿Qué hago si el potasio es de 6,2 mmol/l?";
        check(asked, "6,2 mmol/l", "Potasio (mmol/l): > 6,0", Some(true));
        check(
            asked,
            "6,2 mmol/l",
            "Potasio (mmol/l): 5,1–5,5",
            Some(false),
        );
        check(asked, "6,2 mmol/l", "potasio > 6,0 mmol/l", Some(true));
        check(asked, "6,2 mmol/l", "FGe < 20 ml/min", None);
    }

    #[test]
    fn what_lies_beyond_a_value_is_found_in_the_ranges_beyond_it() {
        let asked = "¿Qué hago si el potasio es mayor de 5,5?";
        check(asked, "5,5", "Potasio (mmol/l): 5,1–5,5", Some(false));
        check(asked, "5,5", "Potasio (mmol/l): > 5,5–6,0", Some(true));
        check(asked, "5,5", "Potasio (mmol/l): > 6,0", Some(true));
        let age = "¿NT-proBNP en mayores de 75 años?";
        check(age, "75 años", "Edad: ≥ 75 años: confirma", Some(true));
        check(age, "75 años", "Edad: < 50 años: confirma", Some(false));
        check(age, "75 años", "Edad: 50–74 años", Some(false));
        check(age, "75 años", "NT-proBNP: ≥ 450 pg/ml", None);
    }

    #[test]
    fn a_comparison_is_read_in_its_forms_and_languages_before_and_after_the_number() {
        let read = |text: &str| {
            let all = stated(text);
            let one = all.first().expect("there is a number");
            (
                one.low.is_finite(),
                one.high.is_finite(),
                one.low_open,
                one.high_open,
            )
        };
        let (over, from) = ((true, false, true, true), (true, false, false, true));
        let (under, to) = ((false, true, true, true), (false, true, true, false));
        for (text, expected) in [
            ("cifras superiores a 50 lpm", over),
            ("cifras inferiores a 50 lpm", under),
            ("si supera los 50 lpm", over),
            ("si superan 50 lpm", over),
            ("cuando exceda de 50 lpm", over),
            ("si excede 50 lpm", over),
            ("valors superiors a 50", over),
            ("valores maiores de 50", over),
            ("fins a 50 mg", to),
            ("com a màxim 50 mg", to),
            ("almenys 50 mg", from),
            ("ata 50 mg", to),
            ("50 lpm o más", from),
            ("50 latidos por minuto o más", from),
            ("50 mg o menos", to),
            ("50 mg o més", from),
            ("50 mg ou máis", from),
            ("50 mg edo gehiago", from),
            ("50 mg edo gutxiago", to),
            ("50 mg baino gehiago", over),
            ("50 mg como máximo", to),
            ("⩽ 50", to),
            ("⩾ 50", from),
            ("≦ 50", to),
            ("≧ 50", from),
            ("≮ 50", from),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for point in ["50 mg y más agua", "la dosis es de 50 mg", "el mes 50"] {
            assert!(stated(point)[0].is_point, "{point}");
        }
    }

    #[test]
    fn thousands_and_decimals_are_told_apart() {
        let numbers = |text: &str| stated(text).iter().map(|one| one.low).collect::<Vec<_>>();
        assert_eq!(numbers("1.800 y 2,5 y SGLT2 y 0.125"), [1800.0, 2.5, 0.125]);
    }
}
