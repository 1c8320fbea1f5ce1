//! What turns a sentence round: negation, exception, contraindication, stopping, condition, limit.

use domain::{Analyzer, Language};

use super::negation::{Denied, denied};
use super::words::{Word, words};

/// What a text says of yes and no. Two texts that say the same have the same signature.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Polarity {
    /// «no», «sin», «nunca», each with what it denies.
    denied: Vec<Denied>,
    /// «salvo», «excepto».
    excepted: bool,
    /// «contraindicado», «desaconsejado», «prohibido».
    contraindicated: bool,
    /// «suspender», «retirar», «evitar».
    stopped: bool,
    /// «reducir», «disminuir».
    lowered: bool,
    /// «aumentar», «doblar».
    raised: bool,
    /// «solo», «únicamente».
    limited: bool,
    /// «si», «cuando», «siempre que».
    conditional: bool,
}

/// Words of exception, folded.
pub(super) const EXCEPTED: &[&str] = &[
    "salvo",
    "excepto",
    "excepte",
    "llevat",
    "tret",
    "agas",
    "salbu",
    "ezik",
    "except",
    "unless",
    "excepcion",
    "excepcio",
    "salbuespen",
];
/// Exceptions of several words.
const EXCEPTED_PHRASES: &[&str] = &[
    "a menos que",
    "a menos de que",
    "a no ser que",
    "a non ser que",
    "a menys que",
    "aparte de",
    "a part de",
    "con excepcion",
    "other than",
];
const CONTRAINDICATED: &[&str] = &[
    "contraindic",
    "kontraindik",
    "desaconsej",
    "desaconsell",
    "prohib",
    "debeka",
];
const STOPPED: &[&str] = &[
    "suspend",
    "suspens",
    "interrump",
    "interromp",
    "retir",
    "evit",
    "abandon",
    "saihest",
    "eten",
    "deja",
    "deix",
    "withdraw",
    "withh",
    "stop",
    "discontinu",
    "avoid",
];
const LOWERED: &[&str] = &[
    "reduc", "redu", "disminu", "diminu", "baj", "baix", "gutxi", "jaits", "murrizt", "lower",
    "decreas",
];
const RAISED: &[&str] = &[
    "aument",
    "augment",
    "increment",
    "dobl",
    "dupli",
    "sub",
    "puj",
    "igo",
    "handi",
    "bikoizt",
    "increas",
    "rais",
];
const LIMITED: &[&str] = &[
    "solo",
    "solamente",
    "unicamente",
    "exclusivamente",
    "nomes",
    "unicament",
    "so",
    "soamente",
    "bakarrik",
    "soilik",
    "only",
];
const CONDITIONAL: &[&str] = &[
    "si",
    "cuando",
    "quan",
    "cando",
    "siempre",
    "sempre",
    "mientras",
    "mentre",
    "mentres",
    "tras",
    "ante",
    "perante",
    "davant",
    "baldin",
    "kasuan",
    "kasuetan",
    "ezean",
    "presencia",
    "presenza",
    "if",
    "when",
    "whenever",
    "presence",
];
/// Conditions of several words.
const CONDITIONAL_PHRASES: &[&str] = &[
    "en caso de",
    "en caso que",
    "en casos de",
    "en el caso",
    "en los casos",
    "en cas de",
    "en cas que",
    "en cas d",
    "en casos d",
    "en el cas",
    "en els casos",
    "no caso de",
    "no caso que",
    "nos casos",
    "in case of",
    "in cases of",
    "in the case",
    "in the event",
];
/// Basque auxiliaries that «ba-» makes a condition of.
const BASQUE_AUXILIARIES: &[&str] = &[
    "da", "dira", "du", "dute", "ditu", "dituzte", "dago", "daude", "dio", "diote", "zaio", "zaie",
    "dator", "dauka", "daukate", "dugu", "duzu", "gara", "zara", "naiz", "dut", "litz", "lu",
    "zen", "zuen",
];
/// Words that the Galician «se» («if») stands before and the reflexive does not.
const AFTER_GALICIAN_IF: &[&str] = &["o", "os", "as", "un", "unha", "hai", "non"];

/// Whether a folded word is a Basque verb in the conditional: «bada», «badu», «badago».
pub(super) fn is_basque_if(word: &str) -> bool {
    word.strip_prefix("ba")
        .is_some_and(|verb| BASQUE_AUXILIARIES.contains(&verb))
}

/// Whether a text sets a condition.
fn is_conditional(words: &[Word], language: Language) -> bool {
    let galician_if = |at: usize, word: &Word| {
        let next = words.get(at + 1).map_or("", |next| next.folded.as_str());
        // Galician opens no clause with the reflexive.
        word.folded == "se"
            && (language == Language::Galician && word.opens || AFTER_GALICIAN_IF.contains(&next))
    };
    has_phrase(words, CONDITIONAL_PHRASES)
        || words.iter().enumerate().any(|(at, word)| {
            let folded = word.folded.as_str();
            CONDITIONAL.contains(&folded)
                || is_basque_if(folded)
                // «denean», «dutenean», «igotzen denean»
                || folded.len() > 6 && folded.ends_with("enean")
                || galician_if(at, word)
        })
}

fn has_phrase(words: &[Word], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        let parts: Vec<&str> = phrase.split(' ').collect();
        words.windows(parts.len()).any(|near| {
            near.iter()
                .zip(&parts)
                .all(|(word, part)| word.folded == *part)
        })
    })
}

/// Words that a list of beginnings would take for something else.
const NOT_MEANT: &[&str] = &[
    "bajo",
    "baja",
    "bajos",
    "bajas",
    "subcutanea",
    "subcutaneo",
    "subtipo",
    "subgrupo",
    "reducida",
    "reducido",
    "reducidas",
    "reducidos",
    "reduida",
    "reduced",
    "disminuida",
    "disminuido",
    "aumentada",
    "aumentado",
    "sublingual",
    "substancia",
];

impl Polarity {
    /// The signature of a text.
    pub(super) fn of(text: &str, language: Language, analyzer: &Analyzer) -> Self {
        let read = words(text);
        let words: Vec<&str> = read
            .iter()
            .map(|word| word.folded.as_str())
            .filter(|word| !NOT_MEANT.contains(word))
            .collect();
        let is = |list: &[&str]| words.iter().any(|word| list.contains(word));
        let begins = |list: &[&str]| {
            words
                .iter()
                .any(|word| list.iter().any(|stem| word.starts_with(stem)))
        };
        Self {
            denied: denied(text, analyzer),
            excepted: is(EXCEPTED) || has_phrase(&read, EXCEPTED_PHRASES),
            contraindicated: begins(CONTRAINDICATED),
            stopped: begins(STOPPED),
            lowered: begins(LOWERED),
            raised: begins(RAISED),
            limited: is(LIMITED),
            conditional: is_conditional(&read, language),
        }
    }

    /// What is said where either says it.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self {
            denied: [self.denied.as_slice(), &other.denied].concat(),
            excepted: self.excepted || other.excepted,
            contraindicated: self.contraindicated || other.contraindicated,
            stopped: self.stopped || other.stopped,
            lowered: self.lowered || other.lowered,
            raised: self.raised || other.raised,
            limited: self.limited || other.limited,
            conditional: self.conditional || other.conditional,
        }
    }

    /// What of a heading's signature nothing under it may lose: under «No administrar» everything
    /// is denied, but under «Aumento de dosis» not everything raises.
    pub(super) fn of_heading(self) -> Self {
        Self {
            lowered: false,
            raised: false,
            limited: false,
            conditional: false,
            ..self
        }
    }

    /// Whether a claim with this signature may stand on a source that says `own` itself and
    /// `around` together with the words it is read with (the line that opens its list, its
    /// heading). What the source itself says must be said; what is said must be in the source or
    /// around it. `says` tells whether the claim holds a term.
    pub(super) fn agrees(&self, own: &Self, around: &Self, says: impl Fn(&str) -> bool) -> bool {
        let pairs = [
            (self.excepted, own.excepted, around.excepted),
            (
                self.contraindicated,
                own.contraindicated,
                around.contraindicated,
            ),
            (self.stopped, own.stopped, around.stopped),
            (self.lowered, own.lowered, around.lowered),
            (self.raised, own.raised, around.raised),
            (self.limited, own.limited, around.limited),
            (self.conditional, own.conditional, around.conditional),
        ];
        let both = pairs
            .iter()
            .all(|(said, own, around)| (*said || !own) && (!said || *around));
        let required = own.denied.iter().filter(|one| one.must_stay(&says));
        both && each_has_its_own(required, &self.denied)
            && each_has_its_own(self.denied.iter(), &around.denied)
            // An item under «Contraindicado en:» must not lose it.
            && (self.contraindicated || !around.contraindicated)
    }
}

/// Whether each of `wanted` is among `there`, as often as it is wanted.
fn each_has_its_own<'a>(wanted: impl Iterator<Item = &'a Denied>, there: &[Denied]) -> bool {
    let mut left: Vec<&Denied> = there.iter().collect();
    for one in wanted {
        match left.iter().position(|other| other.is_same(one)) {
            Some(place) => drop(left.swap_remove(place)),
            None => return false,
        }
    }
    true
}
