//! Whether the process lives, whether it is fit to serve, and its counts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use generator::{Circuit, EngineStatus, Remote, Writer};
use serde_json::json;

use super::Served;
use crate::app::App;

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
            "model": model(app),
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

/// Whether a model answers; quotations do where it does not, so that a server without it is fit.
fn model(app: &App) -> &'static str {
    let rests = |remote: &Remote| remote.status().circuit != Circuit::Closed;
    match app.writer() {
        None if app.writer_failed() => "unavailable",
        None => "none",
        Some(writer) if writer.remote_model().is_some_and(rests) => "unavailable",
        Some(_) => "ok",
    }
}

/// Counts in the text format of Prometheus.
pub(super) async fn metrics(State(served): State<Served>) -> Response {
    let mut text = served.app.metrics().render();
    if let Some(engine) = served.app.writer().and_then(Writer::engine_status) {
        text += &engine_metrics(&engine);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn engine_metrics(engine: &EngineStatus) -> String {
    let gauges = [
        ("running", engine.running as u64),
        ("waiting", engine.waiting as u64),
        ("cache_blocks", engine.blocks_total as u64),
        ("cache_blocks_free", engine.blocks_free as u64),
    ];
    let counters = [
        ("prompt_tokens", engine.prompt_tokens),
        ("prefix_hit_tokens", engine.prefix_hit_tokens),
        ("generated_tokens", engine.generated_tokens),
        ("lookup_proposed_tokens", engine.drafted),
        ("lookup_accepted_tokens", engine.accepted),
        ("requests_finished", engine.finished),
        ("requests_cancelled", engine.cancelled),
        ("requests_failed", engine.failed),
    ];
    let mut text = String::new();
    for (name, value) in gauges {
        text += &format!("# TYPE sistole_engine_{name} gauge\nsistole_engine_{name} {value}\n");
    }
    for (name, value) in counters {
        text += &format!(
            "# TYPE sistole_engine_{name}_total counter\nsistole_engine_{name}_total {value}\n"
        );
    }
    text
}
