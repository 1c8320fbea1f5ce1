//! Telling a drug's name from other words, for drugs no domain pack lists.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::{DomainPack, fold};

/// Common stems of international non-proprietary names, folded, without the last vowel that the
/// languages differ in. From "The use of stems in the selection of INN for pharmaceutical
/// substances" (WHO), those of drugs seen on a cardiology or general ward.
static STEMS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "olol edilol alol pril sartan gliflozin vastatin prazol xaban gatran dipin tiazid thiazid \
     nolacton renon micin mycin cilin cillin floxacin glutid gliptin semid bradin ciguat \
     parin fibrat grel grelor darona darone darono zepam zolam codon triptan setron trexat \
     umab tinib ciclin cyclin conazol navir oxetin profen fenac coxib meterol moterol tropi \
     metason nisolon nison filin phyllin mecarbil simendan zosin glinid glitazon gabalin \
     barbital tadin trizin"
        .split_whitespace()
        .collect()
});

/// Names without such a stem, folded, without the last vowel.
static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "sacubitril aciclovir gabapentin verapamil metformin digitoxin digoxin hidralazin \
     hydralazin indapamid clortalidon chlortalidon acetazolamid metolazon bumetanid amilorid \
     triamteren morfin morphin warfarin acenocumarol aspirin paracetamol milrinon \
     noradrenalin adrenalin dopamin dobutamin nitroprusiat nitroglicerin nitroglycerin \
     isosorbid patiromer insulin levotiroxin levothyroxin diltiazem diltiazen tolvaptan \
     ferinject entresto metamizol litio lithium alopurinol allopurinol colchicin flecainid \
     propafenon atropin adenosin clonidin metildop methyldop"
        .split_whitespace()
        .collect()
});

/// Whether a word, folded, is a drug's name by its form.
fn is_drug(word: &str) -> bool {
    let base = word.strip_suffix('s').unwrap_or(word);
    let base = base.strip_suffix(['a', 'e', 'o']).unwrap_or(base);
    if NAMES.contains(base) || NAMES.contains(word) {
        return true;
    }
    // A stem alone («pril», «statina») names a class, and short words end so by chance.
    [word, base].iter().any(|form| {
        STEMS
            .iter()
            .any(|stem| form.len() >= stem.len() + 2 && form.is_ascii() && form.ends_with(stem))
    })
}

/// The drugs known by name or by form.
#[derive(Debug, Default)]
pub(crate) struct Drugs {
    listed: HashSet<String>,
}

impl Drugs {
    /// Those that `pack` lists, and those whose name has the form of one.
    pub(crate) fn of(pack: &DomainPack) -> Self {
        let names = pack
            .drugs
            .iter()
            .flat_map(|drug| drug.inn.iter().chain(&drug.brands));
        Self {
            listed: names
                .flat_map(|name| words(name).collect::<Vec<_>>())
                .collect(),
        }
    }

    /// Whether the text names a drug.
    pub(crate) fn names_one(&self, text: &str) -> bool {
        words(text).any(|word| self.is_one(&word))
    }

    /// The drugs a text names, folded, each as often as it stands there.
    pub(crate) fn named_in(&self, text: &str) -> Vec<String> {
        words(text).filter(|word| self.is_one(word)).collect()
    }

    /// The name of a drug without a Basque ending: `bisoprolol` of «bisoprololaren».
    pub(crate) fn bare_name<'a>(&self, word: &'a str) -> Option<&'a str> {
        let known = |word: &str| self.listed.contains(word) || is_drug(word);
        BASQUE_ENDINGS
            .iter()
            .filter_map(|ending| word.strip_suffix(ending))
            .find(|name| name.len() > 5 && known(name))
            .or_else(|| known(word).then_some(word))
    }

    fn is_one(&self, word: &str) -> bool {
        self.bare_name(word).is_some()
    }
}

/// How Basque declines a name, the longer ending first.
pub(crate) const BASQUE_ENDINGS: &[&str] =
    &["arekin", "aren", "rekin", "ari", "ren", "ak", "ri", "a"];

/// The words of a text that are long enough to name a drug, folded.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 4)
        .map(fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drugs_are_told_by_the_stem_of_their_name_in_five_languages() {
        for name in [
            "bisoprolol",
            "carvedilol",
            "enalapril",
            "enalaprilo",
            "valsartán",
            "sacubitrilo",
            "dapagliflozina",
            "dapagliflozin",
            "empagliflozine",
            "espironolactona",
            "spironolactone",
            "eplerenona",
            "furosemida",
            "furosemide",
            "ivabradina",
            "vericiguat",
            "digoxina",
            "amiodarona",
            "apixabán",
            "hidralazina",
            "heparina",
        ] {
            assert!(is_drug(&fold(name)), "{name} was not told");
        }
    }

    #[test]
    fn ordinary_words_are_no_drugs() {
        for word in [
            "dosis",
            "control",
            "alcohol",
            "abril",
            "colesterol",
            "servir",
            "vivir",
            "paciente",
            "protocolo",
            "insuficiencia",
            "betabloqueante",
            "diurético",
            "Barcelona",
            "perfil",
            "toxina",
            "medicina",
            "oficina",
            "vecina",
            "semana",
            "potasio",
            "creatinina",
            "hemoglobina",
            "ferritina",
            "troponina",
            "persona",
            "zona",
            "corona",
        ] {
            assert!(!is_drug(&fold(word)), "{word} was taken for a drug");
        }
    }
}
