//! What a webhook is told.

use serde_json::{Value, json};

use crate::policy::admission::{
    Request,
    expressions::{about, versioned},
};

/// The AdmissionReview of a request, with its objects in a version of their kind.
pub(super) fn review(spoken: &str, uid: &str, request: &Request, version: &str) -> Value {
    let in_version =
        |object: Option<&Value>| object.map_or(Value::Null, |object| versioned(object, request, version));
    let mut told = about(request, version);
    told["uid"] = json!(uid);
    told["object"] = in_version(request.object.as_ref());
    told["oldObject"] = in_version(request.old.as_deref());
    json!({
        "apiVersion": format!("admission.k8s.io/{spoken}"),
        "kind": "AdmissionReview",
        "request": told,
    })
}
