//! The amounts of a text: quantities with what they are divided by, and numbers that are written in
//! words, as fractions or without a unit.

use domain::{Analyzer, Term, TermKind};

use super::words::{Word, is_fraction, joins, words};

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measure {
    /// One spelling: `1.25 mg`, `5 mg/kg`, `40 mg/d`.
    key: String,
    /// The same without `/d` where it is taken once a day: then it is also the single dose.
    single: Option<String>,
    /// Without what the words after it divide it by.
    pub(super) base: String,
    /// Bytes of the text, without those words.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Measure {
    /// Whether both are one amount.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
            || self.single.as_ref() == Some(&other.key)
            || other.single.as_ref() == Some(&self.key)
            || self.single.is_some() && self.single == other.single
    }

    /// The unit before any division; empty for a bare number.
    pub(super) fn unit(&self) -> &str {
        self.base.split_once(' ').map_or("", |(_, unit)| unit)
    }

    /// Whether it is divided by a unit that the folded word names.
    pub(super) fn is_per(&self, word: &str) -> bool {
        divisor(word).is_some_and(|unit| self.key.ends_with(&format!("/{unit}")))
    }
}

/// The quantities among the terms of a text, in order.
pub(super) fn measures(text: &str, terms: &[Term]) -> Vec<Measure> {
    let mut found = Vec::new();
    let mut covered = 0;
    for term in terms.iter().filter(|term| term.kind == TermKind::Quantity) {
        // The first key of a quantity is its fullest; those that follow are its parts.
        if term.start < covered {
            continue;
        }
        covered = term.end;
        // Comparisons are compared as ranges.
        let base = term.key.trim_start_matches(['#', '≤', '≥', '<', '>']);
        let (key, single) = match per(text.get(term.end..).unwrap_or_default()) {
            Some((unit, is_once)) => (format!("{base}/{unit}"), is_once.then(|| base.to_owned())),
            None => (base.to_owned(), None),
        };
        found.push(Measure {
            key,
            single,
            base: base.to_owned(),
            start: term.start,
            end: term.end,
        });
    }
    found
}

const BY: &[&str] = &["por", "per", "cada", "al", "a", "ao", "by", "each", "every"];
const DAILY: &[&str] = &[
    "diario", "diarios", "diaria", "diarias", "diari", "diaris", "diaries", "daily", "egunean",
    "eguneko",
];

fn divisor(word: &str) -> Option<&'static str> {
    Some(match word {
        "kg" | "kilo" | "kilos" | "kilogramo" | "kilogramos" | "quilo" | "quilogram"
        | "quilogramo" => "kg",
        "h" | "hora" | "hour" => "h",
        "min" | "minuto" | "minut" | "minute" => "min",
        "dia" | "day" => "d",
        "semana" | "setmana" | "week" => "sem",
        "mes" | "month" => "mes",
        _ => return None,
    })
}

/// What a quantity is divided by in the words after it, and whether it is taken once in that time:
/// «por kg», «al día», «una vez al día», «egunean behin».
fn per(rest: &str) -> Option<(&'static str, bool)> {
    let read = words(rest);
    let glued = rest.get(..read.first()?.start)?.trim().is_empty();
    let near: Vec<&str> = read
        .iter()
        .enumerate()
        .take_while(|(at, word)| glued && (*at == 0 || !word.opens))
        .map(|(_, word)| word.folded.as_str())
        .take(6)
        .collect();
    let divided = |words: &[&str]| match words {
        [daily, ..] if DAILY.contains(daily) => Some("d"),
        [by, "la" | "el" | "o" | "cada", unit, ..] if BY.contains(by) => divisor(unit),
        [by, unit, ..] if BY.contains(by) => divisor(unit),
        _ => None,
    };
    match near.as_slice() {
        ["egunean" | "egunero", "behin", ..] => Some(("d", true)),
        ["kg" | "kilo", "bakoitzeko", ..] => Some(("kg", false)),
        ["once", rest @ ..] => Some((divided(rest)?, true)),
        ["una" | "un" | "unha", "vez" | "cop" | "vegada", rest @ ..] => {
            Some((divided(rest)?, true))
        }
        words => Some((divided(words)?, false)),
    }
}

/// A number that no unit belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    /// As it is written, folded: `dos`, `½`, `2`; `1x` for «una vez».
    token: String,
    /// The terms of what is counted: «semanas» of «cada dos semanas».
    counted: Vec<String>,
    /// The amounts told in the same clause.
    beside: Vec<Measure>,
}

/// «una vez»: where a dose is told without it, it is still taken once.
const ONCE: &str = "1x";

/// Numbers in words, folded. «Una» is mostly an article, but not in «una vez».
const NUMBER_WORDS: &str = "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince \
    dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintiun veintiuna veintidos veintitres \
    veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve treinta cuarenta cincuenta sesenta \
    setenta ochenta noventa cien ciento doscientos trescientos cuatrocientos quinientos seiscientos \
    setecientos ochocientos novecientos mil medio media medios medias mitad doble triple cuadruple tercio \
    tercios cuarto cuartos quinto primera segunda tercera docena \
    dues quatre cinc sis set vuit nou deu onze dotze tretze catorze quinze setze disset divuit dinou vint trenta \
    quaranta cinquanta seixanta setanta vuitanta noranta cent doscents mig mitja mitjos mitges meitat terc \
    quart quarts dotzena \
    dous duas catro sete oito nove dez dezaseis dezasete dezaoito dezanove vinte trinta corenta sesenta oitenta \
    cen cento metade dobre terzo \
    bi hiru lau bost sei zazpi zortzi bederatzi hamar hamaika hamabi hamahiru hamalau hamabost hamasei \
    hamazazpi hamazortzi hemezortzi hemeretzi hogei hogeita berrogei berrogeita hirurogei laurogei ehun mila \
    erdi erdia laurden heren bikoitza hirukoitza bitan hirutan lautan \
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand half quarter twice \
    thrice double third";

/// The numbers of a text that no unit belongs to, in order.
pub(super) fn counts(text: &str, measures: &[Measure], analyzer: &Analyzer) -> Vec<Count> {
    let read = words(text);
    let mut found = Vec::new();
    for (at, word) in read.iter().enumerate() {
        let Some(token) = count_at(&read, at, measures) else {
            continue;
        };
        let clause = clause_of(&read, at, measures);
        let beside = measures
            .iter()
            .filter(|measure| clause.contains(&measure.start))
            .filter(|measure| measure.start != word.start)
            .cloned()
            .collect();
        let after = read[at + 1..].iter().take_while(|next| !next.opens);
        let counted = after
            .filter(|next| clause.contains(&next.start))
            .find(|next| !analyzer.is_grammar(&next.folded))
            .map(|next| {
                let languages = domain::Language::ALL.iter();
                languages
                    .flat_map(|language| analyzer.terms(&next.folded, *language))
                    .map(|term| term.key)
                    .collect()
            })
            .unwrap_or_default();
        found.push(Count {
            token,
            counted,
            beside,
        });
    }
    found
}

/// The number at a word, unless it is one with a unit.
fn count_at(read: &[Word], at: usize, measures: &[Measure]) -> Option<String> {
    let word = read.get(at)?;
    let next = read.get(at + 1).map_or("", |next| next.folded.as_str());
    let folded = word.folded.as_str();
    let times = matches!(next, "vez" | "cop" | "vegada" | "time");
    if matches!(folded, "una" | "un" | "unha" | "one") && times
        || folded == "behin"
        || folded == "once" && (BY.contains(&next) || DAILY.contains(&next))
    {
        return Some(ONCE.to_owned());
    }
    let bare = || {
        measures
            .iter()
            .any(|measure| measure.start == word.start && measure.unit().is_empty())
    };
    let is_one = NUMBER_WORDS.split(' ').any(|number| number == folded)
        || folded.chars().all(is_fraction)
        || folded.starts_with(|c: char| c.is_ascii_digit()) && bare();
    is_one.then(|| folded.to_owned())
}

/// Bytes of the clause around a word: between stops, and the conjunctions that join two amounts.
fn clause_of(read: &[Word], at: usize, measures: &[Measure]) -> std::ops::Range<usize> {
    let cuts = |place: usize| {
        read.get(place).is_some_and(|word| {
            word.opens
                || joins(&word.folded)
                    && !measures
                        .iter()
                        .any(|measure| (measure.start..measure.end).contains(&word.start))
        })
    };
    let first = (1..=at).rev().find(|place| cuts(*place)).unwrap_or(0);
    let last = (at + 1..read.len()).find(|place| cuts(*place));
    let start = read.get(first).map_or(0, |word| word.start);
    let end = last.and_then(|place| read.get(place));
    start..end.map_or(usize::MAX, |word| word.start)
}

/// Whether the counts of a claim are those of its source: none that the source does not have, and
/// none left out beside what the claim says of it. `says` tells whether the claim holds a term.
pub(super) fn counts_agree(
    claim: (&[Count], &[Measure]),
    source: &[Count],
    says: impl Fn(&str) -> bool,
) -> bool {
    let (counts, measures) = claim;
    let has = |list: &[Count], token: &str| list.iter().any(|count| count.token == token);
    let kept = |count: &Count| {
        let spoken = count.counted.iter().any(|key| says(key));
        let dose = count
            .beside
            .iter()
            .any(|one| measures.iter().any(|other| one.is_same(other)));
        count.token == ONCE || !(spoken || dose) || has(counts, &count.token)
    };
    counts.iter().all(|count| has(source, &count.token)) && source.iter().all(kept)
}

/// The numbers of a text as written, the decimal comma made a point, and its fractions; a group of
/// three digits after a separator may be thousands and stays as it is.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = String> {
    let digits = text
        .split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .map(|run| run.trim_matches(['.', ',']))
        .filter(|run| !run.is_empty())
        .map(|run| {
            let mut parts = run.split([',', '.']);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(whole), Some(fraction), None) if fraction.len() != 3 => {
                    format!("{whole}.{fraction}")
                }
                _ => run.to_owned(),
            }
        });
    digits.chain(text.chars().filter(|c| is_fraction(*c)).map(String::from))
}
