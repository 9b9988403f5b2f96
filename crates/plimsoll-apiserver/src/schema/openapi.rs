//! Schemas of built-in kinds as OpenAPI tells them: what `kubectl explain` shows, and what `kubectl apply` merges by.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    builtin::{self, Kinds},
    graph::{Field, Fields, Id, Keys, Node, Shape},
};

/// Where components are, for references to them.
const COMPONENTS: &str = "#/components/schemas/";

/// The metadata of every object.
pub(crate) fn object_meta() -> Value {
    json!({"allOf": [{"$ref": format!("{COMPONENTS}{}", published("meta.v1.ObjectMeta"))}], "default": {}})
}

/// The schemas of kinds, given with their apiVersions, and of all that they are made of. `ObjectMeta` is there always.
pub(crate) fn components(minor: u32, kinds: &[(String, String)]) -> Map<String, Value> {
    let all = builtin::kinds(minor);
    let mut writer = Writer {
        kinds: all,
        open: Vec::new(),
    };
    let mut roots: BTreeMap<Id, Vec<Value>> = BTreeMap::new();
    for (api_version, kind) in kinds {
        if let Some(id) = all.roots.get(&format!("{api_version} {kind}")) {
            roots.entry(*id).or_default().push(identity(api_version, kind));
            writer.open.push(*id);
        }
    }
    let metadata = all.names.iter().find(|(_, name)| *name == "meta.v1.ObjectMeta");
    writer.open.extend(metadata.map(|(id, _)| *id));
    let mut seen = BTreeSet::new();
    let mut components = Map::new();
    while let Some(id) = writer.open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let (Some(name), Some(node)) = (all.names.get(&id), all.graph.nodes.get(id)) else {
            continue;
        };
        let mut schema = match &node.shape {
            Shape::Object(fields) => writer.structure(fields),
            other => writer.shape(other, node),
        };
        if let Some(kinds) = roots.get(&id) {
            schema["x-kubernetes-group-version-kind"] = kinds.clone().into();
        }
        components.insert(published(name), schema);
    }
    components
}

/// A kind as OpenAPI marks its schema.
pub(crate) fn identity(api_version: &str, kind: &str) -> Value {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    json!({"group": group, "version": version, "kind": kind})
}

/// The name under which a type is published.
fn published(name: &str) -> String {
    let home = match name.split('.').next() {
        Some("meta") => "io.k8s.apimachinery.pkg.apis",
        Some("apiextensions") => "io.k8s.apiextensions-apiserver.pkg.apis",
        Some("apiregistration") => "io.k8s.kube-aggregator.pkg.apis",
        _ => "io.k8s.api",
    };
    format!("{home}.{name}")
}

struct Writer {
    kinds: &'static Kinds,
    /// What is referred to.
    open: Vec<Id>,
}

impl Writer {
    fn structure(&mut self, fields: &Fields) -> Value {
        let mut properties = Map::new();
        for (name, field) in &fields.named {
            properties.insert(name.clone(), self.field(field));
        }
        let mut schema = json!({"type": "object"});
        if !properties.is_empty() {
            schema["properties"] = properties.into();
        }
        if !fields.required.is_empty() {
            schema["required"] = fields.required.clone().into();
        }
        if let Some(others) = fields.others {
            schema["additionalProperties"] = self.value(others);
        }
        if fields.atomic {
            schema["x-kubernetes-map-type"] = "atomic".into();
        }
        schema
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.value(field.id);
        if let Some(default) = &field.default {
            if schema.get("$ref").is_some() {
                schema = json!({"allOf": [schema]});
            }
            schema["default"] = default.clone();
        }
        let patch = &field.patch;
        let strategies: Vec<&str> = [
            (patch.merge, "merge"),
            (patch.replace, "replace"),
            (patch.retain_keys, "retainKeys"),
        ]
        .into_iter()
        .filter_map(|(is, name)| is.then_some(name))
        .collect();
        if !strategies.is_empty() {
            schema["x-kubernetes-patch-strategy"] = strategies.join(",").into();
        }
        if let Some(key) = &patch.key {
            schema["x-kubernetes-patch-merge-key"] = key.clone().into();
        }
        schema
    }

    fn value(&mut self, id: Id) -> Value {
        let kinds = self.kinds;
        let Some(node) = kinds.graph.nodes.get(id) else {
            return json!({});
        };
        match &node.shape {
            Shape::Object(fields) if !fields.named.is_empty() => match kinds.names.get(&id) {
                Some(name) => {
                    self.open.push(id);
                    json!({"$ref": format!("{COMPONENTS}{}", published(name))})
                }
                None => self.structure(fields),
            },
            other => self.shape(other, node),
        }
    }

    fn shape(&mut self, shape: &Shape, node: &Node) -> Value {
        let mut schema = match shape {
            Shape::Any => json!({}),
            Shape::Object(fields) => self.structure(fields),
            Shape::List(items, keys) => {
                let mut schema = json!({"type": "array", "items": self.value(*items)});
                match keys {
                    Keys::Atomic => {}
                    Keys::Set => schema["x-kubernetes-list-type"] = "set".into(),
                    Keys::Map(keys) => {
                        schema["x-kubernetes-list-type"] = "map".into();
                        schema["x-kubernetes-list-map-keys"] = keys.clone().into();
                    }
                }
                schema
            }
            Shape::String => json!({"type": "string"}),
            Shape::Integer => json!({"type": "integer"}),
            Shape::Number => json!({"type": "number", "format": "double"}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::IntOrString => {
                json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"})
            }
            Shape::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        };
        let format = node.format.name();
        if !format.is_empty() {
            schema["format"] = format.into();
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> Map<String, Value> {
        components(36, &[("v1".to_owned(), "Pod".to_owned())])
    }

    #[test]
    fn a_kind_is_there_with_all_that_it_is_made_of() {
        let components = pods();
        let pod = &components["io.k8s.api.core.v1.Pod"];
        assert_eq!(
            pod["x-kubernetes-group-version-kind"],
            json!([{"group": "", "version": "v1", "kind": "Pod"}])
        );
        assert_eq!(pod["properties"]["metadata"], object_meta());
        let text = Value::Object(components.clone()).to_string();
        for reference in text.split(COMPONENTS).skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(components.contains_key(name), "{name} is missing");
        }
    }

    #[test]
    fn it_says_how_lists_merge() {
        let spec = &pods()["io.k8s.api.core.v1.PodSpec"]["properties"];
        assert_eq!(spec["containers"]["x-kubernetes-patch-strategy"], "merge");
        assert_eq!(spec["containers"]["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(spec["containers"]["x-kubernetes-list-map-keys"], json!(["name"]));
        assert_eq!(
            spec["terminationGracePeriodSeconds"],
            json!({"type": "integer", "format": "int64"})
        );
    }
}
