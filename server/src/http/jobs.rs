//! Ingestion jobs over REST, as they stand and as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::JobId;
use serde::Deserialize;

use super::Served;
use super::body::Params;
use super::problem::Problem;
use crate::failures::catalog_failure;
use crate::wire::{JobJson, JobsJson};

/// How often the catalogue is looked at for someone who watches a job.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// `?cursor=&limit=`.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(served): State<Served>,
    Params(query): Params<ListQuery>,
) -> Result<Json<JobsJson>, Problem> {
    let cursor = query.cursor.filter(|cursor| !cursor.is_empty());
    let page = served
        .app
        .catalog()
        .jobs(None, cursor.as_deref(), query.limit.unwrap_or(50))
        .await
        .map_err(catalog_failure)?;
    Ok(Json(JobsJson {
        jobs: page.items.iter().map(JobJson::from).collect(),
        next_cursor: page.next,
    }))
}

pub(super) async fn show(
    State(served): State<Served>,
    Path(id): Path<String>,
) -> Result<Json<JobJson>, Problem> {
    let job = served
        .app
        .catalog()
        .job(id.parse()?)
        .await
        .map_err(catalog_failure)?;
    Ok(Json(JobJson::from(&job)))
}

/// Each change of a job as an event `job`, until it has ended.
pub(super) async fn events(
    State(served): State<Served>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: JobId = id.parse()?;
    served
        .app
        .catalog()
        .job(id)
        .await
        .map_err(catalog_failure)?;
    let changes = futures::stream::unfold(Some(None::<JobJson>), move |last| {
        let served = served.clone();
        async move {
            let last = last?;
            loop {
                let job = served.app.catalog().job(id).await.ok()?;
                let ended = job.finished_at.is_some();
                let job = JobJson::from(&job);
                if last.as_ref() != Some(&job) {
                    let data = serde_json::to_string(&job).unwrap_or_default();
                    let event = Event::default().event("job").data(data);
                    return Some((Ok::<_, Infallible>(event), (!ended).then_some(Some(job))));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    });
    Ok(Sse::new(changes)
        .keep_alive(KeepAlive::default())
        .into_response())
}
