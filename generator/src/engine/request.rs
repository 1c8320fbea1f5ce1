//! What is asked of the engine, and what it sends back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::grammar::Grammar;

/// One text to be written.
///
/// `Debug` shows sizes only: the tokens are what somebody asked and what their documents say.
#[derive(Clone)]
pub struct Request {
    /// What stands before the text, at least one token.
    pub prompt: Vec<u32>,
    /// The most tokens written.
    pub max_tokens: usize,
    /// 0 takes the likeliest token always; above it, tokens are drawn.
    pub temperature: f32,
    /// Share of probability, 0 to 1, from which tokens are drawn; 1 draws from all.
    pub top_p: f32,
    /// What is drawn depends on this number and the token's position alone, so that the same
    /// request writes the same text whatever is written beside it. So on the CPU always; on a GPU
    /// while a step has no more than 16 rows of dense weights, else a near tie may fall the other way.
    pub seed: u64,
    /// What may be written; none leaves every token free.
    pub(crate) grammar: Option<Arc<Grammar>>,
    /// Writes `max_tokens` whatever comes: neither stop tokens nor loops end it. For measuring.
    pub(crate) to_length: bool,
    /// Proposes nothing. For measuring.
    pub(crate) plain: bool,
}

impl Request {
    /// The likeliest text of at most `max_tokens` after `prompt`.
    #[must_use]
    pub fn new(prompt: Vec<u32>, max_tokens: usize) -> Self {
        Self {
            prompt,
            max_tokens,
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
            grammar: None,
            to_length: false,
            plain: false,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("prompt_tokens", &self.prompt.len())
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("top_p", &self.top_p)
            .field("seed", &self.seed)
            .field("constrained", &self.grammar.is_some())
            .finish_non_exhaustive()
    }
}

/// What the engine says of a request while it is served.
#[derive(Clone, PartialEq)]
pub enum Event {
    /// Further tokens of the text, at least one; never a stop token.
    Tokens {
        /// Vocabulary ids, in order.
        ids: Vec<u32>,
    },
    /// The text is whole. Nothing follows.
    Finished(Finished),
    /// The text cannot be finished. Nothing follows.
    Failed(GenerateError),
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens { ids } => write!(formatter, "Tokens({})", ids.len()),
            Self::Finished(finished) => finished.fmt(formatter),
            Self::Failed(error) => write!(formatter, "Failed({error:?})"),
        }
    }
}

/// Why a text ended, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Why it ended.
    pub reason: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the prompt that an earlier request had already computed.
    pub reused_tokens: usize,
    /// Tokens written, without the stop token.
    pub generated_tokens: usize,
    /// How long it took.
    pub timings: Timings,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model said that it had finished.
    Stop,
    /// `max_tokens` were written.
    Length,
    /// The same tokens came round and round.
    Loop,
}

/// How long the parts of a request took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// From the request to the first step that worked on it.
    pub queued: Duration,
    /// From there to the first token.
    pub prefill: Duration,
    /// From the first token to the last.
    pub decode: Duration,
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// As many requests as may wait do wait.
    #[error(
        "el modelo ya atiende {serving} preguntas a la vez, las que puede; repítala en unos segundos"
    )]
    Full {
        /// Requests written or waiting.
        serving: usize,
    },
    /// Prompt and text together can never fit.
    #[error(
        "la petición necesita {prompt_tokens} tokens de entrada y hasta {max_tokens} de respuesta, \
         y el modelo admite {window_tokens} en total; acorte la petición o amplíe la ventana"
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens that may be written.
        max_tokens: usize,
        /// What the window of the model and the cache allow.
        window_tokens: usize,
    },
    /// The prompt has no tokens, or one that is not in the vocabulary.
    #[error("la petición no está hecha con el vocabulario de este modelo; revise su tokenizador")]
    PromptNotInVocabulary,
    /// The engine ended.
    #[error("el motor de generación está parado; reinicie el servicio")]
    Stopped,
    /// The engine could not be started.
    #[error("no se pudo arrancar el motor de generación: {reason}")]
    NotStarted {
        /// What the device or the system said.
        reason: String,
    },
}

/// Why a text that was begun cannot be finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The model computed something that is not a number.
    #[error("el modelo calcula valores que no son números; compruebe sus ficheros")]
    NotFinite,
    /// The device has no memory left.
    #[error("el dispositivo se quedó sin memoria; reduzca la caché o las respuestas simultáneas")]
    OutOfMemory,
    /// The device failed; what it said is for the log.
    #[error("el dispositivo de cálculo falló; mire el registro del servicio")]
    Device(String),
    /// A fault of the program itself.
    #[error("un fallo interno interrumpió la respuesta; avise a quien mantiene el programa")]
    Internal,
    /// The engine ended first.
    #[error("el motor de generación se paró antes de terminar; repita la pregunta")]
    Stopped,
}

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> Self {
        // Its first line: what may follow is a backtrace.
        let text = error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let folded = text.to_lowercase();
        if folded.contains("out of memory") || folded.contains("out_of_memory") {
            Self::OutOfMemory
        } else {
            Self::Device(text)
        }
    }
}

/// Where the engine stands, for metrics. Counters grow from the start of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct EngineStatus {
    /// Requests in the batch.
    pub running: usize,
    /// Requests that wait for a place in it.
    pub waiting: usize,
    /// Blocks of the cache.
    pub blocks_total: usize,
    /// Blocks that nobody uses now: empty, or kept for a prompt that begins alike.
    pub blocks_free: usize,
    /// Tokens in one block.
    pub block_tokens: usize,
    /// Prompt tokens asked for.
    pub prompt_tokens: u64,
    /// Prompt tokens found computed.
    pub prefix_hit_tokens: u64,
    /// Rows computed, of prompts, texts and proposals.
    pub computed_tokens: u64,
    /// Tokens written.
    pub generated_tokens: u64,
    /// Tokens proposed by copying from the prompt.
    pub drafted: u64,
    /// Proposed tokens that the model agreed to.
    pub accepted: u64,
    /// Requests finished.
    pub finished: u64,
    /// Requests whose client left.
    pub cancelled: u64,
    /// Requests failed.
    pub failed: u64,
    /// Times a request gave up its blocks to another.
    pub preemptions: u64,
    /// Steps of the batch.
    pub steps: u64,
    /// Seconds spent in steps.
    pub busy_seconds: f64,
    /// Seconds of those spent outside the model: planning, masks' states, proposals, events.
    pub host_seconds: f64,
}
