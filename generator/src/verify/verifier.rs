//! Checks a model's sentences one by one, as they are finished, and keeps those that may be shown.

use std::collections::BTreeMap;

use domain::{Analyzer, Evidence, Language, PassageId};
use serde::{Deserialize, Serialize};

use super::company::read_with;
use super::gate::Gate;
use super::grounding::Claim;
use super::window::{Window, windows};
use super::{Answer, Citation, Numbers, Quotation, Support, VerifiedSentence};
use crate::extractive::{Drugs, Relevance};

/// Settings of the gates for sentences in a model's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroundingConfig {
    /// Share of a sentence's words, by weight, 0 to 1, that must stand in the source.
    pub min_support: f32,
    /// A sentence that fails is replaced by the quotation nearest to it where that holds at least
    /// this share of its words; else it is dropped.
    pub min_likeness: f32,
}

impl Default for GroundingConfig {
    fn default() -> Self {
        Self {
            min_support: 0.75,
            min_likeness: 0.5,
        }
    }
}

/// A sentence as a model wrote it, with the passages it cites.
pub(crate) struct Claimed<'a> {
    /// Its words, without marks.
    pub(crate) text: &'a str,
    /// The passages of its marks.
    pub(crate) passages: Vec<PassageId>,
    /// It begins a line of its own.
    pub(crate) new_line: bool,
}

/// What became of a draft's sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sentences the model wrote; those that repeat what is shown are counted nowhere else.
    pub drafted: usize,
    /// Shown in the model's words.
    pub verified: usize,
    /// Shown, being word for word what a document says.
    pub quoted: usize,
    /// A quotation is shown in their place.
    pub replaced: usize,
    /// Not shown.
    pub dropped: usize,
    /// Which gate turned how many away.
    pub turned_away: BTreeMap<Gate, usize>,
}

/// Checks sentences in the order they are written.
pub(crate) struct Verifier<'a> {
    evidence: &'a Evidence,
    analyzer: &'a Analyzer,
    language: Language,
    relevance: &'a Relevance,
    config: GroundingConfig,
    drugs: Drugs,
    windows: BTreeMap<PassageId, Vec<Window>>,
    numbers: Numbers,
    sentences: Vec<VerifiedSentence>,
    /// The window that the last sentence shown quotes, where it is a quotation.
    last_quoted: Option<(PassageId, usize)>,
    tally: Tally,
}

/// What a sentence has come to.
enum Passed {
    /// It may be shown.
    InOtherWords(VerifiedSentence),
    /// It is word for word what a document says; with what it must be read with.
    Quotation(Vec<VerifiedSentence>),
    /// It is shown already.
    Repeated,
    /// A gate stopped it; what stands in for it, possibly nothing.
    Failed(Gate, Vec<VerifiedSentence>),
}

impl<'a> Verifier<'a> {
    pub(crate) fn new(
        evidence: &'a Evidence,
        analyzer: &'a Analyzer,
        language: Language,
        relevance: &'a Relevance,
        config: GroundingConfig,
    ) -> Self {
        Self {
            evidence,
            analyzer,
            language,
            relevance,
            config,
            drugs: Drugs::of(analyzer.pack()),
            windows: BTreeMap::new(),
            numbers: Numbers::default(),
            sentences: Vec::new(),
            last_quoted: None,
            tally: Tally::default(),
        }
    }

    /// Checks one sentence. Gives what may be shown: the sentence, or the quotation nearest to it
    /// with what it must be read with, or nothing.
    pub(crate) fn check(&mut self, claimed: &Claimed<'_>) -> &[VerifiedSentence] {
        self.tally.drafted += 1;
        let before = self.sentences.len();
        match self.pass(claimed) {
            Passed::InOtherWords(sentence) => {
                self.tally.verified += 1;
                self.last_quoted = None;
                self.sentences.push(sentence);
            }
            Passed::Quotation(shown) => {
                self.tally.quoted += 1;
                self.sentences.extend(shown);
            }
            // What is said twice has failed at nothing.
            Passed::Repeated => {}
            Passed::Failed(gate, replacement) => {
                *self.tally.turned_away.entry(gate).or_default() += 1;
                if replacement.is_empty() {
                    self.tally.dropped += 1;
                } else {
                    self.tally.replaced += 1;
                }
                self.sentences.extend(replacement);
            }
        }
        self.sentences.get(before..).unwrap_or_default()
    }

    /// The answer made of what was shown; `None` where nothing was.
    pub(crate) fn finish(self) -> (Option<Answer>, Tally) {
        let answer = (!self.sentences.is_empty()).then_some(Answer {
            sentences: self.sentences,
            items_left_out: 0,
        });
        (answer, self.tally)
    }

    /// How many sentences may be shown so far.
    pub(crate) fn shown(&self) -> usize {
        self.sentences.len()
    }

    /// What became of the sentences so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn pass(&mut self, claimed: &Claimed<'_>) -> Passed {
        for id in &claimed.passages {
            self.read(*id);
        }
        let claim = Claim::of(claimed.text, self.language, self.analyzer, &self.drugs);
        let mut gate = Gate::Citation;
        let mut stands_on: Vec<(PassageId, usize)> = Vec::new();
        let mut nearest: Option<(f32, PassageId, usize)> = None;
        for id in &claimed.passages {
            let mut found: Option<(f32, usize)> = None;
            for (place, window) in self.windows.get(id).into_iter().flatten().enumerate() {
                let support = claim.support(window);
                let relevant = self.relevance.speaks_of_it(*id, &window.range);
                if relevant && nearest.is_none_or(|(best, ..)| support > best) {
                    nearest = Some((support, *id, place));
                }
                let verdict = match claim.stands_on(window, self.config.min_support) {
                    Ok(()) if !relevant => Err(Gate::Relevance),
                    other => other,
                };
                match verdict {
                    Ok(()) if found.is_none_or(|(best, _)| support > best) => {
                        found = Some((support, place));
                    }
                    Ok(()) => {}
                    // The gate of the likeliest source tells most.
                    Err(failed) => {
                        if nearest.is_some_and(|(_, n, p)| n == *id && p == place)
                            || gate == Gate::Citation
                        {
                            gate = failed;
                        }
                    }
                }
            }
            stands_on.extend(found.map(|(_, place)| (*id, place)));
        }
        let is_foreign = !claim.is_in(self.language);
        if stands_on.is_empty() && is_foreign {
            return Passed::Failed(Gate::Language, Vec::new());
        }
        if stands_on.is_empty() {
            let replacement = nearest
                .filter(|(support, ..)| *support >= self.config.min_likeness)
                .filter(|(_, id, place)| self.is_quotable(*id, *place))
                .map(|(_, id, place)| self.quotation(id, place));
            return Passed::Failed(gate, replacement.unwrap_or_default());
        }
        if self.sentences.iter().any(|one| one.text == claimed.text) {
            return Passed::Repeated;
        }
        if let [(id, place)] = stands_on.as_slice()
            && self.words_at(*id, *place) == Some(claimed.text)
        {
            let quoted = self.quotation(*id, *place);
            // Its words are the document's, but it cannot be read without what is not there.
            return if quoted.is_empty() {
                Passed::Failed(Gate::Support, quoted)
            } else {
                Passed::Quotation(quoted)
            };
        }
        if is_foreign {
            return Passed::Failed(Gate::Language, Vec::new());
        }
        let mut citations = Vec::new();
        for (id, place) in stands_on {
            citations.extend(self.cite(id, place));
        }
        if citations.is_empty() {
            return Passed::Failed(Gate::Citation, Vec::new());
        }
        Passed::InOtherWords(VerifiedSentence {
            text: claimed.text.to_owned(),
            support: Support::Verified,
            citations,
            continues: !claimed.new_line && !self.sentences.is_empty(),
        })
    }

    /// Cuts a cited passage into windows, once.
    fn read(&mut self, id: PassageId) {
        if self.windows.contains_key(&id) {
            return;
        }
        if let Some(offered) = self.evidence.find(id)
            && super::is_sound(&offered.passage)
        {
            let read = windows(offered, self.analyzer, &self.drugs);
            self.windows.insert(id, read);
        }
    }

    fn words_at(&self, id: PassageId, place: usize) -> Option<&'a str> {
        let range = self.windows.get(&id)?.get(place)?.range.clone();
        self.evidence.find(id)?.passage.text.get(range)
    }

    /// Whether an answer made of quotations would show the window.
    fn is_quotable(&self, id: PassageId, place: usize) -> bool {
        let window = self.windows.get(&id).and_then(|all| all.get(place));
        window.is_some_and(|window| self.relevance.is_quotable(id, &window.range))
    }

    /// A window word for word after what it must be read with and before its exceptions; empty
    /// where it is shown already or cannot be shown alone.
    fn quotation(&mut self, id: PassageId, place: usize) -> Vec<VerifiedSentence> {
        let is_shown = self
            .words_at(id, place)
            .is_none_or(|text| self.sentences.iter().any(|one| one.text == text));
        let company = self.evidence.find(id).and_then(|offered| {
            let windows = self.windows.get(&id)?;
            read_with(windows, &offered.passage.text, place)
        });
        let (false, Some(company)) = (is_shown, company) else {
            return Vec::new();
        };
        let mut shown = Vec::new();
        for one in company {
            if self.follows_on(id, one, place) {
                continue;
            }
            match self.quoted(id, one) {
                Some(sentence) => shown.push(sentence),
                // Without a part of its company it is not shown.
                None => return Vec::new(),
            }
        }
        self.last_quoted = Some((id, place));
        shown
    }

    /// Whether what is shown last already ends with `one`, which the window at `place` is read
    /// with: the same sentence, or the line that opens the list of both.
    fn follows_on(&self, id: PassageId, one: usize, place: usize) -> bool {
        let Some((passage, last)) = self.last_quoted else {
            return false;
        };
        let lead = |at: usize| self.windows.get(&id)?.get(at)?.lead.clone();
        let opens_both = || {
            let opening = self.windows.get(&id).and_then(|all| all.get(one));
            opening.is_some_and(|opening| {
                [last, place].map(lead)
                    == [Some(opening.range.clone()), Some(opening.range.clone())]
            })
        };
        passage == id && one != place && (one == last || opens_both())
    }

    /// A window word for word.
    fn quoted(&mut self, id: PassageId, place: usize) -> Option<VerifiedSentence> {
        let text = self.words_at(id, place)?.to_owned();
        let window = self.windows.get(&id)?.get(place)?;
        let passage = &self.evidence.find(id)?.passage;
        let adds_headers = Quotation::at(passage, window.range.clone())?.adds_headers;
        let citations = self.cite(id, place);
        (!citations.is_empty()).then_some(VerifiedSentence {
            text,
            support: if adds_headers {
                Support::Verified
            } else {
                Support::Quoted
            },
            citations,
            continues: false,
        })
    }

    /// The citations of a window: its words, and those of the line that opens its list.
    fn cite(&mut self, id: PassageId, place: usize) -> Vec<Citation> {
        let Some(offered) = self.evidence.find(id) else {
            return Vec::new();
        };
        let Some(window) = self.windows.get(&id).and_then(|all| all.get(place)) else {
            return Vec::new();
        };
        let passage = &offered.passage;
        let ranges = std::iter::once(window.range.clone()).chain(window.lead.clone());
        let mut citations = Vec::new();
        for quotation in ranges.filter_map(|range| Quotation::at_sound(passage, range)) {
            for quote in quotation.quotes {
                citations.push(Citation {
                    number: self.numbers.of(passage.id, &quote),
                    passage_id: passage.id,
                    source: offered.source.clone(),
                    page: quote.page,
                    section: passage.section.clone(),
                    quote: quote.text,
                    boxes: quote.boxes,
                });
            }
        }
        citations
    }
}
