//! The catalogue over REST: list, show, the file itself, change, delete.

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
};
use axum::response::{IntoResponse, Response};
use catalog::{DocumentFilter, DocumentPatch, VersionState};
use domain::DocumentId;
use jiff::civil::Date;
use serde::Deserialize;

use super::Served;
use super::body::{Body, Params};
use super::problem::Problem;
use crate::failures::{blob_failure, catalog_failure};
use crate::index_care;
use crate::ingestion::{self, DeletionReceipt};
use crate::wire::{DocumentJson, DocumentsJson};

/// `?cursor=&limit=&status=&collection=`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    status: Option<String>,
    collection: Option<String>,
}

pub(super) async fn list(
    State(served): State<Served>,
    Params(query): Params<ListQuery>,
) -> Result<Json<DocumentsJson>, Problem> {
    let status = query
        .status
        .filter(|status| !status.is_empty())
        .map(|status| status.parse::<VersionState>());
    let filter = DocumentFilter {
        status: status.transpose().map_err(|error| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "status_unknown",
                error.to_string(),
            )
        })?,
        collection: query.collection.filter(|name| !name.is_empty()),
        groups: None,
        cursor: query.cursor.filter(|cursor| !cursor.is_empty()),
        limit: query.limit.unwrap_or(50),
    };
    let page = served
        .app
        .catalog()
        .documents(&filter)
        .await
        .map_err(catalog_failure)?;
    Ok(Json(DocumentsJson {
        documents: page.items.iter().map(DocumentJson::from).collect(),
        next_cursor: page.next,
    }))
}

pub(super) async fn show(
    State(served): State<Served>,
    Path(id): Path<String>,
) -> Result<Json<DocumentJson>, Problem> {
    let document = ingestion::existing(&served.app, id.parse()?).await?;
    Ok(Json(DocumentJson::from(&document)))
}

/// `?version=`.
#[derive(Debug, Deserialize)]
pub(super) struct FileQuery {
    version: Option<u32>,
}

/// The file as it came. Only a PDF is shown in place; anything that a browser might run as a page
/// of ours is handed over as a download.
pub(super) async fn file(
    State(served): State<Served>,
    Path(id): Path<String>,
    Params(query): Params<FileQuery>,
) -> Result<Response, Problem> {
    let document = ingestion::existing(&served.app, id.parse()?).await?;
    let version = match query.version {
        Some(number) => document
            .versions
            .iter()
            .find(|version| version.number == number),
        None => document.current(),
    };
    let gone = || Problem::not_found("no existe esa versión del documento");
    let version = version
        .filter(|version| version.state != VersionState::Deleted)
        .ok_or_else(gone)?;
    // An altered file is not shown: what it says is not what was approved.
    served
        .app
        .blobs()
        .verify(&version.sha256)
        .await
        .map_err(blob_failure)?;
    let file = served
        .app
        .blobs()
        .open_blob(&version.sha256)
        .map_err(blob_failure)?;
    let media_type = version
        .media_type
        .clone()
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let inline = media_type == "application/pdf";
    let disposition = format!(
        "{}; filename*=UTF-8''{}",
        if inline { "inline" } else { "attachment" },
        percent_encoded(&version.file_name)
    );
    let stream = tokio_util_stream(tokio::fs::File::from_std(file));
    let mut response = HttpBody::from_stream(stream).into_response();
    let headers = response.headers_mut();
    let text = |value: String| {
        HeaderValue::from_str(&value)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"))
    };
    headers.insert(CONTENT_TYPE, text(media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(version.byte_size));
    headers.insert(CONTENT_DISPOSITION, text(disposition));
    if inline {
        // A sandboxed document opens no PDF viewer.
        headers.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; frame-ancestors 'self'; object-src 'self'",
            ),
        );
    }
    Ok(response)
}

/// The file in pieces of 64 KiB.
fn tokio_util_stream(
    file: tokio::fs::File,
) -> impl futures::Stream<Item = std::io::Result<Vec<u8>>> {
    use tokio::io::AsyncReadExt;
    futures::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; 64 * 1024];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then_some((piece, file)))
    })
}

/// RFC 5987: everything but letters, digits and a few signs as `%XX`.
fn percent_encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The body of `PATCH /api/v1/documents/{id}`. A field that is absent stays; `null` empties it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    #[serde(default, deserialize_with = "present")]
    title: Option<Option<String>>,
    #[serde(default)]
    collection: Option<String>,
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    effective_from: Option<Option<Date>>,
    #[serde(default, deserialize_with = "present")]
    effective_to: Option<Option<Date>>,
    /// `active` or `retired`.
    #[serde(default)]
    status: Option<String>,
}

/// Tells an absent field (`None`) from a `null` one (`Some(None)`).
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

pub(super) async fn change(
    State(served): State<Served>,
    Path(id): Path<String>,
    Body(body): Body<ChangeBody>,
) -> Result<Json<DocumentJson>, Problem> {
    let id: DocumentId = id.parse()?;
    let app = &served.app;
    ingestion::existing(app, id).await?;
    let patch = DocumentPatch {
        title: body.title,
        collection: body.collection,
        groups: body.groups,
        effective_from: body.effective_from,
        effective_to: body.effective_to,
    };
    if patch != DocumentPatch::default() {
        app.catalog()
            .update_metadata(id, &patch)
            .await
            .map_err(catalog_failure)?;
        // Title, collection and groups stand in the index too.
        index_care::reindex_document(app, id).await?;
    }
    match body.status.as_deref() {
        None => {}
        Some("retired") => ingestion::retire(app, id).await?,
        Some("active") => ingestion::reactivate(app, id).await?,
        Some(_) => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "status_unknown",
                "el estado solo se puede cambiar a active o retired",
            ));
        }
    }
    let document = app.catalog().document(id).await.map_err(catalog_failure)?;
    Ok(Json(DocumentJson::from(&document)))
}

pub(super) async fn delete(
    State(served): State<Served>,
    Path(id): Path<String>,
) -> Result<Json<DeletionReceipt>, Problem> {
    Ok(Json(ingestion::delete(&served.app, id.parse()?).await?))
}
