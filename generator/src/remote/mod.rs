//! A model on another machine, behind an OpenAI-compatible server: vLLM, SGLang, TGI, llama.cpp.

mod breaker;
mod client;
mod config;
mod endpoint;
mod error;
mod retry;
mod sse;
mod stream;
mod wire;

#[cfg(test)]
mod tests;

pub use breaker::Circuit;
pub use client::{Remote, RemoteHealth, RemoteStatus};
pub use config::{GrammarDialect, RemoteConfig};
pub use error::RemoteError;
pub(crate) use stream::{RemoteEvent, RemoteStream};
pub(crate) use wire::{ChatRequest, ChatRole, FinishReason};
