//! The gates for a sentence in a model's own words: what it says must stand, number by number and
//! name by name, in one sentence, item or row of a passage that it cites.
//!
//! Every gate is strict on purpose: a true sentence turned away costs a quotation in its place, a
//! false one let through may cost a patient.

use domain::{Analyzer, Language, TermKind};

use super::binding::belong_together;
use super::framing::frames;
use super::gate::Gate;
use super::opposites::turns_round;
use super::profile::Profile;
use super::window::Window;
use crate::extractive::{Drugs, compares};
use crate::prompt::answers_in;

/// The ways to write a thing; each is a set of keys that must all occur.
type Ways = Vec<Vec<String>>;

/// A sentence to be checked, read once for all the windows it is held against.
pub(super) struct Claim<'a> {
    text: &'a str,
    profile: Profile,
    words: Vec<Spoken>,
    /// Its codes in the order told: all must stand in the source.
    codes: Vec<Ways>,
}

/// A word of a claim.
struct Spoken {
    ways: Ways,
    /// How much the sentence hangs on it.
    weight: f32,
    /// It must stand in the source: it is no word that only frames what is said.
    is_substance: bool,
}

impl<'a> Claim<'a> {
    pub(super) fn of(
        text: &'a str,
        language: Language,
        analyzer: &Analyzer,
        drugs: &Drugs,
    ) -> Self {
        let profile = Profile::of(text, language, analyzer, drugs);
        let mut words = Vec::new();
        let mut codes = Vec::new();
        for concept in analyzer.concepts(text, language) {
            match concept.kind {
                TermKind::Quantity | TermKind::Negation => {}
                TermKind::Code => codes.push(concept.alternatives),
                TermKind::Stem | TermKind::Word => words.push(Spoken {
                    is_substance: concept.weight >= 1.0 && !only_frames(&concept.surface, &profile),
                    ways: concept.alternatives,
                    weight: concept.weight,
                }),
            }
        }
        Self {
            text,
            profile,
            words,
            codes,
        }
    }

    /// Whether it is written in `language`, or too short or too full of names to tell.
    pub(super) fn is_in(&self, language: Language) -> bool {
        answers_in(language, self.text)
    }

    /// Share of its words, by weight, that stand in the window or what it is read with, 0 to 1.
    pub(super) fn support(&self, window: &Window) -> f32 {
        let mut all = 0.0;
        let mut found = 0.0;
        let codes = self.codes.iter().map(|ways| (ways, 1.0));
        let words = self.words.iter().map(|word| (&word.ways, word.weight));
        for (ways, weight) in words.chain(codes) {
            all += weight;
            if stands(ways, window) {
                found += weight;
            }
        }
        if all > 0.0 { found / all } else { 0.0 }
    }

    /// Whether the window says what the sentence says.
    pub(super) fn stands_on(&self, window: &Window, min_support: f32) -> Result<(), Gate> {
        let (claim, source) = (&self.profile, &window.source);
        let amounts = claim.has_its_amounts_from(source);
        // A row tells by its columns what belongs together, running text by its order alone.
        let binding = if window.row.is_empty() {
            belong_together(&claim.tokens, &source.tokens)
        } else {
            window.row.is_told_rightly(claim)
        };
        if !(amounts && binding) {
            return Err(Gate::Quantity);
        }
        // Where the source names a drug itself, the drug of its heading is not the one it means.
        let drugs = if source.drugs.is_empty() {
            &window.drugs_under
        } else {
            &source.drugs
        };
        let names = self.codes.iter().all(|ways| stands(ways, window));
        if !(names && claim.drugs.is_subset(drugs)) {
            return Err(Gate::Name);
        }
        if !self.keeps_its_sense(window) {
            return Err(Gate::Polarity);
        }
        let substance = self.words.iter().filter(|word| word.is_substance);
        if !substance.into_iter().all(|word| stands(&word.ways, window))
            || self.support(window) < min_support
        {
            return Err(Gate::Support);
        }
        Ok(())
    }

    /// Whether no negation, exception, condition or limit is lost or added, nothing said the other
    /// way round.
    fn keeps_its_sense(&self, window: &Window) -> bool {
        let (claim, source) = (&self.profile, &window.source);
        let own = if window.row.is_empty() {
            source.polarity.or(&window.binding)
        } else {
            window.row.polarity(claim).or(&window.binding)
        };
        let around = source.polarity.or(&window.near);
        let limits = if window.row.is_empty() {
            claim.keeps_the_limits_of(source)
        } else {
            window.row.keeps_its_limits(claim)
        };
        let led = window.lead_profile.as_ref();
        claim.polarity.agrees(&own, &around, |key| claim.says(key))
            && limits
            && led.is_none_or(|lead| claim.keeps_the_limits_of(lead))
            && window
                .opening
                .iter()
                .all(|ways| any_way(ways, |key| claim.says(key)))
            && !turns_round(&claim.words, &source.words)
    }
}

/// Whether the words of a claim only frame it, name the time that a quantity of it is told for, or
/// compare a number: those are held against the source as quantities and ranges.
fn only_frames(surface: &str, claim: &Profile) -> bool {
    let limits = claim.stated.iter().any(|one| !one.is_point());
    surface.split_whitespace().all(|word| {
        frames(word)
            // «mes» is also a month.
            || limits && word.len() > 3 && compares(word)
            || claim.measures.iter().any(|measure| measure.is_per(word))
    })
}

fn stands(ways: &[Vec<String>], window: &Window) -> bool {
    any_way(ways, |key| {
        window.source.keys.contains(key) || window.context.contains(key)
    })
}

fn any_way(ways: &[Vec<String>], holds: impl Fn(&str) -> bool) -> bool {
    ways.iter().any(|keys| keys.iter().all(|key| holds(key)))
}
