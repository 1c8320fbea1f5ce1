//! Asks the model on another machine.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::breaker::{Breaker, Circuit};
use super::config::{GrammarDialect, RemoteConfig};
use super::endpoint::{Endpoint, Exchange};
use super::error::{Phase, RemoteError};
use super::retry;
use super::stream::{Deadlines, RemoteStream};
use super::wire::{self, ChatRequest};

/// How much of a refusal is looked at, bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// How long a refusal may take to say why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// The longest list of models, bytes.
const MAX_LIST_BYTES: usize = 1024 * 1024;

/// A model on another machine. Clones share its limits and its breaker.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    model: String,
    /// `Bearer …`, marked as not to be shown.
    authorisation: Option<HeaderValue>,
    grammar: GrammarDialect,
    connect_timeout: Duration,
    first_token_timeout: Duration,
    idle_timeout: Duration,
    total_timeout: Duration,
    max_in_flight: usize,
    retries: u32,
    slots: Arc<Semaphore>,
    breaker: Breaker,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Remote")
            .field("authority", &self.0.endpoint.authority)
            .field("model", &self.0.model)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// How the remote model is doing, as seen from here; nothing is sent to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteStatus {
    /// What the breaker lets pass.
    pub circuit: Circuit,
    /// Answers being asked of the server.
    pub in_flight: usize,
}

/// What the server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteHealth {
    /// Whether the configured model is in the server's list. The server of llama.cpp lists the
    /// path of a file and takes any name, so that this is no error.
    pub lists_model: bool,
    /// The model's window in tokens, where the server tells (vLLM, SGLang).
    pub context_tokens: Option<usize>,
}

impl Remote {
    /// Reads the settings, the key and the certification authorities; sends nothing.
    ///
    /// # Errors
    /// What in the settings cannot be used.
    pub fn new(config: &RemoteConfig) -> Result<Self, RemoteError> {
        Self::build(config, |variable| std::env::var(variable).ok())
    }

    /// `new` with the environment as a function.
    pub(super) fn build(
        config: &RemoteConfig,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RemoteError> {
        let endpoint = Endpoint::new(&config.url, &config.ca_file)?;
        if config.model.trim().is_empty() {
            return Err(RemoteError::MissingModel);
        }
        let authorisation = match config.api_key_env.as_str() {
            "" => None,
            variable => Some(read_key(variable, environment)?),
        };
        if authorisation.is_some() && endpoint.is_exposed() {
            tracing::warn!("the key of the model's server travels unencrypted: use https://");
        }
        let milliseconds =
            |setting, value| within(setting, value, 1, 3_600_000).map(Duration::from_millis);
        let max_in_flight = within("max_in_flight", config.max_in_flight as u64, 1, 10_000)?;
        within("retries", config.retries.into(), 0, 10)?;
        within("breaker_failures", config.breaker_failures.into(), 1, 1_000)?;
        Ok(Self(Arc::new(Inner {
            endpoint,
            model: config.model.trim().to_owned(),
            authorisation,
            grammar: config.grammar,
            connect_timeout: milliseconds("connect_timeout_ms", config.connect_timeout_ms)?,
            first_token_timeout: milliseconds(
                "first_token_timeout_ms",
                config.first_token_timeout_ms,
            )?,
            idle_timeout: milliseconds("idle_timeout_ms", config.idle_timeout_ms)?,
            total_timeout: milliseconds("total_timeout_ms", config.total_timeout_ms)?,
            max_in_flight: max_in_flight as usize,
            retries: config.retries,
            slots: Arc::new(Semaphore::new(max_in_flight as usize)),
            breaker: Breaker::new(
                config.breaker_failures,
                milliseconds("breaker_open_ms", config.breaker_open_ms)?,
            ),
        })))
    }

    /// The model's name, as the server knows it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.0.model
    }

    /// How things stand, without asking the server.
    #[must_use]
    pub fn status(&self) -> RemoteStatus {
        RemoteStatus {
            circuit: self.0.breaker.circuit(),
            in_flight: self.0.max_in_flight - self.0.slots.available_permits(),
        }
    }

    /// Asks for an answer, and comes back when the server begins to send one. Where nothing of it
    /// was sent and waiting may help, it is asked for again, within the limits.
    ///
    /// # Errors
    /// At once `Full` and `Resting`; otherwise what the last try met.
    pub(crate) async fn chat(
        &self,
        request: &ChatRequest<'_>,
    ) -> Result<RemoteStream, RemoteError> {
        let inner = &*self.0;
        let slots = Arc::clone(&inner.slots);
        let slot = slots.try_acquire_owned().map_err(|_| RemoteError::Full)?;
        let body = wire::body(&inner.model, request, inner.grammar);
        let total = Instant::now() + inner.total_timeout;
        let mut last = None;
        let mut tries = 0;
        loop {
            let leave = match inner.breaker.admit() {
                Ok(leave) => leave,
                Err(retry_in) => return Err(last.unwrap_or(RemoteError::Resting { retry_in })),
            };
            let error = match inner.ask(body.clone(), total).await {
                Ok((exchange, first_token)) => {
                    let deadlines = Deadlines {
                        first_token,
                        idle: inner.idle_timeout,
                        total,
                    };
                    return Ok(RemoteStream::new(exchange, leave, slot, deadlines));
                }
                Err(error) => error,
            };
            if error.blames_server() {
                leave.failed();
            } else {
                drop(leave);
            }
            tries += 1;
            tracing::warn!(
                code = error.code(),
                tries,
                "the remote model did not answer"
            );
            match retry::wait(&error, tries, inner.retries, rand::random()) {
                Some(wait) if Instant::now() + wait < total => sleep(wait).await,
                _ => return Err(error),
            }
            last = Some(error);
        }
    }

    /// Asks for the list of models: is the server there, and does it know ours? The breaker is
    /// neither asked nor told, so that this shows the server as it is.
    ///
    /// # Errors
    /// As `chat`, without `Full` and `Resting`.
    pub async fn health(&self) -> Result<RemoteHealth, RemoteError> {
        let inner = &*self.0;
        let total = Instant::now() + inner.connect_timeout + inner.idle_timeout;
        let request = inner.request(Method::GET, "/v1/models", String::new());
        let (mut exchange, _) = inner.send(request, total).await?;
        let list = exchange.document(MAX_LIST_BYTES);
        let list = timeout_at(total, list)
            .await
            .map_err(|_| RemoteError::Timeout(Phase::Total))??;
        let models = wire::read_models(&list)?;
        let own = models.iter().find(|listed| listed.id == inner.model);
        // A server of one model means that one, whatever it calls it.
        let only = models.first().filter(|_| models.len() == 1);
        Ok(RemoteHealth {
            lists_model: own.is_some(),
            context_tokens: own.or(only).and_then(|listed| listed.max_model_len),
        })
    }
}

impl Inner {
    fn request(&self, method: Method, path: &str, body: String) -> Request<String> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self
            .endpoint
            .path(path)
            .parse()
            .expect("the path was part of an address that was read");
        let headers = request.headers_mut();
        let authority = HeaderValue::from_str(&self.endpoint.authority);
        headers.insert(header::HOST, authority.expect("it was part of an address"));
        let agent = HeaderValue::from_static(concat!("sistole/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Some(authorisation) = &self.authorisation {
            headers.insert(header::AUTHORIZATION, authorisation.clone());
        }
        request
    }

    /// One try: a stream whose head is as it should be, and until when its first text must come.
    async fn ask(&self, body: String, total: Instant) -> Result<(Exchange, Instant), RemoteError> {
        let mut request = self.request(Method::POST, "/v1/chat/completions", body);
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        );
        let (mut exchange, first_token) = self.send(request, total).await?;
        if is_event_stream(exchange.response.headers()) {
            return Ok((exchange, first_token));
        }
        // Some servers report an error with status 200.
        let document = exchange.document(MAX_REFUSAL_BYTES);
        let soon = total.min(Instant::now() + REFUSAL_TIME);
        match timeout_at(soon, document).await {
            Ok(Ok(document)) if wire::is_error_object(&document) => {
                Err(RemoteError::Failed { status: Some(200) })
            }
            _ => Err(RemoteError::NotAStream),
        }
    }

    /// Sends a request and reads the head of a response with status 200, and tells until when the
    /// first text must come.
    async fn send(
        &self,
        request: Request<String>,
        total: Instant,
    ) -> Result<(Exchange, Instant), RemoteError> {
        let connect = total.min(Instant::now() + self.connect_timeout);
        let connection = self.endpoint.connect(connect).await?;
        let first_token = Instant::now() + self.first_token_timeout;
        let head = timeout_at(first_token.min(total), connection.send(request));
        let mut exchange = head.await.map_err(|_| {
            RemoteError::Timeout(if first_token < total {
                Phase::FirstToken
            } else {
                Phase::Total
            })
        })??;
        match exchange.response.status() {
            StatusCode::OK => Ok((exchange, first_token)),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                let status = exchange.response.status();
                let refusal = exchange.document(MAX_REFUSAL_BYTES);
                let soon = total.min(Instant::now() + REFUSAL_TIME);
                let too_long = match timeout_at(soon, refusal).await {
                    Ok(Ok(refusal)) => wire::speaks_of_length(&refusal),
                    _ => false,
                };
                Err(if too_long || status == StatusCode::PAYLOAD_TOO_LARGE {
                    RemoteError::PromptTooLong
                } else {
                    RemoteError::Rejected {
                        status: status.as_u16(),
                    }
                })
            }
            status => Err(from_status(status, exchange.response.headers())),
        }
    }
}

/// The error that a status stands for where its body adds nothing.
fn from_status(status: StatusCode, headers: &HeaderMap) -> RemoteError {
    let retry_after = || {
        let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        retry::read_retry_after(value, Timestamp::now())
    };
    let code = status.as_u16();
    match code {
        300..=399 => RemoteError::Redirected { status: code },
        401 | 403 | 407 => RemoteError::Unauthorised { status: code },
        404 => RemoteError::NotFound,
        429 => RemoteError::Overloaded {
            retry_after: retry_after(),
        },
        400..=499 => RemoteError::Rejected { status: code },
        502..=504 => RemoteError::Unavailable {
            status: code,
            retry_after: retry_after(),
        },
        500..=599 => RemoteError::Failed { status: Some(code) },
        // Another kind of success, or a change of protocol: nothing that was asked for.
        _ => RemoteError::NotAStream,
    }
}

/// Whether the body is an event stream, as it is: not compressed.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let encoding = headers.get(header::CONTENT_ENCODING);
    kind.eq_ignore_ascii_case("text/event-stream")
        && encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn read_key(
    variable: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<HeaderValue, RemoteError> {
    let key = environment(variable).filter(|key| !key.trim().is_empty());
    let header = key.and_then(|key| HeaderValue::try_from(format!("Bearer {}", key.trim())).ok());
    let mut header = header.ok_or_else(|| RemoteError::MissingKey {
        variable: variable.to_owned(),
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn within(setting: &'static str, value: u64, least: u64, most: u64) -> Result<u64, RemoteError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(RemoteError::InvalidSetting {
        setting,
        least,
        most,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown_even_where_its_header_is() {
        let header = read_key("KEY", |_| Some(" sk-9f27c1d4\n".to_owned())).unwrap();
        assert_eq!(header.as_bytes(), b"Bearer sk-9f27c1d4");
        assert!(!format!("{header:?}").contains("9f27"));
    }

    #[test]
    fn a_remote_and_its_answers_move_between_threads() {
        fn shared<T: Clone + Send + Sync + 'static>() {}
        fn moved<T: Send + 'static>() {}
        shared::<Remote>();
        moved::<RemoteStream>();
    }
}
