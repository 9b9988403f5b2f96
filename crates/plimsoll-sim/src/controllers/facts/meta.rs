//! Names, owners, labels and times of an object.

use std::fmt;

use jiff::Timestamp;
use plimsoll_apiserver::GroupResource;
use serde_json::{Map, Value, json};

/// An object's place within its collection; the namespace is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self::new(namespace(object), name(object))
    }

    /// The namespace, where there is one.
    pub(crate) fn space(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }
}

/// As Kubernetes writes it: `NAMESPACE/NAME`, or `NAME`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// An object's place on the platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) of: GroupResource,
    pub(crate) key: Key,
}

/// The text at that field of `metadata`; empty where it is missing.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "name")
}

pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

pub(crate) fn uid(object: &Value) -> &str {
    text(object, "uid")
}

pub(crate) fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}

/// Whether its deletion has begun.
pub(crate) fn deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    items(&object["metadata"]["finalizers"])
        .iter()
        .filter_map(Value::as_str)
}

pub(crate) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    finalizers(object).any(|own| own == finalizer)
}

/// A merge patch that leaves all finalizers but that one, if nobody changes the object meanwhile.
pub(crate) fn without_finalizer(object: &Value, finalizer: &str) -> Value {
    let rest: Vec<&str> = finalizers(object).filter(|own| *own != finalizer).collect();
    let rest = if rest.is_empty() { Value::Null } else { json!(rest) };
    json!({"metadata": {
        "uid": uid(object), "resourceVersion": text(object, "resourceVersion"), "finalizers": rest,
    }})
}

/// A list; empty where it is missing.
pub(crate) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn owners(object: &Value) -> &[Value] {
    items(&object["metadata"]["ownerReferences"])
}

/// The owner reference of the object's controller.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    owners(object).iter().find(|owner| owner["controller"] == true)
}

/// The uid of the object's controller.
pub(crate) fn controller_uid(object: &Value) -> Option<&str> {
    controller_of(object).and_then(|owner| owner["uid"].as_str())
}

/// The name of the object's controller, if it is of that kind and group.
pub(crate) fn controller_named<'a>(object: &'a Value, group: &str, kind: &str) -> Option<&'a str> {
    let owner = controller_of(object)?;
    let version = owner["apiVersion"].as_str().unwrap_or_default();
    let own_group = version.split_once('/').map_or("", |(group, _)| group);
    (owner["kind"] == kind && own_group == group)
        .then(|| owner["name"].as_str())
        .flatten()
}

/// The reference by which `owner` controls a dependent.
pub(crate) fn controlled_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// A time as the API writes it: in whole seconds.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time of the API.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// When it was created.
pub(crate) fn created(object: &Value) -> Timestamp {
    time(&object["metadata"]["creationTimestamp"]).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The number at a field, or what stands for it where it is missing.
pub(crate) fn number(value: &Value, default: i64) -> i64 {
    value.as_i64().unwrap_or(default)
}

/// Sets a field, or takes it away where the value is what the API leaves out.
pub(crate) fn set_or_leave_out(map: &mut Map<String, Value>, field: &str, value: Value) {
    let left_out = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    };
    if left_out {
        map.remove(field);
    } else {
        map.insert(field.to_owned(), value);
    }
}

/// A status of those fields, without those that the API leaves out when empty. `replicas` always stays.
pub(crate) fn status<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut map = Map::new();
    for (field, value) in fields {
        if field == "replicas" {
            map.insert(field.to_owned(), value);
        } else {
            set_or_leave_out(&mut map, field, value);
        }
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds() {
        let time: Timestamp = "2026-03-01T10:00:00.75Z".parse().unwrap();
        assert_eq!(stamp(time), "2026-03-01T10:00:00Z");
    }

    #[test]
    fn a_controller_is_known_by_kind_and_group() {
        let pod = json!({"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": "n"},
            {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": true},
        ]}});
        assert_eq!(controller_named(&pod, "batch", "Job"), Some("j"));
        assert_eq!(controller_named(&pod, "apps", "Job"), None);
        assert_eq!(controller_named(&pod, "", "Node"), None);
    }

    #[test]
    fn the_last_finalizer_goes_with_its_list() {
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": ["a"]}});
        assert_eq!(
            without_finalizer(&object, "a")["metadata"]["finalizers"],
            Value::Null
        );
        assert_eq!(
            without_finalizer(&object, "b")["metadata"]["finalizers"],
            json!(["a"])
        );
    }
}
