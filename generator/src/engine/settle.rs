//! What a step came to: tokens chosen, texts that end, proposals that stood, steps that failed.

use std::collections::BTreeSet;
use std::time::Instant;

use super::blocks::BlockPool;
use super::noise::noise;
use super::request::{Event, FinishReason, GenerateError};
use super::schedule::Scheduler;
use super::sequence::{Sequence, Written};
use super::step::{Share, Step};
use crate::compute::{Chosen, RowChoice, TokenMask};
use crate::grammar::GrammarState;

impl Scheduler {
    /// How to choose after each of the step's logit rows. Masks are made here, after the model
    /// was set to work, because a device computes meanwhile.
    pub(super) fn choices(&self, step: &Step) -> Vec<RowChoice> {
        let mut choices = Vec::with_capacity(step.logit_rows.len());
        for share in step.shares.iter().filter(|share| share.asks) {
            let Some(at) = self.place_of(share.id) else {
                continue;
            };
            let sequence = &self.running[at];
            for (ahead, state) in share.states.iter().enumerate() {
                let request = &sequence.request;
                let mask = match (&request.grammar, state) {
                    (Some(grammar), Some(state)) => Some(grammar.mask(*state)),
                    _ => None,
                };
                choices.push(RowChoice {
                    mask,
                    temperature: request.temperature,
                    top_p: request.top_p,
                    noise: noise(request.seed, sequence.tokens.len() + ahead),
                });
            }
        }
        choices
    }

    /// Takes in what was chosen after each of the step's logit rows.
    pub(super) fn apply(&mut self, step: Step, chosen: &[Chosen]) {
        let mut chosen = chosen.iter().copied();
        for share in step.shares {
            let of_share: Vec<Chosen> = chosen.by_ref().take(share.choices()).collect();
            if let Some(at) = self.place_of(share.id) {
                self.apply_share(at, &share, &of_share);
            }
        }
    }

    fn apply_share(&mut self, at: usize, share: &Share, chosen: &[Chosen]) {
        let sequence = &mut self.running[at];
        let before = sequence.tokens.len();
        sequence.computed += share.rows;
        let mut agreed = 0;
        let mut ended = None;
        for (ahead, choice) in chosen.iter().enumerate() {
            if !choice.finite {
                let state = share.states.get(ahead).copied().flatten();
                ended = Some(Err(why_nothing_was_chosen(sequence, state)));
                break;
            }
            match sequence.write(choice.token, &self.stop_ids) {
                Written::More => {}
                Written::Ended(reason) => ended = Some(Ok(reason)),
                Written::OutsideGrammar => ended = Some(Err(GenerateError::Internal)),
            }
            if ended.is_some() || share.draft.get(ahead) != Some(&choice.token) {
                break;
            }
            agreed += 1;
        }
        // The draft's rows stand as far as the model agreed; the rest is written over.
        sequence.computed += agreed;
        if share.asks && ended.is_none() {
            ended = write_forced(sequence, &self.stop_ids);
        }
        if !share.draft.is_empty() {
            let (matched, proposed) = (share.matched, share.draft.len());
            self.payoff
                .learn(&mut sequence.agreement, matched, proposed, agreed);
            self.counts.drafted += proposed as u64;
            self.counts.accepted += agreed as u64;
        }
        let written = sequence.tokens[before..].to_vec();
        self.counts.generated_tokens += written.len() as u64;
        if !written.is_empty() {
            sequence.wrote(Instant::now());
            let event = Event::Tokens { ids: written };
            self.outbox.push((sequence.events(), event));
        }
        if matches!(ended, Some(Err(_))) {
            // What it computed may be as broken as its logits.
            for block in &sequence.blocks {
                self.pool.forget(*block);
            }
        } else {
            sequence.publish(&self.root, &mut self.pool);
        }
        if let Some(ended) = ended {
            let mut sequence = self.running.remove(at);
            sequence.release(&mut self.pool);
            match ended {
                Ok(reason) => self.finish(sequence, reason),
                Err(error) => self.fail(sequence, error),
            }
        }
    }

    /// A step failed: its sequences fail, the others begin anew, and no block is trusted.
    pub(super) fn fail_step(&mut self, of_step: Option<&[u64]>, error: &GenerateError) {
        self.pool = BlockPool::new(self.pool.total());
        for mut sequence in std::mem::take(&mut self.running) {
            sequence.forget_blocks();
            if of_step.is_none_or(|ids| ids.contains(&sequence.id)) {
                self.fail(sequence, error.clone());
            } else {
                self.wait_again(sequence);
            }
        }
    }
}

/// A row without a choice holds no numbers, or its grammar has come to a dead end.
fn why_nothing_was_chosen(sequence: &Sequence, state: Option<GrammarState>) -> GenerateError {
    match (&sequence.request.grammar, state) {
        (Some(grammar), Some(state)) if grammar.mask(state).count() == 0 => GenerateError::Internal,
        _ => GenerateError::NotFinite,
    }
}

/// Writes on while the grammar leaves one token only: the model need not be asked.
fn write_forced(
    sequence: &mut Sequence,
    stop_ids: &BTreeSet<u32>,
) -> Option<Result<FinishReason, GenerateError>> {
    loop {
        let (grammar, state) = sequence.grammar()?;
        let token = only(&grammar.mask(state))?;
        match sequence.write(token, stop_ids) {
            Written::More => {}
            Written::Ended(reason) => return Some(Ok(reason)),
            Written::OutsideGrammar => return Some(Err(GenerateError::Internal)),
        }
    }
}

/// The token, where a mask allows one only.
fn only(mask: &TokenMask) -> Option<u32> {
    let mut found = None;
    for (index, word) in mask.words().iter().enumerate() {
        match (word.count_ones(), found) {
            (0, _) => {}
            (1, None) => {
                found = u32::try_from(index * 32)
                    .ok()
                    .map(|at| at + word.trailing_zeros());
            }
            _ => return None,
        }
    }
    found
}
