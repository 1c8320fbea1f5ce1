//! One thread that runs a model for several people at once.

mod bench;
mod blocks;
mod config;
mod cycle;
pub(crate) mod forward;
mod handle;
mod lookup;
mod noise;
mod parity;
mod payoff;
mod reading;
mod request;
mod schedule;
mod sequence;
mod settle;
mod step;
#[cfg(test)]
mod tests;
mod thread;

pub use bench::{Copying, SpeedError, SpeedReport, measure_speed};
pub use config::EngineConfig;
pub use handle::{Engine, Generation};
pub use parity::{ParityError, ParityReport, compare_with_cpu};
pub use request::{
    EngineError, EngineStatus, Event, FinishReason, Finished, GenerateError, Request, Timings,
};
