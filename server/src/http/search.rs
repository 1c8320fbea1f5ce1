//! `POST /api/v1/search`: the ranked passages.

use axum::Json;
use axum::extract::State;

use super::Served;
use super::body::{Body, question};
use super::problem::Problem;
use crate::answering::{self, View};
use crate::wire::{SearchBody, SearchJson};

pub(super) async fn search(
    State(served): State<Served>,
    Body(body): Body<SearchBody>,
) -> Result<Json<SearchJson>, Problem> {
    let question = question(&body.question, body.language.as_deref())?;
    let Ok(_slot) = served.app.questions().try_acquire() else {
        return Err(Problem::busy());
    };
    let view = View {
        collection: body.collection.filter(|name| !name.is_empty()),
        groups: None,
    };
    Ok(Json(
        answering::search(&served.app, &question, &view, body.limit.unwrap_or(10)).await?,
    ))
}
