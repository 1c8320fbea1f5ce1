//! Words after which a full stop ends no sentence, followed letter by letter.

use std::sync::LazyLock;

use super::characters::{Class, class};

/// What a full stop after a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stop {
    /// The end of a sentence.
    Sentence,
    /// Part of an abbreviation: the sentence goes on in lower case or with a figure.
    Abbreviation,
    /// Part of an abbreviation that a name follows: the sentence may go on with a capital.
    Title,
    /// After one letter of several, or two: `i.v.`, `EE.UU.`
    Initial,
    /// After a figure: a decimal point or an ordinal.
    Number,
    /// After the number of an item or heading.
    Label,
}

const ABBREVIATIONS: &str = "mg ml kg mcg ug ng pg mmol mol meq ui iu hpa mmhg cm mm min seg lpm rpm \
    comp caps amp aprox max vol inf sup dosis tto dx etc pag pags pp num art arts cap cf op vo iv sc im sl \
    inh nebul h d al eg ie approx mins hrs adm ad lib bpm";
const TITLES: &str = "dr dra drs sr sra sres prof ej vs fig tab st sta sto mr mrs ms";
/// Words that begin a link: they are written in no answer.
const FORBIDDEN: &str = "http https www ftp javascript mailto";

/// How far a word has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Word(u16);

impl Word {
    /// No letter yet, or what comes before is no word.
    pub(super) const NONE: Self = Self(0);
    /// None of the words looked for.
    pub(super) const OTHER: Self = Self(u16::MAX);
    /// Figures.
    pub(super) const NUMBER: Self = Self(u16::MAX - 1);
    /// Figures, and nothing else in the sentence so far.
    pub(super) const LABEL: Self = Self(u16::MAX - 2);

    /// One letter more; `None` where the word may not be written.
    pub(super) fn letter(self, c: char) -> Option<Self> {
        let from = match self {
            Self::OTHER => return Some(Self::OTHER),
            Self::NUMBER | Self::LABEL => Self::NONE,
            within => within,
        };
        let Some(letter) = plain_letter(c) else {
            return Some(Self::OTHER);
        };
        match WORDS.children[from.0 as usize][letter] {
            0 => Some(Self::OTHER),
            node if WORDS.forbidden[node as usize] => None,
            node => Some(Self(node)),
        }
    }

    /// What a full stop after it is.
    pub(super) fn stop(self) -> Stop {
        match self {
            Self::OTHER => Stop::Sentence,
            Self::NUMBER => Stop::Number,
            Self::LABEL => Stop::Label,
            Self(node) => WORDS.stops[node as usize],
        }
    }
}

/// What the full stop is that follows `text`, the start of a sentence.
pub(super) fn stop_after(text: &str) -> Stop {
    let label = text.trim_start_matches(['-', '–', '—', '•', ' ']);
    if !label.is_empty() && label.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Stop::Label;
    }
    let start = text.rfind(char::is_whitespace).unwrap_or(0);
    text[start..]
        .chars()
        .fold(Word::NONE, |word, c| match class(c) {
            Some(Class::Upper | Class::Lower) => word.letter(c).unwrap_or(Word::OTHER),
            Some(Class::Digit) => Word::NUMBER,
            _ => Word::NONE,
        })
        .stop()
}

/// The place in the alphabet of `c`, in lower case and without its accent.
fn plain_letter(c: char) -> Option<usize> {
    let plain = match c {
        'a'..='z' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        'á' | 'à' | 'Á' | 'À' => 'a',
        'é' | 'è' | 'É' | 'È' => 'e',
        'í' | 'ï' | 'Í' | 'Ï' => 'i',
        'ó' | 'ò' | 'Ó' | 'Ò' => 'o',
        'ú' | 'ü' | 'Ú' | 'Ü' => 'u',
        'µ' | 'μ' => 'u',
        _ => return None,
    };
    Some(plain as usize - 'a' as usize)
}

struct Words {
    children: Vec<[u16; 26]>,
    stops: Vec<Stop>,
    forbidden: Vec<bool>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words {
        children: vec![[0; 26]],
        stops: vec![Stop::Sentence],
        forbidden: vec![false],
    };
    for word in ABBREVIATIONS.split_whitespace() {
        let node = words.add(word);
        words.stops[node] = Stop::Abbreviation;
    }
    for word in TITLES.split_whitespace() {
        let node = words.add(word);
        words.stops[node] = Stop::Title;
    }
    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    for word in letters.iter().map(String::as_str).chain(["ee", "uu"]) {
        let node = words.add(word);
        words.stops[node] = Stop::Initial;
    }
    for word in FORBIDDEN.split_whitespace() {
        let node = words.add(word);
        words.forbidden[node] = true;
    }
    words
});

impl Words {
    fn add(&mut self, word: &str) -> usize {
        let mut node = 0;
        for letter in word.chars().filter_map(plain_letter) {
            node = match self.children[node][letter] {
                0 => {
                    let new = self.children.len();
                    self.children.push([0; 26]);
                    self.stops.push(Stop::Sentence);
                    self.forbidden.push(false);
                    self.children[node][letter] = new as u16;
                    new
                }
                child => child as usize,
            };
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop_after(word: &str) -> Option<Stop> {
        word.chars()
            .try_fold(Word::NONE, Word::letter)
            .map(Word::stop)
    }

    #[test]
    fn a_stop_is_told_by_the_word_before_it() {
        assert_eq!(stop_after("mg"), Some(Stop::Abbreviation));
        assert_eq!(stop_after("Máx"), Some(Stop::Abbreviation));
        assert_eq!(stop_after("Dr"), Some(Stop::Title));
        assert_eq!(stop_after("v"), Some(Stop::Initial));
        assert_eq!(stop_after("dra"), Some(Stop::Title));
        assert_eq!(stop_after("drag"), Some(Stop::Sentence));
        assert_eq!(stop_after("semanas"), Some(Stop::Sentence));
        assert_eq!(stop_after("año"), Some(Stop::Sentence));
    }

    #[test]
    fn a_word_that_begins_a_link_is_not_written() {
        for word in ["http", "HTTPS", "www", "mailto"] {
            assert_eq!(stop_after(word), None, "{word}");
        }
        assert!(stop_after("htt").is_some());
    }
}
