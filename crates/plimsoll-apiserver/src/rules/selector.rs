//! Label selectors: their form, and what they select.

use serde_json::{Map, Value};

use super::{formed, names, read};
use crate::schema::{Cause, path::Path};

/// What is wrong with a selector.
pub(super) fn check(selector: &Value, path: &Path, causes: &mut Vec<Cause>) {
    super::metadata::check_labels(&selector["matchLabels"], &path.child("matchLabels"), causes);
    for (index, requirement) in read::list(selector, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let values = read::list(requirement, "values");
        match read::text(requirement, "operator") {
            "In" | "NotIn" if values.is_empty() => {
                causes.push(Cause::required(
                    path.child("values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                ));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(Cause::forbidden(path.child("values"), detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => causes.push(Cause::invalid(
                path.child("operator"),
                &other.into(),
                "not a valid selector operator",
            )),
        }
        let key = read::text(requirement, "key");
        formed(key, names::qualified_name(key), &path.child("key"), causes);
        for (index, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            formed(
                value,
                names::label_value(value),
                &path.child("values").index(index),
                causes,
            );
        }
    }
}

/// Whether a selector says nothing.
pub(super) fn is_empty(selector: &Value) -> bool {
    let labels = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .is_none_or(Map::is_empty);
    labels && read::list(selector, "matchExpressions").is_empty()
}

/// Whether a selector selects what has those labels.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let of = |key: &str| labels.get(key).and_then(Value::as_str);
    read::entries(selector, "matchLabels").all(|(key, value)| of(key) == value.as_str())
        && read::list(selector, "matchExpressions")
            .iter()
            .all(|requirement| {
                let value = of(read::text(requirement, "key"));
                let is_listed = value.is_some_and(|value| {
                    read::list(requirement, "values")
                        .iter()
                        .any(|other| other.as_str() == Some(value))
                });
                match read::text(requirement, "operator") {
                    "In" => is_listed,
                    "NotIn" => !is_listed,
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
}
