//! Whether the process lives, whether it is fit to serve, and its counts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Served;

/// The process answers.
pub(super) async fn alive() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

/// Whether questions can be answered, and which part is missing. Space on the disk is told, and
/// does not make the server unfit: questions are answered from a full disk.
pub(super) async fn ready(State(served): State<Served>) -> Response {
    let app = &served.app;
    let catalog = app.catalog().stats().await;
    let index = app.index().count().await;
    let fit = catalog.is_ok() && index.is_ok();
    let told = |well: bool| if well { "ok" } else { "unavailable" };
    let body = json!({
        "status": if fit { "ready" } else { "not_ready" },
        "checks": {
            "catalog": told(catalog.is_ok()),
            "index": told(index.is_ok()),
            "disk": if app.data().room_for(0).is_ok() { "ok" } else { "no_space" },
        },
        "passages": index.ok(),
    });
    let status = if fit {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

/// Counts in the text format of Prometheus.
pub(super) async fn metrics(State(served): State<Served>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        served.app.metrics().render(),
    )
        .into_response()
}
