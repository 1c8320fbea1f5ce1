//! What one step computes, and for whom.

use crate::compute::{BLOCK_TOKENS, Span, StepPlan};
use crate::grammar::GrammarState;

use super::sequence::Sequence;

/// What one sequence computes in a step.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) id: u64,
    /// Tokens of the sequence itself.
    pub(super) rows: usize,
    /// Whether the last of them is the sequence's last, so that a token is chosen after it.
    pub(super) asks: bool,
    /// Tokens proposed to come next, computed after the sequence's own.
    pub(super) draft: Vec<u32>,
    /// How many tokens matched where the draft was copied from.
    pub(super) matched: usize,
    /// Where the grammar stands at the sequence's end and after each proposed token.
    pub(super) states: Vec<Option<GrammarState>>,
}

impl Share {
    /// Rows whose logits are needed: the sequence's last and those of the draft.
    pub(super) fn choices(&self) -> usize {
        if self.asks { 1 + self.draft.len() } else { 0 }
    }
}

/// One step of the batch.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Token of each row.
    pub(super) ids: Vec<u32>,
    /// Whose rows they are and where their keys and values go.
    pub(super) plan: StepPlan,
    /// Rows after which a token is chosen, ascending.
    pub(super) logit_rows: Vec<u32>,
    /// In the order of their rows.
    pub(super) shares: Vec<Share>,
    /// No prompt is read in it: its time tells what a row costs.
    pub(super) writes_only: bool,
}

impl Step {
    /// Appends the rows of `share`, for which `sequence` has blocks.
    pub(super) fn push(&mut self, share: Share, sequence: &Sequence) {
        let first_row = self.ids.len();
        let start = sequence.computed;
        let own = &sequence.tokens[start..start + share.rows];
        self.ids.extend(own.iter().chain(&share.draft));
        let rows = share.rows + share.draft.len();
        for position in start..start + rows {
            let block = sequence.blocks[position / BLOCK_TOKENS] as usize;
            self.plan.positions.push(row_number(position));
            self.plan
                .slots
                .push(row_number(block * BLOCK_TOKENS + position % BLOCK_TOKENS));
        }
        let context = start + rows;
        self.plan.spans.push(Span {
            first_row,
            rows,
            context,
            blocks: sequence.blocks[..context.div_ceil(BLOCK_TOKENS)].to_vec(),
        });
        let asked = first_row + rows - share.choices();
        self.logit_rows
            .extend((asked..first_row + rows).map(row_number));
        self.shares.push(share);
    }
}

fn row_number(number: usize) -> u32 {
    u32::try_from(number).expect("cache and batch have fewer than 2^32 rows: they lie in memory")
}
