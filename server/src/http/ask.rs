//! `POST /api/v1/ask`: the cited answer as one JSON document, or sentence by sentence as
//! server-sent events.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Served;
use super::body::{Body, question};
use super::problem::Problem;
use crate::answering::{self, View};
use crate::wire::{AskBody, AskJson};

pub(super) async fn ask(
    State(served): State<Served>,
    headers: HeaderMap,
    Body(body): Body<AskBody>,
) -> Result<Response, Problem> {
    let question = question(&body.question, body.language.as_deref())?;
    let Ok(_slot) = served.app.questions().try_acquire() else {
        return Err(Problem::busy());
    };
    let view = View {
        collection: body.collection.filter(|name| !name.is_empty()),
        groups: None,
    };
    let answered = answering::ask(&served.app, &question, &view).await;
    let streamed = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if !streamed {
        return Ok(Json(answered?).into_response());
    }
    let events = match answered {
        Ok(answer) => events(&answer),
        Err(failure) => {
            let problem = Problem::from(failure);
            vec![event(
                "error",
                &json!({"code": problem.code(), "detail": problem.detail()}),
            )]
        }
    };
    Ok(Sse::new(futures::stream::iter(
        events.into_iter().map(Ok::<_, Infallible>),
    ))
    .into_response())
}

fn events(answer: &AskJson) -> Vec<Event> {
    let mut events = vec![event("retrieved", &json!({"passages": answer.passages()}))];
    events.extend(
        answer
            .sentences()
            .iter()
            .map(|sentence| event("sentence", sentence)),
    );
    events.push(event("done", answer));
    events
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // What we serialise are our own types with text keys: they always are JSON.
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
