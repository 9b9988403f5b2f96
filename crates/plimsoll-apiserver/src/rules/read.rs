//! Reading fields that may be missing.

use serde_json::{Map, Value};

/// A text; empty where there is none.
pub(super) fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A text some levels down, such as `/metadata/name`.
pub(super) fn text_at<'a>(of: &'a Value, pointer: &str) -> &'a str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number.
pub(super) fn whole(of: &Value, name: &str) -> Option<i64> {
    of.get(name).and_then(Value::as_i64)
}

/// Whether it is there and true.
pub(super) fn is(of: &Value, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether it is there.
pub(super) fn has(of: &Value, name: &str) -> bool {
    of.get(name).is_some_and(|value| !value.is_null())
}

/// A list; empty where there is none.
pub(super) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A map's entries; none where there is no map.
pub(super) fn entries<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    of.get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}
