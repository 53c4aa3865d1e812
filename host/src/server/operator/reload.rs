//! What became of a reload, for the operator.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::http::response::text;
use crate::server::change::Changed;
use crate::server::reload::Refused;

/// The paths that have changed, or a problem document with the reason why nothing did. None if the server has ended.
pub(super) fn response(outcome: Option<Result<Changed, Refused>>) -> Response<Full<Bytes>> {
    let (status, kind, title) = match &outcome {
        None => return text(StatusCode::SERVICE_UNAVAILABLE, "the server ends\n"),
        Some(Ok(changed)) => return document(StatusCode::OK, "application/json", &json!(changed)),
        Some(Err(Refused::NeedsRestart(_))) => {
            (StatusCode::CONFLICT, "needs-restart", "the new configuration needs a restart")
        }
        Some(Err(Refused::Unusable(_))) => {
            let title = "the new configuration cannot be served";
            (StatusCode::UNPROCESSABLE_ENTITY, "not-reloaded", title)
        }
    };
    let detail = outcome.and_then(Result::err).map(|refused| refused.sentence().to_owned());
    let problem = json!({
        "type": format!("urn:arenaria:problem:{kind}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    document(status, "application/problem+json", &problem)
}

fn document(
    status: StatusCode,
    media_type: &'static str,
    document: &serde_json::Value,
) -> Response<Full<Bytes>> {
    let mut response = text(status, format!("{document}\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
