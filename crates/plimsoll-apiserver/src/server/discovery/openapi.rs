//! OpenAPI v3, as far as `kubectl` looks at it: which parameters patches take.

use serde_json::{Map, Value, json};

use super::{Group, groups, json_answer};
use crate::{
    catalog::{Served, Verbs, api_version},
    server::{
        Inner,
        http::{Answer, answer},
    },
};

impl Inner {
    /// The index, or the document of a group's version.
    pub(super) fn openapi(&self, parts: &[&str]) -> Answer {
        let groups = groups(&self.catalog());
        match parts {
            [] => json_answer(&index(&groups)),
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
            "components": {"schemas": {}},
        }))
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

fn index(groups: &[Group]) -> Value {
    let mut paths = Map::new();
    for group in groups {
        for (version, _) in &group.versions {
            let path = if group.name.is_empty() {
                format!("api/{version}")
            } else {
                format!("apis/{}/{version}", group.name)
            };
            let url = format!(
                "/openapi/v3/{path}?hash={}",
                api_version(&group.name, version).len()
            );
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}
