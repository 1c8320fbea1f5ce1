//! The engine as the rest of the program sees it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::config::EngineConfig;
use super::forward::Forward;
use super::request::{EngineError, EngineStatus, Event, GenerateError, Request};
use super::schedule::Scheduler;
use super::sequence::{Place, Submitted};
use super::thread::{Message, Shared, serve};
use crate::compute::{BLOCK_TOKENS, KvCache};
use crate::model::Model;

/// A model that writes for several people at once, in a thread of its own.
///
/// Clones are handles of the same engine. When the last is dropped the thread ends after the step
/// at hand, and requests that are not finished get [`GenerateError::Stopped`].
#[derive(Clone)]
pub struct Engine(Arc<Handle>);

struct Handle {
    messages: Sender<Message>,
    shared: Arc<Shared>,
    /// Requests served or waiting.
    places: Arc<AtomicUsize>,
    most_places: usize,
    window_tokens: usize,
    vocab: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the thread and preallocates the cache.
    ///
    /// # Errors
    /// [`EngineError::NotStarted`] where the device has no room for the cache, or the system for
    /// a thread.
    pub fn start(model: Model, config: EngineConfig) -> Result<Self, EngineError> {
        let cache_tokens = match config.cache_tokens {
            0 => model.cache_tokens(),
            tokens => tokens,
        };
        let blocks = cache_tokens.div_ceil(BLOCK_TOKENS).max(1);
        refuse_too_large(&model, blocks)?;
        let window_tokens = model.context_tokens().min(blocks * BLOCK_TOKENS);
        let vocab = model.config.vocab;
        let most_places = config.max_sequences.max(1).saturating_add(config.queue);
        let scheduler = Scheduler::new(
            config,
            model.digest(),
            model.config.stop_ids.clone(),
            blocks,
        );
        let forward = Forward::new(model, blocks).map_err(|error| not_started(&error))?;
        let (messages, receiver) = channel();
        let shared = Arc::new(Shared::default());
        *shared.status.lock().unwrap_or_else(PoisonError::into_inner) = scheduler.status();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || serve(&forward, scheduler, &receiver, &of_thread))
            .map_err(|error| not_started(&error))?;
        Ok(Self(Arc::new(Handle {
            messages,
            shared,
            places: Arc::default(),
            most_places,
            window_tokens,
            vocab,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Asks for a text. Returns at once; the text comes through the [`Generation`].
    ///
    /// # Errors
    /// [`EngineError::Full`] where as many wait as may, [`EngineError::PromptTooLong`] for what
    /// can never fit, [`EngineError::PromptNotInVocabulary`], [`EngineError::Stopped`].
    pub fn generate(&self, request: Request) -> Result<Generation, EngineError> {
        let handle = &self.0;
        let known = |token: &u32| (*token as usize) < handle.vocab;
        if request.prompt.is_empty() || !request.prompt.iter().all(known) {
            return Err(EngineError::PromptNotInVocabulary);
        }
        let (prompt_tokens, max_tokens) = (request.prompt.len(), request.max_tokens);
        if prompt_tokens.saturating_add(max_tokens) > handle.window_tokens {
            return Err(EngineError::PromptTooLong {
                prompt_tokens,
                max_tokens,
                window_tokens: handle.window_tokens,
            });
        }
        let serving = handle.most_places;
        let place = Place::take(&handle.places, serving).ok_or(EngineError::Full { serving })?;
        let (events, receiver) = unbounded_channel();
        let submitted = Submitted {
            request,
            events,
            place,
            at: Instant::now(),
        };
        handle
            .messages
            .send(Message::Serve(Box::new(submitted)))
            .map_err(|_| EngineError::Stopped)?;
        Ok(Generation {
            events: receiver,
            ended: false,
        })
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let status = self.0.shared.status();
        let places = self.0.places.load(Ordering::Acquire);
        EngineStatus {
            // Those on their way to the thread wait too.
            waiting: places.saturating_sub(status.running).max(status.waiting),
            ..status
        }
    }

    /// Tokens that prompt and text may have together.
    #[must_use]
    pub fn window_tokens(&self) -> usize {
        self.0.window_tokens
    }

    /// Ends the engine for all its handles and waits until the step at hand is over. Blocks; not
    /// for asynchronous code.
    pub fn stop(&self) {
        self.0.close();
        let thread = self.0.thread.lock();
        if let Some(thread) = thread.unwrap_or_else(PoisonError::into_inner).take() {
            // It ended, one way or the other.
            let _ = thread.join();
        }
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

/// Refuses a cache that does not fit beside the weights, where it is not the one planned for when
/// the model was loaded.
fn refuse_too_large(model: &Model, blocks: usize) -> Result<(), EngineError> {
    let (config, plan) = (model.config(), model.plan());
    let shape = config.head_shape();
    let of_block = KvCache::bytes_per_block(config.layers, shape) as u64;
    let cache = of_block.saturating_mul(blocks as u64);
    let rest = plan
        .available
        .saturating_sub(plan.weights)
        .saturating_sub(plan.workspace);
    if cache <= plan.cache.max(rest) {
        return Ok(());
    }
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(EngineError::NotStarted {
        reason: format!(
            "una caché de {} tokens ocupa {} MiB y quedan {} MiB; reduzca cache_tokens",
            blocks.saturating_mul(BLOCK_TOKENS),
            mebibytes(cache),
            mebibytes(rest),
        ),
    })
}

/// An error and what it came from, in one line.
fn not_started(error: &dyn std::error::Error) -> EngineError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    EngineError::NotStarted { reason }
}

impl Handle {
    fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        // Where the thread is gone already nobody needs waking.
        let _ = self.messages.send(Message::Wake);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// A text on its way. Dropping it ends the work on it within one step.
#[derive(Debug)]
pub struct Generation {
    events: UnboundedReceiver<Event>,
    ended: bool,
}

impl Generation {
    /// The next event; `None` after the last. May be given up while it waits: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let event = self.events.recv().await;
        Some(self.noted(event))
    }

    /// The next event, waiting for it; `None` after the last. Not for asynchronous code.
    pub fn blocking_next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let event = self.events.blocking_recv();
        Some(self.noted(event))
    }

    fn noted(&mut self, event: Option<Event>) -> Event {
        // An engine that went away without a word has stopped.
        let event = event.unwrap_or(Event::Failed(GenerateError::Stopped));
        self.ended = !matches!(event, Event::Tokens { .. });
        event
    }
}
