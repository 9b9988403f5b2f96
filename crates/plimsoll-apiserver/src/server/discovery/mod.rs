//! What the server says of itself: versions, groups, resources, health, OpenAPI.

mod aggregated;
mod legacy;
mod openapi;

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Inner,
    http::{Accept, Answer, answer, not_acceptable},
};
use crate::catalog::{Catalog, Served};

/// The groups in the order in which the real server lists them, and clients prefer them.
const ORDER: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// A group with its versions, best first, and what is served in each.
pub(super) struct Group {
    name: String,
    versions: Vec<(String, Vec<Arc<Served>>)>,
}

/// All groups in their order; the core group is the first.
pub(super) fn groups(catalog: &Catalog) -> Vec<Group> {
    let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<Arc<Served>>>> = BTreeMap::new();
    for served in catalog.iter() {
        for version in &served.versions {
            let group = groups.entry(&served.of.group).or_default();
            group.entry(version).or_default().push(Arc::clone(served));
        }
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|(name, versions)| {
            let mut versions: Vec<(String, Vec<Arc<Served>>)> = versions
                .into_iter()
                .map(|(version, served)| (version.to_owned(), served))
                .collect();
            versions.sort_by_key(|(version, _)| Reverse(super::custom::priority(version)));
            Group {
                name: name.to_owned(),
                versions,
            }
        })
        .collect();
    groups.sort_by_key(|group| {
        let place = ORDER.iter().position(|own| *own == group.name);
        (place.unwrap_or(ORDER.len()), group.name.clone())
    });
    groups
}

/// Kind, group and version of what a subresource takes and gives; with the kind's own where it is the object itself.
fn subresource_kind(served: &Served, version: &str, subresource: &str) -> (String, String, String) {
    let own = || {
        (
            served.of.group.to_string(),
            version.to_owned(),
            served.kind.clone(),
        )
    };
    let of = |group: &str, version: &str, kind: &str| (group.to_owned(), version.to_owned(), kind.to_owned());
    match subresource {
        "scale" => of("autoscaling", "v1", "Scale"),
        "eviction" => of("policy", "v1", "Eviction"),
        "binding" => of("", "v1", "Binding"),
        "token" => of("authentication.k8s.io", "v1", "TokenRequest"),
        "proxy" if served.kind == "Node" => of("", "v1", "NodeProxyOptions"),
        "proxy" if served.kind == "Service" => of("", "v1", "ServiceProxyOptions"),
        "proxy" => of("", "v1", "PodProxyOptions"),
        "exec" => of("", "v1", "PodExecOptions"),
        _ => own(),
    }
}

fn subresource_verbs(subresource: &str) -> &'static [&'static str] {
    match subresource {
        "eviction" | "binding" | "token" => &["create"],
        "log" => &["get"],
        "exec" => &["create", "get"],
        "finalize" => &["update"],
        "proxy" => &["create", "delete", "get", "patch", "update"],
        _ => &["get", "patch", "update"],
    }
}

impl Inner {
    /// Answers a request for anything but objects.
    pub(super) fn document(&self, method: &Method, path: &str, accept: &Accept) -> Answer {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return answer::refusal(&super::refusal::method_not_allowed());
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let plain = |text: &'static str| answer::with_type(StatusCode::OK, "text/plain; charset=utf-8", text);
        if let Some(version) = accept.discovery()
            && matches!(parts.as_slice(), ["api"] | ["apis"])
        {
            return self.aggregated(version, parts == ["api"]);
        }
        match parts.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => plain("ok"),
            ["openapi", "v2"] => answer::refusal(&not_acceptable()),
            ["openapi", "v3", rest @ ..] => self.openapi(rest),
            _ if !accept.is_json_welcome() => answer::refusal(&not_acceptable()),
            ["version"] => json_answer(&self.version_document()),
            ["api"] => json_answer(&legacy::versions()),
            ["apis"] => json_answer(&legacy::group_list(&groups(&self.catalog()))),
            ["api", "v1"] => self.resources_document("", "v1"),
            ["apis", group] => match groups(&self.catalog()).iter().find(|own| own.name == *group) {
                Some(group) if !group.name.is_empty() => json_answer(&legacy::group_document(group)),
                _ => answer::no_such_path(),
            },
            ["apis", group, version] => self.resources_document(group, version),
            [] => json_answer(&json!({"paths": self.paths()})),
            _ => answer::no_such_path(),
        }
    }

    fn resources_document(&self, group: &str, version: &str) -> Answer {
        let groups = groups(&self.catalog());
        let served = groups
            .iter()
            .find(|own| own.name == group)
            .and_then(|group| group.versions.iter().find(|(own, _)| own == version));
        match served {
            Some((version, served)) => json_answer(&legacy::resources(group, version, served)),
            None => answer::no_such_path(),
        }
    }

    fn version_document(&self) -> Value {
        let minor = self.config.minor;
        json!({
            "major": "1", "minor": minor.to_string(), "gitVersion": format!("v1.{minor}.0"),
            "gitCommit": "0000000000000000000000000000000000000000", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "linux/amd64",
            "emulationMajor": "1", "emulationMinor": minor.to_string(),
            "minCompatibilityMajor": "1", "minCompatibilityMinor": (minor - 1).to_string(),
        })
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
        for group in groups(&self.catalog())
            .iter()
            .filter(|group| !group.name.is_empty())
        {
            paths.push(format!("/apis/{}", group.name));
            paths.extend(
                group
                    .versions
                    .iter()
                    .map(|(version, _)| format!("/apis/{}/{version}", group.name)),
            );
        }
        let others = ["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"];
        paths.extend(others.map(str::to_owned));
        paths
    }
}

fn json_answer(document: &Value) -> Answer {
    answer::json(StatusCode::OK, document.to_string())
}
