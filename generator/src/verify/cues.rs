//! What turns a sentence round: negation, exception, contraindication, stopping, condition, limit.

use domain::{Analyzer, Language, TermKind, fold};

/// What a text says of yes and no. Two texts that say the same have the same signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Polarity {
    /// «no», «sin», «nunca».
    negated: bool,
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

const EXCEPTED: &[&str] = &[
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
    "si", "cuando", "quan", "cando", "siempre", "sempre", "mientras", "mentre", "mentres", "tras",
    "bada", "badu", "direnean", "denean", "if", "when", "whenever",
];

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
        let negated = analyzer
            .terms(text, language)
            .iter()
            .any(|term| term.kind == TermKind::Negation && !EXCEPTED.contains(&term.key.as_str()));
        let folded = fold(text);
        let words: Vec<&str> = folded
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && !NOT_MEANT.contains(word))
            .collect();
        let is = |list: &[&str]| words.iter().any(|word| list.contains(word));
        let begins = |list: &[&str]| {
            words
                .iter()
                .any(|word| list.iter().any(|stem| word.starts_with(stem)))
        };
        Self {
            negated,
            excepted: is(EXCEPTED),
            contraindicated: begins(CONTRAINDICATED),
            stopped: begins(STOPPED),
            lowered: begins(LOWERED),
            raised: begins(RAISED),
            limited: is(LIMITED),
            conditional: is(CONDITIONAL),
        }
    }

    /// What is said where either says it.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            negated: self.negated || other.negated,
            excepted: self.excepted || other.excepted,
            contraindicated: self.contraindicated || other.contraindicated,
            stopped: self.stopped || other.stopped,
            lowered: self.lowered || other.lowered,
            raised: self.raised || other.raised,
            limited: self.limited || other.limited,
            conditional: self.conditional || other.conditional,
        }
    }

    /// Whether a claim with this signature may stand on a source that says `own` itself and
    /// `around` together with the words it is read with (the line that opens its list, its
    /// heading). What the source itself says must be said; what is said must be in the source or
    /// around it.
    pub(super) fn agrees(self, own: Self, around: Self) -> bool {
        let pairs = [
            (self.negated, own.negated, around.negated),
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
        // An item under «Contraindicado en:» must not lose it.
        both && (self.contraindicated || !around.contraindicated)
    }
}
