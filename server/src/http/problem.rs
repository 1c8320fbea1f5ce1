//! Errors as `application/problem+json` (RFC 9457). The client reads a fixed sentence; the cause
//! leaves by another door, an extension of the response that the log line of the request picks up.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{InvalidId, InvalidLanguage, InvalidQuestion, RequestId};
use serde::Serialize;

use crate::error::{Failure, FailureClass, chain};

/// The causes of an error, for the log. Holds no text of a question or of a document.
#[derive(Debug, Clone)]
pub(crate) struct Cause(pub(crate) String);

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    cause: Option<String>,
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: String,
}

impl Problem {
    /// A problem with a `code` for programs and a `detail` in Spanish for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            cause: None,
            retry_after_s: None,
        }
    }

    /// Nothing is there.
    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Too many at once; the client may come back in a second.
    pub(crate) fn busy() -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "hay demasiadas preguntas a la vez: espere un momento y repita la suya",
        );
        problem.retry_after_s = Some(1);
        problem
    }

    /// Something that answers need is away.
    pub(crate) fn unavailable(code: &'static str, cause: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code,
            "ahora no se puede responder: vuelva a intentarlo dentro de un momento",
        );
        problem.cause = Some(cause.into());
        problem.retry_after_s = Some(5);
        problem
    }

    /// A fault of ours.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "algo ha fallado en el servidor: si se repite, avise a informática con el código de la petición",
        );
        problem.cause = Some(cause.into());
        problem
    }

    /// The code for programs.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// What lies behind it, for the log.
    pub(crate) fn cause(&self) -> &str {
        self.cause.as_deref().unwrap_or_default()
    }

    /// The sentence for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<InvalidQuestion> for Problem {
    fn from(error: InvalidQuestion) -> Self {
        let status = match error {
            InvalidQuestion::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<InvalidLanguage> for Problem {
    fn from(error: InvalidLanguage) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "language_unknown",
            error.to_string(),
        )
    }
}

impl From<InvalidId> for Problem {
    fn from(_: InvalidId) -> Self {
        Self::not_found("no existe nada con ese identificador")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match (failure.code(), failure.class()) {
            ("not_found", _) => StatusCode::NOT_FOUND,
            ("conflict" | "invalid_transition" | "blob_missing" | "blob_altered", _) => {
                StatusCode::CONFLICT
            }
            ("invalid", _) => StatusCode::UNPROCESSABLE_ENTITY,
            ("no_space", _) => StatusCode::INSUFFICIENT_STORAGE,
            (_, FailureClass::TryAgain) => StatusCode::SERVICE_UNAVAILABLE,
            (_, FailureClass::Usage) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => return Self::internal(format!("{failure}: {}", chain(&failure))),
        };
        let mut problem = Self::new(status, failure.code(), failure.to_string());
        problem.cause = Some(chain(&failure));
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The identifier that the middleware gave the request; see `with_request_id`.
        let request_id = super::request_id();
        let body = ProblemJson {
            r#type: format!("urn:sistole:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id: request_id
                .as_ref()
                .map(RequestId::to_string)
                .unwrap_or_default(),
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}
