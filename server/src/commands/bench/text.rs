//! Realistic text in any amount: sentences of the sample corpus, recombined and with other
//! numbers, with rare words drawn by Zipf's law so that the vocabulary grows as a hospital's does.

use domain::sentences;

use crate::app::App;
use crate::commands::demo::SampleCorpus;
use crate::error::{Failure, FailureClass};

const SYLLABLES: [&str; 24] = [
    "ba", "cor", "di", "fen", "gra", "lis", "mo", "nar", "pe", "quin", "ro", "sal", "ti", "ver",
    "zu", "clo", "tra", "min", "den", "fol", "lu", "par", "so", "ten",
];

/// A source of text that gives the same text each time.
pub(super) struct TextSource {
    sentences: Vec<String>,
    state: u64,
}

impl TextSource {
    /// Reads the sentences of the sample corpus.
    pub(super) fn new(app: &App) -> Result<Self, Failure> {
        let mut found = Vec::new();
        for name in SampleCorpus::iter() {
            let Some(file) = SampleCorpus::get(&name) else {
                continue;
            };
            let Ok(extracted) = app.reader().extract_here(&name, &file.data) else {
                continue;
            };
            for page in &extracted.pages {
                let text = page.text();
                found.extend(
                    sentences(&text)
                        .into_iter()
                        .map(|range| text[range].to_owned())
                        .filter(|one| one.len() > 40),
                );
            }
        }
        if found.is_empty() {
            return Err(Failure::new(
                FailureClass::Failed,
                "no_text",
                "los documentos de muestra no tienen texto",
            ));
        }
        Ok(Self {
            sentences: found,
            state: 0x9e37_79b9_7f4a_7c15,
        })
    }

    /// The next number of a xorshift generator (Marsaglia, 2003), below `below`.
    pub(super) fn number(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap_or(0) % below.max(1)
    }

    /// A sentence: one of the corpus with its digits changed and a rare word added.
    pub(super) fn sentence(&mut self) -> String {
        let chosen = self.number(self.sentences.len());
        let mut sentence = String::new();
        for c in self.sentences[chosen].clone().chars() {
            if c.is_ascii_digit() {
                sentence.push(char::from(
                    b'0' + u8::try_from(self.number(10)).unwrap_or(0),
                ));
            } else {
                sentence.push(if c == '\n' { ' ' } else { c });
            }
        }
        let rare = self.rare_word();
        format!("{rare} {sentence}")
    }

    /// A word of a vocabulary of a million, the k-th about 1/k as often as the first.
    pub(super) fn rare_word(&mut self) -> String {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a word's number is below a million"
        )]
        let mut rank =
            1_000_000_f64.powf(self.number(1 << 30) as f64 / f64::from(1 << 30)) as usize;
        let mut word = String::new();
        for _ in 0..4 {
            word.push_str(SYLLABLES[rank % SYLLABLES.len()]);
            rank /= SYLLABLES.len();
        }
        word
    }

    /// A paragraph of about `words` words.
    pub(super) fn paragraph(&mut self, words: usize) -> String {
        let mut text = String::new();
        while text.split_whitespace().count() < words {
            text.push_str(&self.sentence());
            text.push(' ');
        }
        text.trim_end().to_owned()
    }

    /// A question: words of a sentence that stands in the corpus.
    pub(super) fn question(&mut self) -> String {
        let sentence = self.sentence();
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let from = self.number(words.len().saturating_sub(6));
        format!(
            "¿Qué se indica sobre {}?",
            words[from..(from + 7).min(words.len())].join(" ")
        )
    }
}
