//! What a webhook answers.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::call::{Refusal, Role};
use crate::{
    Reason, Status,
    policy::fields::{strings, text},
};

/// An answer that lets the request pass.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Operations of a JSON patch; null for none.
    pub(super) patch: Value,
    pub(super) warnings: Vec<String>,
    pub(super) audit: BTreeMap<String, String>,
}

/// Reads an answer; one that makes no sense is a failure of the webhook.
pub(super) fn read(
    name: &str,
    review: Value,
    spoken: &str,
    uid: &str,
    role: Role,
) -> Result<Answer, Refusal> {
    let nonsense = |why: String| Refusal::Failed(format!("received invalid webhook response: {why}"));
    let response = &review["response"];
    if !response.is_object() {
        return Err(nonsense("webhook response was absent".to_owned()));
    }
    if spoken == "v1" {
        if text(response, "uid") != uid {
            let why = format!("expected response.uid={uid:?}, got {:?}", text(response, "uid"));
            return Err(nonsense(why));
        }
        let (version, kind) = (text(&review, "apiVersion"), text(&review, "kind"));
        if (version, kind) != ("admission.k8s.io/v1", "AdmissionReview") {
            let why = format!(
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {version}, Kind={kind}"
            );
            return Err(nonsense(why));
        }
    }
    let kind = response["patchType"].as_str();
    let patched = !is_empty(&response["patch"]);
    let fault = match (role, patched, kind) {
        (Role::Validating, true, _) => Some("validating webhook may not return response.patch"),
        (Role::Validating, false, Some(_)) => Some("validating webhook may not return response.patchType"),
        (Role::Mutating, true, None) if spoken == "v1" => {
            Some("webhook returned response.patch but not response.patchType")
        }
        (Role::Mutating, false, Some(_)) => {
            Some("webhook returned response.patchType but not response.patch")
        }
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(nonsense(fault.to_owned()));
    }
    if response["allowed"] != true {
        return Err(Refusal::Refused(denied(name, &response["status"])));
    }
    if let Some(kind) = kind.filter(|kind| *kind != "JSONPatch") {
        return Err(Refusal::Failed(format!("unsupported patch type {kind:?}")));
    }
    let patch = decoded(&response["patch"])
        .map_err(|why| Refusal::Failed(format!("received undecodable patch in webhook response: {why}")))?;
    let audit = response["auditAnnotations"].as_object().into_iter().flatten();
    Ok(Answer {
        patch,
        warnings: strings(response, "warnings"),
        audit: audit
            .filter_map(|(key, value)| Some((format!("{name}/{key}"), value.as_str()?.to_owned())))
            .collect(),
    })
}

fn is_empty(patch: &Value) -> bool {
    match patch {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(operations) => operations.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// The operations of a patch, which on the wire are text in base64.
fn decoded(patch: &Value) -> Result<Value, String> {
    match patch {
        Value::String(text) if !text.is_empty() => {
            let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())
        }
        Value::String(_) => Ok(Value::Null),
        other => Ok(other.clone()),
    }
}

/// A refusal in the webhook's words.
fn denied(name: &str, status: &Value) -> Status {
    let by = format!("admission webhook {name:?} denied the request");
    let message = match (text(status, "message"), text(status, "reason")) {
        ("", "") => format!("{by} without explanation"),
        ("", reason) => format!("{by}: {reason}"),
        (message, _) => format!("{by}: {message}"),
    };
    let mut denied = Status::new(reason(status), message);
    denied.details = status["details"].clone();
    denied
}

/// The kind of a refusal: by its reason, or else by its code.
fn reason(status: &Value) -> Reason {
    const ALL: &[Reason] = &[
        Reason::BadRequest,
        Reason::Unauthorized,
        Reason::Forbidden,
        Reason::NotFound,
        Reason::MethodNotAllowed,
        Reason::NotAcceptable,
        Reason::Conflict,
        Reason::AlreadyExists,
        Reason::Expired,
        Reason::UnsupportedMediaType,
        Reason::Invalid,
        Reason::TooManyRequests,
        Reason::InternalError,
        Reason::ServiceUnavailable,
        Reason::Timeout,
    ];
    let code = status["code"].as_u64().unwrap_or_default();
    let by_name = ALL
        .iter()
        .find(|reason| reason.name() == text(status, "reason"))
        .filter(|reason| code == 0 || u64::from(reason.code()) == code);
    let by_code = ALL.iter().find(|reason| u64::from(reason.code()) == code);
    by_name.or(by_code).copied().unwrap_or(Reason::BadRequest)
}
