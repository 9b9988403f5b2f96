//! Label selectors as objects hold them.

use serde_json::Value;

/// Whether a LabelSelector chooses something with these labels. An empty one chooses everything, a missing one nothing.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let Some(fields) = selector.as_object() else {
        return false;
    };
    let exact = fields
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    exact
        && fields
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .all(|requirement| meets(requirement, labels))
}

/// Whether one requirement of `matchExpressions` is met; one with an unknown operator never is.
fn meets(requirement: &Value, labels: &Value) -> bool {
    let label = requirement["key"].as_str().and_then(|key| labels.get(key));
    let listed = || {
        let values = requirement["values"].as_array();
        label.is_some_and(|label| values.is_some_and(|values| values.contains(label)))
    };
    match requirement["operator"].as_str() {
        Some("In") => listed(),
        Some("NotIn") => !listed(),
        Some("Exists") => label.is_some(),
        Some("DoesNotExist") => label.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_requirements_must_be_met() {
        let labels = json!({"app": "web", "tier": "front"});
        for (selector, chosen) in [
            (json!({}), true),
            (json!(null), false),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}),
                true,
            ),
            (
                json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}),
                false,
            ),
        ] {
            assert_eq!(matches(&selector, &labels), chosen, "{selector}");
        }
    }
}
