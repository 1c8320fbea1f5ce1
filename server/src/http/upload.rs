//! `POST /api/v1/documents`: a file and the options of `ingest` as fields of a form.

use std::io::Write;

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tempfile::NamedTempFile;

use super::Served;
use super::problem::Problem;
use crate::ingestion::{self, Submission, Taken};

/// The longest text field taken, in bytes.
const MAX_FIELD_BYTES: usize = 4_096;

pub(super) async fn upload(
    State(served): State<Served>,
    request: Request,
) -> Result<Response, Problem> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_multipart",
            "envíe el fichero como formulario (multipart/form-data), en el campo «file»",
        )
    })?;
    let limit = served.app.settings().ingest.limits.max_file_bytes;
    let mut submission = Submission::default();
    let mut file: Option<NamedTempFile> = None;
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if file.is_some() => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "file_twice",
                    "el formulario trae más de un fichero: envíe uno en cada petición",
                ));
            }
            "file" => {
                submission.file_name = base_name(field.file_name().unwrap_or_default());
                served.app.data().room_for(limit.min(1 << 20))?;
                file = Some(save(&served, field, limit).await?);
            }
            "collection" => {
                submission.collection = Some(text(field).await?).filter(|name| !name.is_empty())
            }
            "group" | "groups" => {
                let given = text(field).await?;
                submission.groups.extend(
                    given
                        .split(',')
                        .map(str::trim)
                        .filter(|one| !one.is_empty())
                        .map(str::to_owned),
                );
            }
            "title" => {
                submission.title = Some(text(field).await?).filter(|title| !title.is_empty())
            }
            "language" => {
                let code = text(field).await?;
                if !code.is_empty() {
                    submission.language = Some(code.parse()?);
                }
            }
            "effective_from" => submission.effective_from = date(field).await?,
            "effective_to" => submission.effective_to = date(field).await?,
            "replaces" => {
                let id = text(field).await?;
                if !id.is_empty() {
                    submission.replaces = Some(id.parse()?);
                }
            }
            _ => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "field_unknown",
                    "el formulario tiene un campo desconocido: los campos son file, title, collection, group, language, effective_from, effective_to y replaces",
                ));
            }
        }
    }
    let Some(file) = file else {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "file_missing",
            "falta el campo «file» con el fichero",
        ));
    };
    if submission.file_name.is_empty() {
        submission.file_name = "documento".to_owned();
    }
    submission.asked_to_replace = submission.replaces.is_some();
    submission.shown.clone_from(&submission.file_name);
    submission.path = file.path().to_owned();
    take(&served, submission).await
}

async fn take(served: &Served, submission: Submission) -> Result<Response, Problem> {
    let taken = ingestion::take(&served.app, submission)
        .await
        .map_err(|rejected| {
            let status = match rejected.code.as_str() {
                "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
                "no_space" => StatusCode::INSUFFICIENT_STORAGE,
                "not_found" => StatusCode::NOT_FOUND,
                "conflict" => StatusCode::CONFLICT,
                "catalog_busy" | "catalog_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Problem::new(
                status,
                "rejected",
                format!("{} ({})", rejected.message, rejected.code),
            )
        })?;
    Ok(match taken {
        Taken::PutBack(accepted, job_id) => {
            let body = json!({
                "document_id": accepted.document_id,
                "version": accepted.version,
                "job_id": job_id.map(|id| id.to_string()),
            });
            Json(body).into_response()
        }
        Taken::Unchanged(unchanged, job_id, version) => {
            let body = json!({
                "document_id": unchanged.document_id,
                "version": version,
                "job_id": job_id.map(|id| id.to_string()),
            });
            Json(body).into_response()
        }
        Taken::New(work) => {
            let job_id = work.job_id.map(|id| id.to_string());
            let body = json!({
                "document_id": work.document_id.to_string(),
                "version": work.version,
                "job_id": job_id,
            });
            served.queue.add(work);
            let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
            let location = job_id.map(|id| HeaderValue::from_str(&format!("/api/v1/jobs/{id}")));
            if let Some(Ok(location)) = location {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
    })
}

/// The name without folders, as a browser of any system may send it.
fn base_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    domain::printable(base).trim().chars().take(255).collect()
}

/// Writes the upload beside the file store while it arrives; it leaves with the handle.
async fn save(served: &Served, mut field: Field<'_>, limit: u64) -> Result<NamedTempFile, Problem> {
    let full = |error: std::io::Error| {
        let status = match error.kind() {
            std::io::ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Problem::new(
            status,
            "not_stored",
            "no se ha podido guardar el fichero: compruebe el espacio en disco",
        )
    };
    let mut file = tempfile::Builder::new()
        .prefix("upload-")
        .tempfile_in(served.app.data().uploads().map_err(full)?)
        .map_err(full)?;
    let mut bytes = 0_u64;
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        bytes += piece.len() as u64;
        if bytes > limit {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!(
                    "el fichero supera el máximo de {} MiB (clave ingest.limits.max_file_bytes)",
                    limit >> 20
                ),
            ));
        }
        file.write_all(&piece).map_err(full)?;
    }
    Ok(file)
}

async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "field_too_large",
                "un campo del formulario es demasiado largo",
            ));
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Problem::bad_request(
            "field_not_text",
            "un campo del formulario no es texto UTF-8",
        )
    })?;
    Ok(domain::printable(&text).trim().to_owned())
}

async fn date(field: Field<'_>) -> Result<Option<jiff::civil::Date>, Problem> {
    let text = text(field).await?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "date_invalid",
            "las fechas se escriben AAAA-MM-DD",
        )
    })
}

fn unreadable(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "el fichero es demasiado grande",
        );
    }
    Problem::bad_request(
        "upload_broken",
        "el envío del fichero se ha interrumpido o no tiene la forma de un formulario: repítalo",
    )
}
