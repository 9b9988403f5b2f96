//! Values of device attributes.

use std::collections::BTreeSet;

use serde_json::Value;

/// One value of an attribute; its type is part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    Text(String),
    Number(i64),
    Truth(bool),
    Version(String),
}

/// The values of an attribute: one, or several where it is a list.
pub(super) fn scalars(attribute: &Value) -> BTreeSet<Scalar> {
    let text = |value: &Value| value.as_str().map(|text| Scalar::Text(text.to_owned()));
    let number = |value: &Value| value.as_i64().map(Scalar::Number);
    let truth = |value: &Value| value.as_bool().map(Scalar::Truth);
    let version = |value: &Value| value.as_str().map(|text| Scalar::Version(text.to_owned()));
    let one = [
        text(&attribute["string"]),
        number(&attribute["int"]),
        truth(&attribute["bool"]),
        version(&attribute["version"]),
    ];
    let many = |key: &str| attribute[key].as_array().into_iter().flatten();
    one.into_iter()
        .flatten()
        .chain(many("strings").filter_map(text))
        .chain(many("ints").filter_map(number))
        .chain(many("bools").filter_map(truth))
        .chain(many("versions").filter_map(version))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_and_a_text_alike_are_different_values() {
        assert_ne!(
            scalars(&json!({"string": "1.0.0"})),
            scalars(&json!({"version": "1.0.0"}))
        );
        assert_eq!(scalars(&json!({"ints": [1, 2]})).len(), 2);
        assert!(scalars(&json!({})).is_empty());
    }
}
