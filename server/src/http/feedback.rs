//! `POST /api/v1/feedback`: what a reader says of an answer.

use axum::extract::State;
use axum::http::StatusCode;
use catalog::Feedback;

use super::Served;
use super::body::Body;
use super::problem::Problem;
use crate::failures::catalog_failure;
use crate::wire::FeedbackBody;

/// The longest comment kept, in characters.
const MAX_COMMENT_CHARS: usize = 4_000;

pub(super) async fn add(
    State(served): State<Served>,
    Body(body): Body<FeedbackBody>,
) -> Result<StatusCode, Problem> {
    let unprocessable =
        |code, detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    let request_id = body.request_id.parse().map_err(|_| {
        unprocessable(
            "request_id_invalid",
            "request_id debe ser el de una respuesta".to_owned(),
        )
    })?;
    let verdict = body.verdict.parse().map_err(|_| {
        unprocessable(
            "verdict_unknown",
            "verdict debe ser helpful, wrong, incomplete o unsafe".to_owned(),
        )
    })?;
    let comment = body.comment.filter(|comment| !comment.trim().is_empty());
    if comment
        .as_ref()
        .is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS)
    {
        let detail = format!("el comentario tiene más de {MAX_COMMENT_CHARS} caracteres: acórtelo");
        return Err(unprocessable("comment_too_long", detail));
    }
    served
        .app
        .catalog()
        .add_feedback(&Feedback {
            request_id,
            verdict,
            comment,
        })
        .await
        .map_err(catalog_failure)?;
    Ok(StatusCode::NO_CONTENT)
}
