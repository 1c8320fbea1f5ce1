//! Who may call while nobody signs in: programs and pages of this machine.
//!
//! The server listens on loopback, but every page the user's browser opens can send requests to
//! loopback too. A request that a page of another site sends is refused by its `Origin` or
//! `Sec-Fetch-Site`; one that reaches us under a foreign name (DNS rebinding) by its `Host`.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Problem;

/// Refuses requests from pages of other sites.
pub(super) async fn same_site_only(request: Request, next: Next) -> Result<Response, Problem> {
    check(request.headers(), request.uri())?;
    Ok(next.run(request).await)
}

fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let refused = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "foreign_site",
            "la petición viene de otra página web: use la página de Sístole o su API desde esta máquina",
        )
    };
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    // HTTP/2 has the authority in the URI, HTTP/1.1 in Host.
    let host = uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| text(HOST));
    let Some(host) = host else {
        return Err(refused());
    };
    if !is_loopback(host_name(host)) {
        return Err(refused());
    }
    if let Some(origin) = text(ORIGIN) {
        let from = origin.split_once("://").map_or(origin, |(_, rest)| rest);
        if !from.eq_ignore_ascii_case(host) {
            return Err(refused());
        }
    }
    match headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok())
    {
        Some("cross-site" | "same-site") => Err(refused()),
        _ => Ok(()),
    }
}

fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        check(&map, &Uri::from_static("/api/v1/ask")).is_ok()
    }

    #[test]
    fn programs_and_our_own_page_may_call() {
        assert!(allowed(&[("host", "127.0.0.1:8080")]));
        assert!(allowed(&[
            ("host", "localhost:8080"),
            ("origin", "http://localhost:8080")
        ]));
        assert!(allowed(&[
            ("host", "[::1]:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
    }

    #[test]
    fn a_page_of_another_site_may_not() {
        assert!(!allowed(&[
            ("host", "127.0.0.1:8080"),
            ("origin", "https://evil.example")
        ]));
        assert!(!allowed(&[("host", "127.0.0.1:8080"), ("origin", "null")]));
        assert!(!allowed(&[
            ("host", "127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site")
        ]));
    }

    #[test]
    fn a_foreign_name_that_leads_here_may_not() {
        assert!(!allowed(&[("host", "rebound.example:8080")]));
        assert!(!allowed(&[]));
    }
}
