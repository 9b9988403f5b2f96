//! Taints of nodes and devices, and who puts up with them.

use serde_json::Value;

/// Puts up with taints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Toleration {
    key: String,
    any_value: bool,
    value: String,
    effect: String,
}

impl Toleration {
    pub(super) fn read(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self {
            key: text("key"),
            any_value: value["operator"] == "Exists",
            value: text("value"),
            effect: text("effect"),
        }
    }

    /// Whether it puts up with a taint of a node or of a device.
    pub(super) fn tolerates(&self, taint: &Taint) -> bool {
        let key = if self.key.is_empty() {
            self.any_value
        } else {
            self.key == taint.key
        };
        key && (self.effect.is_empty() || self.effect == taint.effect)
            && (self.any_value || self.value == taint.value)
    }
}

/// Keeps pods away from a node, or claims from a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taint {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) effect: String,
}

impl Taint {
    pub(super) fn read(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self {
            key: text("key"),
            value: text("value"),
            effect: text("effect"),
        }
    }

    /// Whether it keeps out who doesn't tolerate it, rather than only being disliked.
    pub(super) fn keeps_out(&self) -> bool {
        matches!(self.effect.as_str(), "NoSchedule" | "NoExecute")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_toleration_needs_key_value_and_effect() {
        let taint = Taint {
            key: "k".into(),
            value: "v".into(),
            effect: "NoSchedule".into(),
        };
        let tolerates = |value: Value| Toleration::read(&value).tolerates(&taint);
        assert!(tolerates(json!({"operator": "Exists"})));
        assert!(tolerates(json!({"key": "k", "operator": "Exists"})));
        assert!(tolerates(
            json!({"key": "k", "value": "v", "effect": "NoSchedule"})
        ));
        assert!(!tolerates(json!({"key": "k", "value": "w"})));
        assert!(!tolerates(
            json!({"key": "k", "operator": "Exists", "effect": "NoExecute"})
        ));
        assert!(!tolerates(json!({"key": "j", "operator": "Exists"})));
    }
}
