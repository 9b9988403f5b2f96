//! Answers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{Body, GroupResource, Status};

/// An answer to a request.
pub(crate) type Answer = Response<Body>;

/// JSON, with that code.
pub(crate) fn json(code: StatusCode, text: impl Into<Bytes>) -> Answer {
    with_type(code, "application/json", text)
}

/// Something of that media type, with that code.
pub(crate) fn with_type(code: StatusCode, media: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::whole(text));
    *answer.status_mut() = code;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// A refusal.
pub(crate) fn refusal(status: &Status) -> Answer {
    let code = StatusCode::from_u16(status.reason.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = json(code, status.to_json().to_string());
    if let Some(seconds) = status.details["retryAfterSeconds"]
        .as_u64()
        .filter(|seconds| *seconds > 0)
    {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// What the real server says of paths that it doesn't know.
pub(crate) fn no_such_path() -> Answer {
    with_type(
        StatusCode::NOT_FOUND,
        "text/plain; charset=utf-8",
        "404 page not found\n",
    )
}

/// That something was done, about an object of that name and uid.
pub(crate) fn success(of: &GroupResource, name: &str, uid: &str) -> Value {
    let mut details = json!({"name": name, "kind": of.resource});
    if !of.group.is_empty() {
        details["group"] = of.group.as_ref().into();
    }
    if !uid.is_empty() {
        details["uid"] = uid.into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// Adds `Warning` headers.
pub(crate) fn warn(answer: &mut Answer, warnings: &[String]) {
    let mut told: Vec<&str> = Vec::new();
    for warning in warnings {
        if told.contains(&warning.as_str()) {
            continue;
        }
        told.push(warning);
        let quoted: String = warning
            .chars()
            .filter(|letter| !letter.is_control())
            .flat_map(|letter| {
                let escape = matches!(letter, '"' | '\\').then_some('\\');
                escape.into_iter().chain([letter])
            })
            .collect();
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
}
