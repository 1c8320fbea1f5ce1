//! The thread that owns a model: takes requests in, computes step after step, tells what came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::forward::Forward;
use super::request::{EngineStatus, GenerateError};
use super::schedule::Scheduler;
use super::sequence::Submitted;
use super::step::Step;
use crate::compute::{Chosen, choose};

/// What the handles tell the thread.
pub(super) enum Message {
    /// A request to serve.
    Serve(Box<Submitted>),
    /// Nobody will ask any more: `closed` was set.
    Wake,
}

/// What thread and handles both see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) closed: AtomicBool,
    pub(super) status: Mutex<EngineStatus>,
    #[cfg(test)]
    pub(super) fault: Mutex<Option<super::tests::Fault>>,
}

impl Shared {
    pub(super) fn status(&self) -> EngineStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until told to stop or until the last handle is gone.
pub(super) fn serve(
    forward: &Forward,
    mut scheduler: Scheduler,
    messages: &Receiver<Message>,
    shared: &Arc<Shared>,
) {
    while take_messages(&mut scheduler, messages, shared) {
        step(forward, &mut scheduler, shared);
        tell(&mut scheduler, shared);
    }
    scheduler.stop();
    while let Ok(message) = messages.try_recv() {
        if let Message::Serve(submitted) = message {
            scheduler.submit(*submitted);
            scheduler.stop();
        }
    }
    tell(&mut scheduler, shared);
}

/// Takes in what was asked, and waits where there is nothing else to do; false at the end.
fn take_messages(
    scheduler: &mut Scheduler,
    messages: &Receiver<Message>,
    shared: &Arc<Shared>,
) -> bool {
    if scheduler.is_idle() {
        match messages.recv() {
            Ok(Message::Serve(submitted)) => scheduler.submit(*submitted),
            Ok(Message::Wake) => {}
            Err(_) => return false,
        }
    }
    loop {
        if shared.closed.load(Ordering::Acquire) {
            return false;
        }
        match messages.try_recv() {
            Ok(Message::Serve(submitted)) => scheduler.submit(*submitted),
            Ok(Message::Wake) => {}
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

/// One step. Whatever fails in it, a device or this program, fails its requests and nothing else.
fn step(forward: &Forward, scheduler: &mut Scheduler, shared: &Arc<Shared>) {
    let began = Instant::now();
    let mut computing = 0.0;
    let mut of_step = None;
    let done = catch_unwind(AssertUnwindSafe(|| {
        let Some(mut step) = scheduler.plan() else {
            return Ok(());
        };
        of_step = Some(step.shares.iter().map(|share| share.id).collect::<Vec<_>>());
        let started = Instant::now();
        let chosen = compute(forward, scheduler, &mut step, shared)?;
        computing = started.elapsed().as_secs_f64();
        scheduler.timed(step.ids.len(), step.writes_only, computing);
        scheduler.apply(step, &chosen);
        Ok(())
    }));
    let error = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_panic) => Some(GenerateError::Internal),
    };
    if let Some(error) = error {
        tracing::error!(
            ?error,
            requests = of_step.as_ref().map(Vec::len),
            "a step failed"
        );
        scheduler.fail_step(of_step.as_deref(), &error);
    }
    let busy = began.elapsed().as_secs_f64();
    scheduler.spent(busy, busy - computing);
}

/// Sets the model to work and chooses a token after each row asked for.
fn compute(
    forward: &Forward,
    scheduler: &Scheduler,
    step: &mut Step,
    shared: &Arc<Shared>,
) -> Result<Vec<Chosen>, GenerateError> {
    #[cfg(test)]
    super::tests::Fault::strike(&shared.fault)?;
    #[cfg(not(test))]
    let _ = shared;
    let plan = std::mem::take(&mut step.plan);
    let logits = forward
        .run(&step.ids, plan, &step.logit_rows)
        .map_err(candle_core::Error::from)?;
    let Some(logits) = logits else {
        // Wait for the device all the same: an error of this step belongs to this step.
        forward.device().synchronize()?;
        return Ok(Vec::new());
    };
    let choices = scheduler.choices(step);
    Ok(choose(&logits, &choices)?)
}

/// Publishes the status, then the events: who has an event sees what led to it.
fn tell(scheduler: &mut Scheduler, shared: &Arc<Shared>) {
    *shared.status.lock().unwrap_or_else(PoisonError::into_inner) = scheduler.status();
    for (events, event) in scheduler.take_outbox() {
        // Whoever left is noticed in the next step.
        let _ = events.send(event);
    }
}
