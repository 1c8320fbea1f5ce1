//! An answer as it comes from the server, event by event.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::breaker::Leave;
use super::endpoint::Exchange;
use super::error::{Malformed, Oversized, Phase, RemoteError};
use super::sse::{SseEvent, SseParser};
use super::wire::{self, FinishReason, Usage};

/// The most text of one answer, bytes.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most bytes of one response. A token costs some 250 bytes on the wire.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How long the server may take from the reason of the end to the end itself. What is still to
/// come are figures: the answer is whole.
const CLOSING: Duration = Duration::from_secs(2);

/// What an answer is made of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum RemoteEvent {
    /// The next text, never empty.
    Text(String),
    /// The answer is whole. Nothing follows.
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// What it cost, where the server tells.
        usage: Option<Usage>,
    },
}

/// Sizes only: answers are not for logs.
impl std::fmt::Debug for RemoteEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Finished { reason, usage } => formatter
                .debug_struct("Finished")
                .field("reason", reason)
                .field("usage", usage)
                .finish(),
        }
    }
}

/// The time limits of one answer.
pub(super) struct Deadlines {
    pub(super) first_token: Instant,
    pub(super) idle: Duration,
    pub(super) total: Instant,
}

/// An answer that is coming. Dropping it closes the connection, at which the server stops.
pub(crate) struct RemoteStream {
    /// Nothing once the answer has ended, in one way or another.
    open: Option<Open>,
    parser: SseParser,
    events: VecDeque<SseEvent>,
    /// What ends the stream after the events read before it.
    trouble: Option<RemoteError>,
    deadlines: Deadlines,
    /// Since when the next event is waited for. It outlasts a `next` that was dropped half way.
    waiting_since: Option<Instant>,
    body_bytes: usize,
    text_bytes: usize,
    finish: Option<(FinishReason, Instant)>,
    usage: Option<Usage>,
}

struct Open {
    exchange: Exchange,
    leave: Leave,
    _slot: OwnedSemaphorePermit,
}

impl std::fmt::Debug for RemoteStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RemoteStream")
            .field("open", &self.open.is_some())
            .field("text_bytes", &self.text_bytes)
            .finish_non_exhaustive()
    }
}

impl RemoteStream {
    pub(super) fn new(
        exchange: Exchange,
        leave: Leave,
        slot: OwnedSemaphorePermit,
        deadlines: Deadlines,
    ) -> Self {
        Self {
            open: Some(Open {
                exchange,
                leave,
                _slot: slot,
            }),
            parser: SseParser::default(),
            events: VecDeque::new(),
            trouble: None,
            deadlines,
            waiting_since: None,
            body_bytes: 0,
            text_bytes: 0,
            finish: None,
            usage: None,
        }
    }

    /// The next event; nothing after `Finished` or an error. Nothing is lost where the future is
    /// dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Option<Result<RemoteEvent, RemoteError>> {
        self.open.as_ref()?;
        let event = self.advance().await;
        self.waiting_since = None;
        match &event {
            Ok(RemoteEvent::Text(_)) => {}
            Ok(RemoteEvent::Finished { .. }) => self.close(None),
            Err(error) => self.close(Some(error)),
        }
        Some(event)
    }

    /// Closes the connection, frees the place, and tells the breaker.
    fn close(&mut self, error: Option<&RemoteError>) {
        let Some(open) = self.open.take() else { return };
        match error {
            None => open.leave.succeeded(),
            Some(error) => {
                tracing::warn!(code = error.code(), "the remote model's answer broke off");
                if error.blames_server() {
                    open.leave.failed();
                }
            }
        }
    }

    async fn advance(&mut self) -> Result<RemoteEvent, RemoteError> {
        loop {
            if Instant::now() >= self.deadlines.total {
                return self.end_or(RemoteError::Timeout(Phase::Total));
            }
            if let Some(event) = self.events.pop_front() {
                match self.read(&event)? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            if let Some(event) = self.receive().await? {
                return Ok(event);
            }
        }
    }

    /// Waits for bytes and cuts them into events. An event comes back where the stream is over.
    async fn receive(&mut self) -> Result<Option<RemoteEvent>, RemoteError> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let (deadline, phase) = self.deadline(since);
        let Some(open) = &mut self.open else {
            return Err(RemoteError::Dropped { source: None });
        };
        let bytes = match timeout_at(deadline, open.exchange.bytes()).await {
            Err(_) => return self.end_or(RemoteError::Timeout(phase)).map(Some),
            Ok(Err(error @ RemoteError::Dropped { .. })) => return self.end_or(error).map(Some),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) => return self.end_or(RemoteError::Unfinished).map(Some),
            Ok(Ok(Some(bytes))) => bytes,
        };
        self.body_bytes += bytes.len();
        if self.body_bytes > MAX_BODY_BYTES {
            return Err(RemoteError::TooLarge(Oversized::Body));
        }
        self.trouble = self.parser.push(&bytes, &mut self.events).err();
        Ok(None)
    }

    /// When the next event must be there, and which limit says so. Bytes that complete no event
    /// (comments that keep the line alive, a drip) move none of these.
    fn deadline(&self, since: Instant) -> (Instant, Phase) {
        let (deadline, phase) = match self.finish {
            Some((_, seen)) => (seen + CLOSING.min(self.deadlines.idle), Phase::Idle),
            None if self.text_bytes == 0 => (self.deadlines.first_token, Phase::FirstToken),
            None => (since + self.deadlines.idle, Phase::Idle),
        };
        if deadline < self.deadlines.total {
            (deadline, phase)
        } else {
            (self.deadlines.total, Phase::Total)
        }
    }

    /// The end of the answer, if the server had said that it is whole; otherwise the error. Not
    /// every server ends its stream as it should.
    fn end_or(&self, error: RemoteError) -> Result<RemoteEvent, RemoteError> {
        match self.finish {
            Some((reason, _)) => Ok(RemoteEvent::Finished {
                reason,
                usage: self.usage,
            }),
            None => Err(error),
        }
    }

    fn read(&mut self, event: &SseEvent) -> Result<Option<RemoteEvent>, RemoteError> {
        if event.is_error {
            return Err(RemoteError::Failed { status: None });
        }
        if event.data.trim() == "[DONE]" {
            return self.end_or(RemoteError::Unfinished).map(Some);
        }
        let piece = wire::read_piece(&event.data)?;
        if piece.usage.is_some() {
            self.usage = piece.usage;
        }
        if self.finish.is_some() && piece.text.is_some() {
            return Err(RemoteError::Malformed(Malformed::Order));
        }
        if let Some(reason) = piece.finish {
            self.finish.get_or_insert((reason, Instant::now()));
        }
        let Some(text) = piece.text else {
            return Ok(None);
        };
        self.text_bytes += text.len();
        if self.text_bytes > MAX_TEXT_BYTES {
            return Err(RemoteError::TooLarge(Oversized::Text));
        }
        Ok(Some(RemoteEvent::Text(text)))
    }
}
