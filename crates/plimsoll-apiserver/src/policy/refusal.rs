//! How refusals of policies are worded.

use serde_json::{Value, json};

use crate::{GroupResource, Reason, Status};

/// `pods "x" is forbidden: WHY`, as every plugin of the chain says it.
pub(super) fn forbidden(of: &GroupResource, name: &str, why: &str) -> Status {
    let message = match (of.resource.is_empty(), name.is_empty()) {
        (true, _) => format!("forbidden: {why}"),
        (false, true) => format!("{of} is forbidden: {why}"),
        (false, false) => format!("{of} {name:?} is forbidden: {why}"),
    };
    Status {
        reason: Reason::Forbidden,
        message,
        details: details(of, name),
    }
}

/// `pods "x" not found`.
pub(super) fn not_found(of: &GroupResource, name: &str) -> Status {
    Status {
        reason: Reason::NotFound,
        message: format!("{of} {name:?} not found"),
        details: details(of, name),
    }
}

/// `Operation cannot be fulfilled on pods "x": WHY`.
pub(super) fn conflict(of: &GroupResource, name: &str, why: &str) -> Status {
    Status {
        reason: Reason::Conflict,
        message: format!("Operation cannot be fulfilled on {of} {name:?}: {why}"),
        details: details(of, name),
    }
}

/// `Internal error occurred: WHY`.
pub(super) fn internal(why: &str) -> Status {
    Status {
        reason: Reason::InternalError,
        message: format!("Internal error occurred: {why}"),
        details: json!({"causes": [{"message": why}]}),
    }
}

/// Name, group and resource, those that are there.
pub(super) fn details(of: &GroupResource, name: &str) -> Value {
    let mut details = json!({});
    for (field, value) in [("name", name), ("group", &of.group), ("kind", &of.resource)] {
        if !value.is_empty() {
            details[field] = json!(value);
        }
    }
    details
}
