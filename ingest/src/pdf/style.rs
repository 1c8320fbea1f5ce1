//! What is usual in a document: type size, line spacing, weight. All else is told by difference.

use std::collections::{HashMap, HashSet};

use super::words::{Row, Word};

/// Type this much heavier than the document's usual is bold.
const BOLD: f32 = 1.17;

/// The usual of one document.
#[derive(Debug, Default)]
pub(super) struct Style {
    /// Type size of most of the text.
    pub(super) body_size: f32,
    /// From baseline to baseline, as a multiple of the type size.
    pub(super) leading: f32,
    /// Usual ink of each letter.
    ink: HashMap<char, f32>,
    /// Words that the text writes with a hyphen inside a line.
    hyphenated: HashSet<String>,
}

impl Style {
    /// Measures the rows of all pages.
    pub(super) fn measure<'a>(pages: impl Iterator<Item = &'a [Row]> + Clone) -> Self {
        let mut sizes: HashMap<i32, usize> = HashMap::new();
        for row in pages.clone().flatten() {
            for word in &row.words {
                *sizes.entry((word.size * 4.0).round() as i32).or_default() += word.text.len();
            }
        }
        let body = sizes.iter().max_by_key(|(size, count)| (**count, -**size));
        let body_size = body.map_or(10.0, |(size, _)| *size as f32 / 4.0).max(1.0);
        let usual = |size: f32| (size - body_size).abs() < 0.06 * body_size;
        let mut leadings: HashMap<i32, usize> = HashMap::new();
        let mut ink: HashMap<char, (f32, u32)> = HashMap::new();
        let mut hyphenated = HashSet::new();
        for page in pages {
            for pair in page.windows(2) {
                let ratio = (pair[1].baseline - pair[0].baseline) / body_size;
                let over = pair[0].bbox.x0 < pair[1].bbox.x1 && pair[1].bbox.x0 < pair[0].bbox.x1;
                if over && usual(pair[0].size) && usual(pair[1].size) && (0.9..2.2).contains(&ratio)
                {
                    *leadings.entry((ratio * 25.0).round() as i32).or_default() += 1;
                }
            }
            for word in page.iter().flat_map(|row| &row.words) {
                let count = word.text.chars().count() as f32;
                if usual(word.size) && word.ink > 0.0 && count > 0.0 {
                    // The ink of a word is spread over its letters; over a document that averages.
                    for c in word.text.chars() {
                        let entry = ink.entry(c).or_default();
                        entry.0 += word.ink / count;
                        entry.1 += 1;
                    }
                }
                if word.text.trim_matches('-').contains('-') {
                    hyphenated.insert(bare(&word.text));
                }
            }
        }
        let leading = leadings
            .into_iter()
            .max_by_key(|(ratio, count)| (*count, -*ratio));
        Self {
            body_size,
            leading: leading.map_or(1.2, |(ratio, _)| ratio as f32 / 25.0),
            ink: ink
                .into_iter()
                .map(|(c, (sum, n))| (c, sum / n as f32))
                .collect(),
            hyphenated,
        }
    }

    /// Whether every word of some letters is bold.
    pub(super) fn is_bold(&self, words: &[Word]) -> bool {
        let (mut found, mut expected) = (0.0, 0.0);
        let mut light = 0.0;
        for word in words {
            let usual: f32 = word.text.chars().filter_map(|c| self.ink.get(&c)).sum();
            if word.ink <= 0.0 || usual <= 0.0 {
                continue;
            }
            found += word.ink;
            expected += usual;
            if word.ink < 1.08 * usual && word.text.chars().any(char::is_alphabetic) {
                light += usual;
            }
        }
        expected > 0.0 && found > BOLD * expected && light < 0.15 * expected
    }

    /// Whether the document writes `first-second` elsewhere inside a line.
    pub(super) fn is_hyphenated(&self, first: &str, second: &str) -> bool {
        self.hyphenated
            .contains(&bare(&format!("{first}-{second}")))
    }
}

/// A word without the punctuation around it, in lower case.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
}
