//! Reading fields of objects.

use serde_json::Value;

/// A text; empty where there is none.
pub(super) fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_default()
}

/// A field of `metadata`; empty where there is none.
pub(super) fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    text(&object["metadata"], field)
}

/// The items of a list; none where there is no list.
pub(super) fn items<'a>(of: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of[field].as_array().into_iter().flatten()
}

/// The texts of a list.
pub(super) fn strings(of: &Value, field: &str) -> Vec<String> {
    items(of, field)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
