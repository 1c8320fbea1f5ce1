//! One request while it is served: its tokens, its blocks and what it has learnt of itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::blocks::{BlockPool, PrefixDigest};
use super::cycle::CycleWatch;
use super::lookup::Lookup;
use super::payoff::Agreement;
use super::request::{Event, FinishReason, Finished, Request, Timings};
use crate::compute::BLOCK_TOKENS;
use crate::grammar::{Grammar, GrammarState};

/// A place among the requests that the engine serves or lets wait; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    /// A place, unless `most` are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < most).then_some(count + 1)
            })
            .ok()
            .map(|_| Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request on its way to the engine's thread.
pub(super) struct Submitted {
    pub(super) request: Request,
    pub(super) events: UnboundedSender<Event>,
    pub(super) place: Place,
    pub(super) at: Instant,
}

/// What a token made of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It goes on.
    More,
    /// It is whole.
    Ended(FinishReason),
    /// The grammar does not know the token there, though its mask let it pass.
    OutsideGrammar,
}

/// A request in the engine's thread.
pub(super) struct Sequence {
    /// Order of arrival; the lower gives up its blocks later.
    pub(super) id: u64,
    pub(super) request: Request,
    /// The prompt and what was written.
    pub(super) tokens: Vec<u32>,
    pub(super) prompt_tokens: usize,
    pub(super) state: Option<GrammarState>,
    /// Tokens whose keys and values are in the cache.
    pub(super) computed: usize,
    /// Block table: the first holds positions 0 to `BLOCK_TOKENS` - 1.
    pub(super) blocks: Vec<u32>,
    /// The digest up to the end of each full block of `tokens`, as far as it was needed.
    digests: Vec<PrefixDigest>,
    /// Blocks that others may find, or that were found.
    published: usize,
    pub(super) lookup: Lookup,
    pub(super) agreement: Agreement,
    pub(super) cycle: CycleWatch,
    events: UnboundedSender<Event>,
    place: Place,
    asked: Instant,
    started: Option<Instant>,
    first_token: Option<Instant>,
    reused: usize,
    preempted: bool,
}

impl Sequence {
    pub(super) fn new(id: u64, submitted: Submitted) -> Self {
        let Submitted {
            mut request,
            events,
            place,
            at,
        } = submitted;
        let tokens = std::mem::take(&mut request.prompt);
        Self {
            id,
            prompt_tokens: tokens.len(),
            state: request.grammar.as_ref().map(|grammar| grammar.start()),
            tokens,
            request,
            computed: 0,
            blocks: Vec::new(),
            digests: Vec::new(),
            published: 0,
            lookup: Lookup::default(),
            agreement: Agreement::unknown(),
            cycle: CycleWatch::default(),
            events,
            place,
            asked: at,
            started: None,
            first_token: None,
            reused: 0,
            preempted: false,
        }
    }

    /// Whether nobody listens any more.
    pub(super) fn abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// The grammar and where it stands.
    pub(super) fn grammar(&self) -> Option<(&Grammar, GrammarState)> {
        Some((self.request.grammar.as_deref()?, self.state?))
    }

    /// Tokens whose keys and values are still to be computed; at least one.
    pub(super) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Tokens written.
    pub(super) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt_tokens
    }

    /// Tokens that may still be written.
    pub(super) fn left(&self) -> usize {
        self.request.max_tokens.saturating_sub(self.generated())
    }

    /// Blocks it lacks to compute all it has and one token more.
    pub(super) fn blocks_lacking(&self) -> usize {
        ((self.tokens.len() + 1).div_ceil(BLOCK_TOKENS)).saturating_sub(self.blocks.len())
    }

    /// The digest up to the end of block `index`, all of whose tokens are known.
    pub(super) fn digest(&mut self, root: &PrefixDigest, index: usize) -> PrefixDigest {
        while self.digests.len() <= index {
            let at = self.digests.len();
            let before = self.digests.last().unwrap_or(root);
            let tokens = &self.tokens[at * BLOCK_TOKENS..(at + 1) * BLOCK_TOKENS];
            self.digests.push(before.extended(tokens));
        }
        self.digests[index]
    }

    /// Takes over blocks that somebody computed already, as far as they follow what is computed.
    /// The last token is always left to compute: its logits are what the text begins with.
    pub(super) fn take_over(&mut self, root: &PrefixDigest, pool: &mut BlockPool) {
        while self.computed == self.blocks.len() * BLOCK_TOKENS
            && self.computed + BLOCK_TOKENS < self.tokens.len()
        {
            let digest = self.digest(root, self.blocks.len());
            let Some(block) = pool.find(&digest) else {
                return;
            };
            self.blocks.push(block);
            self.published = self.blocks.len();
            self.computed += BLOCK_TOKENS;
            if !self.preempted {
                self.reused += BLOCK_TOKENS;
            }
        }
    }

    /// Lets others find the blocks that are full.
    pub(super) fn publish(&mut self, root: &PrefixDigest, pool: &mut BlockPool) {
        while (self.published + 1) * BLOCK_TOKENS <= self.computed {
            let digest = self.digest(root, self.published);
            pool.publish(self.blocks[self.published], digest);
            self.published += 1;
        }
    }

    /// Gives back what it took over, as if it had not: it was not let in.
    pub(super) fn give_back(&mut self, pool: &mut BlockPool) {
        pool.release(&self.blocks);
        if !self.preempted {
            self.reused = 0;
        }
        (self.published, self.computed) = (0, 0);
        self.blocks.clear();
    }

    /// Gives up its blocks; what it has written stays written.
    pub(super) fn release(&mut self, pool: &mut BlockPool) {
        pool.release(&self.blocks);
        self.forget_blocks();
    }

    /// Its blocks are no more.
    pub(super) fn forget_blocks(&mut self) {
        self.blocks.clear();
        self.published = 0;
        self.computed = 0;
        self.preempted = true;
    }

    /// Takes in a token chosen for its end.
    pub(super) fn write(&mut self, token: u32, stops: &BTreeSet<u32>) -> Written {
        if !self.request.to_length && stops.contains(&token) {
            return Written::Ended(FinishReason::Stop);
        }
        if let Some((grammar, state)) = self.grammar() {
            match grammar.next(state, token) {
                Some(next) => self.state = Some(next),
                None => return Written::OutsideGrammar,
            }
        }
        self.tokens.push(token);
        let written = &self.tokens[self.prompt_tokens..];
        if self.cycle.goes_round(written) && !self.request.to_length {
            return Written::Ended(FinishReason::Loop);
        }
        if self.left() == 0 {
            return Written::Ended(FinishReason::Length);
        }
        Written::More
    }

    /// A step works on it.
    pub(super) fn touched(&mut self, now: Instant) {
        self.started.get_or_insert(now);
    }

    /// It has written.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.first_token.get_or_insert(now);
    }

    /// Prompt tokens found computed.
    pub(super) fn reused(&self) -> usize {
        self.reused
    }

    /// Where its events go.
    pub(super) fn events(&self) -> UnboundedSender<Event> {
        self.events.clone()
    }

    /// Where its last event goes. Its place is free from here on.
    pub(super) fn close(self) -> UnboundedSender<Event> {
        drop(self.place);
        self.events
    }

    /// What it cost, and where its events go. Its place is free from here on.
    pub(super) fn finish(
        self,
        reason: FinishReason,
        now: Instant,
    ) -> (UnboundedSender<Event>, Finished) {
        let started = self.started.unwrap_or(now);
        let first = self.first_token.unwrap_or(now);
        drop(self.place);
        let finished = Finished {
            reason,
            prompt_tokens: self.prompt_tokens,
            reused_tokens: self.reused,
            generated_tokens: self.tokens.len() - self.prompt_tokens,
            timings: Timings {
                queued: since(self.asked, started),
                prefill: since(started, first),
                decode: since(first, now),
            },
        };
        (self.events, finished)
    }
}

fn since(earlier: Instant, later: Instant) -> Duration {
    later.saturating_duration_since(earlier)
}
