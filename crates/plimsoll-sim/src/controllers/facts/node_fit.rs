//! Whether a pod's wishes name a node.

use serde_json::Value;

use super::meta::{self, items};

/// Whether a pod's node selector and required node affinity allow a node.
pub(crate) fn allows(spec: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let selector = spec["nodeSelector"].as_object();
    if !selector
        .into_iter()
        .flatten()
        .all(|(key, value)| labels[key] == *value)
    {
        return false;
    }
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    if required.is_null() {
        return true;
    }
    items(&required["nodeSelectorTerms"]).iter().any(|term| {
        let (expressions, fields) = (items(&term["matchExpressions"]), items(&term["matchFields"]));
        !(expressions.is_empty() && fields.is_empty())
            && expressions.iter().all(|wanted| {
                holds(
                    wanted,
                    labels[wanted["key"].as_str().unwrap_or_default()].as_str(),
                )
            })
            && fields
                .iter()
                .all(|wanted| wanted["key"] == "metadata.name" && holds(wanted, Some(meta::name(node))))
    })
}

fn holds(wanted: &Value, own: Option<&str>) -> bool {
    let values = items(&wanted["values"]);
    let listed = own.is_some_and(|own| values.iter().any(|value| value == own));
    let compared = |ordering: std::cmp::Ordering| {
        let wanted: Option<i64> = values
            .first()
            .and_then(Value::as_str)
            .and_then(|value| value.parse().ok());
        let own: Option<i64> = own.and_then(|own| own.parse().ok());
        own.zip(wanted)
            .is_some_and(|(own, wanted)| own.cmp(&wanted) == ordering)
    };
    match wanted["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => own.is_some(),
        Some("DoesNotExist") => own.is_none(),
        Some("Gt") => compared(std::cmp::Ordering::Greater),
        Some("Lt") => compared(std::cmp::Ordering::Less),
        _ => false,
    }
}
