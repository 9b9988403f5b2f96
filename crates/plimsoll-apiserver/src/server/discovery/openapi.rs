//! OpenAPI v3, as far as `kubectl` looks at it: which parameters patches take, and what kinds are made of.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{Group, groups, json_answer};
use crate::{
    catalog::{Served, Verbs},
    resources::CUSTOM_RESOURCE_DEFINITIONS,
    schema::openapi,
    server::{
        Inner,
        http::{Answer, answer},
    },
    store::Key,
};

impl Inner {
    /// The index, or the document of a group's version.
    pub(super) fn openapi(&self, parts: &[&str]) -> Answer {
        let groups = groups(&self.catalog());
        match parts {
            [] => json_answer(&self.index(&groups)),
            ["api", version] => self.openapi_of(&groups, "", version),
            ["apis", group, version] => self.openapi_of(&groups, group, version),
            _ => answer::no_such_path(),
        }
    }

    fn openapi_of(&self, groups: &[Group], group: &str, version: &str) -> Answer {
        let served = groups
            .iter()
            .find(|own| own.name == group)
            .and_then(|group| group.versions.iter().find(|(own, _)| own == version));
        let Some((version, served)) = served else {
            return answer::no_such_path();
        };
        let mut paths = Map::new();
        for served in served.iter().filter(|served| served.verbs == Verbs::All) {
            let (path, item) = self.path_item(served, version);
            paths.insert(path, item);
        }
        json_answer(&json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": format!("v1.{}.0", self.config.minor)},
            "paths": paths,
            "components": {"schemas": self.components(served, version)},
        }))
    }

    fn components(&self, all: &[Arc<Served>], version: &str) -> Map<String, Value> {
        let builtin: Vec<(String, String)> = all
            .iter()
            .filter(|served| served.custom.is_none())
            .map(|served| (served.api_version(version), served.kind.clone()))
            .collect();
        let mut components = openapi::components(self.config.minor, &builtin);
        for served in all.iter().filter(|served| served.custom.is_some()) {
            if let Some(schema) = self.custom_component(served, version) {
                let mut home: Vec<&str> = served.of.group.split('.').rev().collect();
                home.extend([version, &served.kind]);
                components.insert(home.join("."), schema);
            }
        }
        components
    }

    /// A custom kind's schema as its definition has it.
    fn custom_component(&self, served: &Served, version: &str) -> Option<Value> {
        let name = served.of.to_string();
        let state = self.store.lock();
        let definition = state
            .get(&CUSTOM_RESOURCE_DEFINITIONS, &Key::new("", &name))?
            .object();
        let mut schema = definition["spec"]["versions"]
            .as_array()?
            .iter()
            .find(|own| own["name"] == version)?["schema"]["openAPIV3Schema"]
            .clone();
        schema["x-kubernetes-group-version-kind"] =
            json!([openapi::identity(&served.api_version(version), &served.kind)]);
        let properties = schema
            .as_object_mut()?
            .entry("properties")
            .or_insert_with(|| json!({}));
        properties["metadata"] = openapi::object_meta();
        for field in ["apiVersion", "kind"] {
            properties[field] = json!({"type": "string"});
        }
        Some(schema)
    }

    fn index(&self, groups: &[Group]) -> Value {
        let mut paths = Map::new();
        for group in groups {
            for (version, served) in &group.versions {
                let path = if group.name.is_empty() {
                    format!("api/{version}")
                } else {
                    format!("apis/{}/{version}", group.name)
                };
                let hash = self.hash(served, version);
                let url = format!("/openapi/v3/{path}?hash={hash:016X}");
                paths.insert(path, json!({"serverRelativeURL": url}));
            }
        }
        json!({"paths": paths})
    }

    /// Another one whenever the document would be another one; clients keep documents by it.
    fn hash(&self, all: &[Arc<Served>], version: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.config.minor, version).hash(&mut hasher);
        for served in all {
            (&served.of, &served.kind).hash(&mut hasher);
            if served.custom.is_some() {
                self.custom_component(served, version)
                    .map(|schema| schema.to_string())
                    .hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn path_item(&self, served: &Served, version: &str) -> (String, Value) {
        let base = if served.of.group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{}/{version}", served.of.group)
        };
        let namespace = if served.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let path = format!("{base}{namespace}/{}/{{name}}", served.of.resource);
        let parameter = |name: &str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}});
        let kind = json!({"group": served.of.group, "version": version, "kind": served.kind});
        let written = [
            parameter("dryRun", "string"),
            parameter("fieldManager", "string"),
            parameter("fieldValidation", "string"),
        ];
        let operation = |action: &str, parameters: Vec<Value>| {
            json!({
                "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind, "parameters": parameters,
                "responses": {"200": {"description": "OK"}},
            })
        };
        let mut patched = written.to_vec();
        patched.push(parameter("force", "boolean"));
        let item = json!({
            "get": operation("get", Vec::new()),
            "put": operation("put", written.to_vec()),
            "patch": operation("patch", patched),
            "delete": operation("delete", vec![parameter("dryRun", "string")]),
        });
        (path, item)
    }
}
