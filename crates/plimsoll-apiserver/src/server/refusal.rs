//! Refusals in the real server's words.

use serde_json::{Value, json};

use crate::{GroupResource, Reason, Status};

fn details(of: &GroupResource, name: &str) -> Value {
    let mut details = json!({"name": name, "kind": of.resource});
    if !of.group.is_empty() {
        details["group"] = of.group.as_ref().into();
    }
    details
}

fn about(reason: Reason, of: &GroupResource, name: &str, message: String) -> Status {
    Status {
        details: details(of, name),
        ..Status::new(reason, message)
    }
}

/// No such object.
pub(crate) fn not_found(of: &GroupResource, name: &str) -> Status {
    about(Reason::NotFound, of, name, format!("{of} \"{name}\" not found"))
}

/// There is one of that name.
pub(crate) fn already_exists(of: &GroupResource, name: &str) -> Status {
    about(
        Reason::AlreadyExists,
        of,
        name,
        format!("{of} \"{name}\" already exists"),
    )
}

/// Somebody else changed it, or it is not in the state that the request wants.
pub(crate) fn conflict(of: &GroupResource, name: &str, why: &str) -> Status {
    let message = format!("Operation cannot be fulfilled on {of} \"{name}\": {why}");
    about(Reason::Conflict, of, name, message)
}

/// Somebody else changed it since it was read.
pub(crate) fn modified(of: &GroupResource, name: &str) -> Status {
    conflict(
        of,
        name,
        "the object has been modified; please apply your changes to the latest version and try again",
    )
}

/// A field that breaks a rule, where schemas don't say it.
pub(crate) fn invalid(
    kind: &str,
    group: &str,
    name: &str,
    field: &str,
    cause: &str,
    message: &str,
) -> Status {
    let mut details = json!({"causes": [{"reason": cause, "message": message, "field": field}]});
    for (field, text) in [("name", name), ("kind", kind), ("group", group)] {
        if !text.is_empty() {
            details[field] = text.into();
        }
    }
    let of = if group.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}.{group}")
    };
    Status {
        details,
        ..Status::new(
            Reason::Invalid,
            format!("{of} \"{name}\" is invalid: {field}: {message}"),
        )
    }
}

/// Nothing is served there.
pub(crate) fn no_such_resource() -> Status {
    Status {
        details: json!({}),
        ..Status::new(
            Reason::NotFound,
            "the server could not find the requested resource",
        )
    }
}

/// That can't be done with it.
pub(crate) fn method_not_allowed() -> Status {
    Status {
        details: json!({}),
        ..Status::new(
            Reason::MethodNotAllowed,
            "the server does not allow this method on the requested resource",
        )
    }
}

/// The request makes no sense.
pub(crate) fn bad_request(message: impl Into<String>) -> Status {
    Status::new(Reason::BadRequest, message)
}
