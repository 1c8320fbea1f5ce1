//! What kind of thing a question wants, and whether a sentence holds one.

use domain::fold;

use crate::extractive::fit::fit;

/// What an answer must hold to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A quantity of a drug: a number with a unit.
    Dose,
    /// A number.
    Amount,
    /// A date, a year, a time limit, a frequency.
    Time,
    /// Somebody, or an office.
    Person,
    /// A place.
    Place,
    /// A telephone, an extension, a mail address.
    Contact,
    /// A reason.
    Reason,
    /// Anything else.
    Other,
}

/// What a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    /// Several things: criteria, signs, steps, documents.
    pub(crate) list: bool,
    /// It asks how a medicine is given, or whether it may be: what is true of one medicine is
    /// dangerous when read of another.
    pub(crate) medicine: bool,
}

const DOSE: &str = "dosis | dosi | dose | doses | dosing | dosificacion | dosificacio | posologia | pauta | \
     titulacion | titulacio | titration | mg | miligramos | comprimidos | dosia | dosiak";
/// Beginnings of words for what is asked about a medicine other than its dose, folded.
const TOPICS: &str =
    "contraindica | kontraindika | interacci | interacti | indicaci | indicat | advers";

/// Whether a folded word is one of them.
pub(crate) fn is_topic(word: &str) -> bool {
    phrases(TOPICS).any(|stem| word.starts_with(stem))
}

/// Beginnings of words that ask whether or how a medicine may be given, folded.
const MEDICINE: &str = "dosi | dose | dosing | posolog | contraindica | kontraindika | interacci | interacti | \
     indicaci | indicat | adverso | advers | titula | titrat | suspend | comprimid | tomar | \
     administra | embaraz | lactancia | kontrako";
const AMOUNT: &str = "cuanto | cuanta | cuantos | cuantas | quant | quanta | quants | quantes | canto | canta | \
     cantos | cantas | zenbat | zenbateko | zenbatekoa | porcentaje | percentatge | porcentaxe | \
     ehuneko | umbral | limite | limit | limiar | llindar | punto de corte | punt de tall | valor | \
     valores | valors | edad | edat | idade | precio | preu | prezo | coste | cost | importe | \
     import | numero | nombre de | how many | how much | percentage | cutoff | cut-off | \
     threshold | how old | how long | how far | how high | rango | cifra | velocidad | \
     temperatura | superficie | altura | longitud | poblacion | maximo | maxim | minimo | minim";
const TIME: &str = "cuando | quan | cando | noiz | when | que ano | que año | quin any | what year | fecha | \
     data | plazo | termini | prazo | epea | deadline | cada cuanto | cada quant | cada canto | \
     how often | frecuencia | frequencia | frequency | horario | horari | hora | durante cuanto | \
     cuanto tiempo | quant de temps | quant temps | canto tempo | zenbat denbora | siglo | decada | \
     periodicidad | which year | que dia | quin dia";
const PERSON: &str = "quien | quienes | qui | quen | quenes | nork | nor | nori | who | whom | whose | responsable | \
     competente";
const PLACE: &str = "donde | adonde | on | onde | non | nora | where | que pais | que ciudad | que lugar | \
     que planta | quin lloc | what country | which country | what city | which city";
const CONTACT: &str = "telefono | telefon | telefonoa | extension | extensio | buscapersonas | correo | correu | email | phone | fax";
const REASON: &str = "por que | per que | zergatik | why | motivo | causa | razon | motiu | rao";

/// Words before a noun in the plural that ask for several things.
const PLURAL_ASKS: &str =
    "cuales | quins | quines | cales | zeintzuk | which | what | que | quales";

impl Wanted {
    /// Reads it off the question's words.
    pub(crate) fn of(question: &str) -> Self {
        let folded = format!(" {} ", fold(question));
        let text: String = folded
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    ' '
                }
            })
            .collect();
        let text = format!(
            " {} ",
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        let has = |cues: &str| phrases(cues).any(|cue| text.contains(&format!(" {cue} ")));
        // «on» is where in Catalan and a preposition in English; «non» is where in Basque and no
        // in Galician: they count only as the first word.
        let place = phrases(PLACE).any(|cue| {
            if matches!(cue, "on" | "non") {
                text.starts_with(&format!(" {cue} "))
            } else {
                text.contains(&format!(" {cue} "))
            }
        });
        let kind = if has(CONTACT) {
            Kind::Contact
        } else if has(DOSE) {
            Kind::Dose
        } else if has(TIME) {
            Kind::Time
        } else if has(AMOUNT) {
            Kind::Amount
        } else if has(REASON) {
            Kind::Reason
        } else if has(PERSON) {
            Kind::Person
        } else if place {
            Kind::Place
        } else {
            Kind::Other
        };
        let medicine = kind == Kind::Dose
            || text
                .split(' ')
                .any(|word| phrases(MEDICINE).any(|stem| word.starts_with(stem)));
        Self {
            kind,
            list: asks_for_several(&text),
            medicine,
        }
    }

    /// How well the sentence holds what is wanted, 0 to 1.
    pub(crate) fn fit(self, sentence: &str) -> f32 {
        fit(self.kind, sentence)
    }
}

/// The phrases of a list.
fn phrases(list: &str) -> impl Iterator<Item = &str> {
    list.split('|').map(str::trim)
}

fn asks_for_several(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    if [
        "enumere",
        "enumera",
        "enumereu",
        "lista",
        "list",
        "llista",
        "zerrenda",
        "criterios",
        "criteris",
        "contraindicaciones",
        "contraindicacions",
    ]
    .iter()
    .any(|cue| words.contains(cue))
    {
        return true;
    }
    words.windows(2).any(|pair| {
        let asks = phrases(PLURAL_ASKS).any(|word| word == pair[0]);
        let several = pair[0] == "zeintzuk"
            || matches!(pair[1], "son" | "sont" | "are" | "dira")
            || (pair[1].len() > 4 && pair[1].ends_with('s') && !pair[1].ends_with("sis"));
        asks && several
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, kind: Kind, list: bool) {
        let wanted = Wanted::of(question);
        assert_eq!((wanted.kind, wanted.list), (kind, list), "{question}");
    }

    #[test]
    fn the_kind_of_answer_is_read_off_the_question() {
        check(
            "¿Cuál es la dosis objetivo de bisoprolol?",
            Kind::Dose,
            false,
        );
        check("Quina és la dosi inicial de carvedilol?", Kind::Dose, false);
        check("¿Cada cuánto se controla el potasio?", Kind::Time, false);
        check(
            "Quin és el termini per presentar la sol·licitud?",
            Kind::Time,
            false,
        );
        check(
            "¿A qué teléfono llamo para una interconsulta?",
            Kind::Contact,
            false,
        );
        check("¿Quién autoriza el transporte?", Kind::Person, false);
        check("On es recull l'alta?", Kind::Place, false);
        check("¿Cuáles son los signos de alarma?", Kind::Other, true);
        check("¿Qué documentos debo entregar?", Kind::Other, true);
        check("¿Por qué se retira el potasio?", Kind::Reason, false);
        check("Noiz deitu behar da?", Kind::Time, false);
        check("What is the target dose of bisoprolol?", Kind::Dose, false);
    }
}
