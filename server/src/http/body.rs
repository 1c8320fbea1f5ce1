//! JSON bodies, with a problem that says what is wrong with them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::{Language, Question};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A body read from JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Json::<T>::from_request(request, state).await;
        body.map(|Json(body)| Self(body)).map_err(|rejection| match rejection {
            JsonRejection::MissingJsonContentType(_) => Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "el cuerpo de la petición debe ser JSON (Content-Type: application/json)",
            ),
            // The library's own message may repeat what was sent; only the place is told.
            JsonRejection::JsonSyntaxError(_) => {
                Problem::bad_request("json_invalid", "el cuerpo de la petición no es JSON válido")
            }
            JsonRejection::JsonDataError(_) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "json_unexpected",
                "al cuerpo de la petición le falta un campo o tiene uno de otro tipo: vea la especificación de la API",
            ),
            rejection if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "el cuerpo de la petición es demasiado grande",
            ),
            _ => Problem::bad_request("body_unreadable", "no se ha podido leer el cuerpo de la petición"),
        })
    }
}

/// The parameters of an address.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|_| {
            Problem::bad_request(
                "query_invalid",
                "los parámetros de la dirección no son válidos: vea la especificación de la API",
            )
        })
    }
}

/// A question from a request.
pub(super) fn question(text: &str, language: Option<&str>) -> Result<Question, Problem> {
    let language = language
        .filter(|code| !code.is_empty())
        .map(str::parse::<Language>)
        .transpose()?;
    Ok(Question::parse(text, language)?)
}
