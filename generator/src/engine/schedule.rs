//! Who computes what in the next step: texts first, then prompts, as far as the blocks go.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::blocks::{BlockPool, PrefixDigest};
use super::config::EngineConfig;
use super::payoff::{Payoff, Planned};
use super::reading::Reading;
use super::request::{EngineStatus, Event, FinishReason, GenerateError};
use super::sequence::{Sequence, Submitted};
use super::step::{Share, Step};
use crate::compute::BLOCK_TOKENS;

/// A sequence with this many tokens to compute, or fewer, counts as writing and not as reading:
/// one, or a few more where the grammar left no choice.
const WRITING_ROWS: usize = 8;

/// The requests of one engine and the blocks they share.
///
/// Progress is certain: blocks are taken from the latest arrival only, so the earliest always
/// ends, and what does not fit alone is refused before it comes here.
pub(super) struct Scheduler {
    pub(super) config: EngineConfig,
    pub(super) root: PrefixDigest,
    pub(super) stop_ids: BTreeSet<u32>,
    pub(super) pool: BlockPool,
    /// Both in order of arrival.
    pub(super) running: Vec<Sequence>,
    waiting: VecDeque<Sequence>,
    arrivals: u64,
    pub(super) payoff: Payoff,
    reading: Reading,
    pub(super) outbox: Vec<(UnboundedSender<Event>, Event)>,
    pub(super) counts: EngineStatus,
}

impl Scheduler {
    pub(super) fn new(
        config: EngineConfig,
        model_digest: &str,
        stop_ids: BTreeSet<u32>,
        blocks: usize,
    ) -> Self {
        Self {
            config,
            root: PrefixDigest::of_model(model_digest),
            stop_ids,
            pool: BlockPool::new(blocks),
            running: Vec::new(),
            waiting: VecDeque::new(),
            arrivals: 0,
            payoff: Payoff::new(),
            reading: Reading::default(),
            outbox: Vec::new(),
            counts: EngineStatus::default(),
        }
    }

    /// Takes a request in.
    pub(super) fn submit(&mut self, submitted: Submitted) {
        let sequence = Sequence::new(self.arrivals, submitted);
        self.arrivals += 1;
        self.counts.prompt_tokens += sequence.prompt_tokens as u64;
        if sequence.left() == 0 {
            self.finish(sequence, FinishReason::Length);
        } else {
            self.waiting.push_back(sequence);
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Where it stands.
    pub(super) fn status(&self) -> EngineStatus {
        EngineStatus {
            running: self.running.len(),
            waiting: self.waiting.len(),
            blocks_total: self.pool.total(),
            blocks_free: self.pool.available(),
            block_tokens: BLOCK_TOKENS,
            ..self.counts
        }
    }

    /// What is to be told, and to whom.
    pub(super) fn take_outbox(&mut self) -> Vec<(UnboundedSender<Event>, Event)> {
        std::mem::take(&mut self.outbox)
    }

    /// The next step; none where nobody is left.
    pub(super) fn plan(&mut self) -> Option<Step> {
        self.drop_abandoned();
        self.admit();
        let mut shares = Vec::new();
        let (writers, readers): (Vec<_>, Vec<_>) = (0..self.running.len())
            .map(|at| (self.running[at].id, is_writing(&self.running[at])))
            .partition(|(_, writing)| *writing);
        for (id, _) in writers {
            self.share_text(id, &mut shares);
        }
        if self.config.lookup && (readers.is_empty() || self.config.lookup_always) {
            self.propose(&mut shares);
        }
        let mut budget = self.reading.rows(&self.config);
        let mut in_work = HashSet::new();
        for (id, _) in &readers {
            self.share_prompt(*id, &mut budget, &mut in_work, &mut shares);
        }
        if shares.is_empty() {
            return None;
        }
        let mut step = Step {
            writes_only: readers.is_empty(),
            ..Step::default()
        };
        let now = Instant::now();
        for share in shares {
            if let Some(at) = self.place_of(share.id) {
                self.running[at].touched(now);
                step.push(share, &self.running[at]);
            }
        }
        self.counts.steps += 1;
        self.counts.computed_tokens += step.ids.len() as u64;
        Some(step)
    }

    /// What a step of `rows` rows cost.
    pub(super) fn timed(&mut self, rows: usize, writes_only: bool, seconds: f64) {
        if writes_only {
            self.payoff.timed(rows, seconds);
        } else {
            self.reading.timed(rows, seconds);
        }
    }

    /// Adds to the time spent.
    pub(super) fn spent(&mut self, busy: f64, host: f64) {
        self.counts.busy_seconds += busy;
        self.counts.host_seconds += host;
    }

    /// Nobody is served any more.
    pub(super) fn stop(&mut self) {
        for sequence in std::mem::take(&mut self.running) {
            self.fail(sequence, GenerateError::Stopped);
        }
        for sequence in std::mem::take(&mut self.waiting) {
            self.fail(sequence, GenerateError::Stopped);
        }
    }

    pub(super) fn place_of(&self, id: u64) -> Option<usize> {
        self.running.binary_search_by_key(&id, |one| one.id).ok()
    }

    /// Forgets requests that nobody listens to.
    fn drop_abandoned(&mut self) {
        let before = self.running.len() + self.waiting.len();
        for mut sequence in std::mem::take(&mut self.running) {
            if sequence.abandoned() {
                sequence.release(&mut self.pool);
            } else {
                self.running.push(sequence);
            }
        }
        self.waiting.retain(|one| !one.abandoned());
        let left = self.running.len() + self.waiting.len();
        self.counts.cancelled += (before - left) as u64;
    }

    /// Lets the earliest in, as long as there is room for what they will compute at once.
    fn admit(&mut self) {
        while self.running.len() < self.config.max_sequences.max(1) {
            let Some(mut next) = self.waiting.pop_front() else {
                return;
            };
            let found = next.reused();
            next.take_over(&self.root, &mut self.pool);
            let promised: usize = self.running.iter().map(Sequence::blocks_lacking).sum();
            let fits = promised + next.blocks_lacking() <= self.pool.available();
            if !fits && !self.running.is_empty() {
                next.give_back(&mut self.pool);
                self.waiting.push_front(next);
                return;
            }
            self.counts.prefix_hit_tokens += (next.reused() - found) as u64;
            let at = self.running.partition_point(|one| one.id < next.id);
            self.running.insert(at, next);
        }
    }

    /// A share for the last token of a text.
    fn share_text(&mut self, id: u64, shares: &mut Vec<Share>) {
        let Some(at) = self.place_of(id) else {
            return;
        };
        let (rows, computed) = (self.running[at].pending(), self.running[at].computed);
        if self.make_room(id, computed + rows, shares) {
            shares.push(Share {
                id,
                rows,
                asks: true,
                draft: Vec::new(),
                matched: 0,
                states: vec![self.running[at].state],
            });
        }
    }

    /// A share of the prompt, or of what is read again after a preemption.
    fn share_prompt(
        &mut self,
        id: u64,
        budget: &mut usize,
        in_work: &mut HashSet<PrefixDigest>,
        shares: &mut Vec<Share>,
    ) {
        let Some(at) = self.place_of(id) else {
            return;
        };
        let sequence = &mut self.running[at];
        let found = sequence.reused();
        sequence.take_over(&self.root, &mut self.pool);
        self.counts.prefix_hit_tokens += (sequence.reused() - found) as u64;
        let (computed, pending) = (sequence.computed, sequence.pending());
        let on_boundary = computed.is_multiple_of(BLOCK_TOKENS) && pending >= BLOCK_TOKENS;
        if on_boundary && in_work.contains(&sequence.digest(&self.root, computed / BLOCK_TOKENS)) {
            // Another computes the same block in this step: it is taken over in the next.
            return;
        }
        let mut rows = pending.min(*budget);
        if rows < pending {
            // Ending on a block's end leaves the rest free to be taken over.
            let end = (computed + rows) / BLOCK_TOKENS * BLOCK_TOKENS;
            rows = if end > computed { end - computed } else { rows };
        }
        if rows == 0 || !self.make_room(id, computed + rows, shares) {
            return;
        }
        *budget -= rows;
        let sequence = &mut self.running[at];
        for block in computed / BLOCK_TOKENS..(computed + rows) / BLOCK_TOKENS {
            in_work.insert(sequence.digest(&self.root, block));
        }
        shares.push(Share {
            id,
            rows,
            asks: rows == pending,
            draft: Vec::new(),
            matched: 0,
            states: vec![sequence.state],
        });
    }

    /// Gives a sequence blocks for `tokens` tokens, from the latest arrivals where none is free;
    /// false where it was the latest and gave up its own.
    fn make_room(&mut self, id: u64, tokens: usize, shares: &mut Vec<Share>) -> bool {
        let needed = tokens.div_ceil(BLOCK_TOKENS);
        while let Some(at) = self.place_of(id) {
            let blocks = &mut self.running[at].blocks;
            while blocks.len() < needed {
                match self.pool.take() {
                    Some(block) => blocks.push(block),
                    None => break,
                }
            }
            if blocks.len() >= needed {
                return true;
            }
            if let Some(mut latest) = self.running.pop() {
                shares.retain(|share| share.id != latest.id);
                latest.release(&mut self.pool);
                self.counts.preemptions += 1;
                self.wait_again(latest);
            }
        }
        false
    }

    pub(super) fn wait_again(&mut self, sequence: Sequence) {
        let at = self.waiting.partition_point(|one| one.id < sequence.id);
        self.waiting.insert(at, sequence);
    }

    /// Adds to the shares of those who write what may come next, where it pays.
    fn propose(&mut self, shares: &mut [Share]) {
        let mut planned = Planned {
            rows: shares.iter().map(|share| share.rows).sum(),
            expected: shares.len() as f64,
        };
        for share in shares {
            let Some(at) = self.place_of(share.id) else {
                continue;
            };
            let sequence = &mut self.running[at];
            if sequence.request.plain {
                continue;
            }
            let most = (sequence.left() - 1).min(self.config.lookup_max_draft);
            let mut proposal = sequence.lookup.propose(&sequence.tokens, most);
            walk(sequence, &self.stop_ids, &mut proposal.tokens, share);
            let proposed = proposal.tokens.len();
            let (mut worth, promised) = if self.config.lookup_always {
                (proposed, 0.0)
            } else {
                let own = &sequence.agreement;
                self.payoff.worth(planned, own, proposal.matched, proposed)
            };
            // A proposal takes empty room only: nobody is put off for it.
            let end = sequence.computed + share.rows;
            while sequence.blocks.len() * BLOCK_TOKENS < end + worth {
                match self.pool.take() {
                    Some(block) => sequence.blocks.push(block),
                    None => worth = sequence.blocks.len() * BLOCK_TOKENS - end,
                }
            }
            proposal.tokens.truncate(worth);
            share.states.truncate(1 + worth);
            planned.rows += worth;
            planned.expected += promised;
            share.matched = proposal.matched;
            share.draft = proposal.tokens;
        }
    }

    pub(super) fn finish(&mut self, sequence: Sequence, reason: FinishReason) {
        self.counts.finished += 1;
        let (events, finished) = sequence.finish(reason, Instant::now());
        self.outbox.push((events, Event::Finished(finished)));
    }

    pub(super) fn fail(&mut self, sequence: Sequence, error: GenerateError) {
        self.counts.failed += 1;
        self.outbox.push((sequence.close(), Event::Failed(error)));
    }
}

/// Whether a sequence has its prompt behind it.
fn is_writing(sequence: &Sequence) -> bool {
    sequence.generated() > 0 && sequence.pending() <= WRITING_ROWS
}

/// Cuts a proposal where the text would end or the grammar would not let it pass, and notes where
/// the grammar stands after each token left.
fn walk(sequence: &Sequence, stop_ids: &BTreeSet<u32>, tokens: &mut Vec<u32>, share: &mut Share) {
    let mut standing = 0;
    let mut state = sequence.state;
    for token in tokens.iter() {
        if stop_ids.contains(token) {
            break;
        }
        if let (Some(grammar), Some(at)) = (&sequence.request.grammar, state) {
            let Some(next) = grammar.next(at, *token) else {
                break;
            };
            state = Some(next);
        }
        share.states.push(state);
        standing += 1;
    }
    tokens.truncate(standing);
}
