//! `POST /api/v1/ask`: the cited answer as one JSON document, or sentence by sentence as
//! server-sent events.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::{Question, RequestId};
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{JoinError, JoinHandle};

use super::Served;
use super::body::{Body, question};
use super::problem::Problem;
use crate::answering::{self, Progress, View};
use crate::app::App;
use crate::error::Failure;
use crate::wire::{AskBody, AskJson};

pub(super) async fn ask(
    State(served): State<Served>,
    headers: HeaderMap,
    Body(body): Body<AskBody>,
) -> Result<Response, Problem> {
    let question = question(&body.question, body.language.as_deref())?;
    let Ok(slot) = Arc::clone(served.app.questions()).try_acquire_owned() else {
        return Err(Problem::busy());
    };
    let view = View {
        collection: body.collection.filter(|name| !name.is_empty()),
        groups: None,
    };
    let streamed = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if streamed {
        return Ok(stream(served.app, question, view, slot));
    }
    // Whoever leaves drops this future, and with it the work.
    let answer = answering::ask(&served.app, &question, &view, None).await?;
    drop(slot);
    Ok(Json(answer).into_response())
}

/// Tells passages and sentences as they come. The work ends when nobody listens any more.
fn stream(app: App, question: Question, view: View, slot: OwnedSemaphorePermit) -> Response {
    let (listener, mut told) = mpsc::unbounded_channel();
    let request_id = super::request_id();
    let work = tokio::spawn(async move {
        let answer = answering::ask(&app, &question, &view, Some(&listener)).await;
        drop(slot);
        answer
    });
    let mut work = Some(AbortOnDrop(work));
    let events = futures::stream::poll_fn(move |context| {
        // Nothing more is told once the work is done or dead: then its outcome is the last event.
        if let Some(progress) = ready!(told.poll_recv(context)) {
            return Poll::Ready(Some(Ok::<_, Infallible>(progress_event(&progress))));
        }
        let Some(running) = work.as_mut() else {
            return Poll::Ready(None);
        };
        let outcome = ready!(Pin::new(&mut running.0).poll(context));
        work = None;
        Poll::Ready(Some(Ok(last_event(outcome, request_id))))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new())
        .into_response()
}

/// A task that ends with its owner.
struct AbortOnDrop(JoinHandle<Result<AskJson, Failure>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn progress_event(progress: &Progress) -> Event {
    match progress {
        Progress::Retrieved(language, passages) => event(
            "retrieved",
            &json!({"language": language, "passages": passages}),
        ),
        Progress::Sentence(sentence) => event("sentence", sentence),
    }
}

fn last_event(
    outcome: Result<Result<AskJson, Failure>, JoinError>,
    request_id: Option<RequestId>,
) -> Event {
    let problem = match outcome {
        Ok(Ok(answer)) => return event("done", &answer),
        Ok(Err(failure)) => Problem::from(failure),
        // What a panic says may quote the question: it is not read.
        Err(_) => Problem::internal("answering a question ended badly"),
    };
    let request_id = request_id.map(|id| id.to_string()).unwrap_or_default();
    // The request has been logged as begun well: its end is told here.
    tracing::error!(
        request_id,
        code = problem.code(),
        cause = problem.cause(),
        "a streamed answer failed"
    );
    event(
        "error",
        &json!({"code": problem.code(), "detail": problem.detail(), "request_id": request_id}),
    )
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // What we serialise are our own types with text keys: they always are JSON.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
