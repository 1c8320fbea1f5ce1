//! HTTP: the page, the REST API, health. The routes are those of the outward contract.

mod ask;
mod body;
mod documents;
mod feedback;
mod guard;
mod health;
mod jobs;
mod listen;
mod page;
mod problem;
mod search;
mod upload;

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use domain::RequestId;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::ingestion::Queue;
pub(crate) use listen::{ListenConfig, serve};
use problem::{Cause, Problem};

tokio::task_local! {
    static REQUEST_ID: RequestId;
}

/// The identifier of the request being answered.
pub(crate) fn request_id() -> Option<RequestId> {
    REQUEST_ID.try_with(|id| *id).ok()
}

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Served {
    /// The process's parts.
    pub(crate) app: App,
    /// Where uploads go.
    pub(crate) queue: Queue,
}

/// Everything the server answers.
pub(crate) fn router(served: Served) -> Router {
    let app = served.app.clone();
    let settings = &app.settings().server;
    let upload_limit =
        usize::try_from(app.settings().ingest.limits.max_file_bytes).unwrap_or(usize::MAX);
    let body_limit = settings.max_body_bytes;
    // An answer has a limit of its own, within which quotations stand in for a slow model.
    let writing = if app.settings().generator.names_a_model() {
        app.settings().generator.writer.time_limit_ms + 10_000
    } else {
        0
    };
    let timeout = Duration::from_millis(settings.request_timeout_ms.max(writing));
    // Room for the other fields of the form and the boundaries between them.
    let uploads =
        post(upload::upload).layer(DefaultBodyLimit::max(upload_limit.saturating_add(1 << 20)));

    let api = Router::new()
        .route("/ask", post(ask::ask))
        .route("/search", post(search::search))
        .route("/documents", get(documents::list).merge(uploads))
        .route(
            "/documents/{id}",
            get(documents::show)
                .patch(documents::change)
                .delete(documents::delete),
        )
        .route("/documents/{id}/file", get(documents::file))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/events", get(jobs::events))
        .route("/feedback", post(feedback::add))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method);

    Router::new()
        .nest("/api/v1", api)
        .route("/", get(page::page))
        .route("/static/{name}", get(page::asset))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(from_fn(move |request: Request, next: Next| {
            within(timeout, request, next)
        }))
        .layer(from_fn(guard::same_site_only))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(app, with_request_id))
        .with_state(served)
}

async fn nothing_here() -> Problem {
    Problem::not_found("no hay nada en esa dirección")
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "esa dirección no admite ese método",
    )
}

fn answer_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    use axum::response::IntoResponse;
    // The payload may hold anything, a question's words among it: it is not read.
    Problem::internal("a handler panicked").into_response()
}

/// Ends what takes too long. Uploads and event streams have bounds of their own.
async fn within(timeout: Duration, request: Request, next: Next) -> Result<Response, Problem> {
    let unbounded = request.uri().path().ends_with("/events")
        || (request.method() == axum::http::Method::POST
            && request.uri().path() == "/api/v1/documents");
    if unbounded {
        return Ok(next.run(request).await);
    }
    tokio::time::timeout(timeout, next.run(request))
        .await
        .map_err(|_| {
            Problem::unavailable(
                "timeout",
                "the request took longer than server.request_timeout_ms",
            )
        })
}

/// Names the request, writes its one line in the log, and sets the headers every answer has.
async fn with_request_id(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = RequestId::generate();
    let started = Instant::now();
    let method = request.method().clone();
    // The pattern, not the path: what was asked for stays out of the log.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-", MatchedPath::as_str)
        .to_owned();
    let mut response = REQUEST_ID.scope(id, next.run(request)).await;
    let status = response.status().as_u16();
    let ms = crate::wire::milliseconds(started);
    let cause = response
        .extensions()
        .get::<Cause>()
        .map(|cause| cause.0.clone());
    match cause {
        Some(cause) if status >= 500 => {
            tracing::error!(%method, route, status, ms, request_id = %id, cause, "request failed");
        }
        _ => tracing::info!(%method, route, status, ms, request_id = %id, "request"),
    }
    app.metrics().count_request(status);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "SAMEORIGIN");
    set(CACHE_CONTROL, "private, no-store");
    set(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    );
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
