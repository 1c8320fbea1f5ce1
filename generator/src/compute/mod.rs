//! What a decoder layer is made of, as operations on ragged batches: every function takes the rows
//! of all sequences of a step one after another and knows from a [`StepPlan`] whose they are.
//!
//! On CPU each output element is computed with one order of operations whatever else is in the
//! batch and however many threads there are, so that batched equals single bit for bit.

mod cache;
mod cpu;
#[cfg(any(feature = "cuda", test))]
mod cuda;
mod error;
mod linear;
mod mask;
mod matrix;
mod ops;
mod plan;
mod rope;

pub(crate) use cache::KvCache;
pub(crate) use cpu::partial_bytes;
#[cfg(feature = "cuda")]
pub(crate) use cuda::{free_memory, not_served, open};
pub(crate) use error::ComputeError;
pub(crate) use linear::Linear;
pub(crate) use mask::{Chosen, RowChoice, TokenMask};
pub(crate) use matrix::Matrix;
pub(crate) use ops::{
    add_rms_norm, attend, choose, embed, rms_norm, rotate_and_store, silu_mul, take_rows,
};
pub(crate) use plan::{BLOCK_TOKENS, HeadShape, Span, StepPlan};
pub(crate) use rope::{RopeTable, RotaryStyle};
