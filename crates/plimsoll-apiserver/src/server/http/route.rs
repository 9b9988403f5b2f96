//! What a path is about.

use super::query::decode;

/// What a path is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Objects.
    Resource(ResourcePath),
    /// Anything else: discovery, health, OpenAPI.
    Other,
}

/// The parts of a path that is about objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    /// The API group; empty for the core group.
    pub(crate) group: String,
    /// The version.
    pub(crate) version: String,
    /// The plural.
    pub(crate) resource: String,
    /// The namespace; empty for objects of the cluster and for all namespaces.
    pub(crate) namespace: String,
    /// The object; empty for the collection.
    pub(crate) name: String,
    /// Such as `status`; empty for the object itself.
    pub(crate) subresource: String,
    /// What follows the subresource, with its slash; only proxies have it.
    pub(crate) rest: String,
}

impl Route {
    /// Reads a path.
    pub(crate) fn of(path: &str) -> Self {
        let mut parts = path.split('/').skip(1);
        let (group, version) = match parts.next() {
            Some("api") => (Some(""), parts.next()),
            Some("apis") => (parts.next(), parts.next()),
            _ => return Self::Other,
        };
        let (Some(group), Some(version)) = (group, version) else {
            return Self::Other;
        };
        let mut parts: Vec<&str> = parts.collect();
        if parts.last() == Some(&"") && !parts.contains(&"proxy") {
            parts.pop();
        }
        let mut route = ResourcePath {
            group: group.to_owned(),
            version: version.to_owned(),
            ..ResourcePath::default()
        };
        let parts = match parts.as_slice() {
            [] => return Self::Other,
            ["namespaces", namespace, rest @ ..]
                if !rest.is_empty() && !matches!(rest[0], "status" | "finalize") =>
            {
                route.namespace = decode(namespace, false);
                rest
            }
            // The real server counts a namespace as being within itself.
            ["namespaces", namespace, ..] => {
                route.namespace = decode(namespace, false);
                parts.as_slice()
            }
            _ => parts.as_slice(),
        };
        if let [resource, rest @ ..] = parts {
            route.resource = decode(resource, false);
            if let [name, rest @ ..] = rest {
                route.name = decode(name, false);
                if let [subresource, rest @ ..] = rest {
                    route.subresource = decode(subresource, false);
                    route.rest = rest.iter().map(|part| format!("/{part}")).collect();
                }
            }
        }
        Self::Resource(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> [String; 7] {
        match Route::of(path) {
            Route::Resource(route) => [
                route.group,
                route.version,
                route.resource,
                route.namespace,
                route.name,
                route.subresource,
                route.rest,
            ],
            Route::Other => panic!("{path} is about objects"),
        }
    }

    #[test]
    fn paths_of_objects_are_taken_apart() {
        for (path, wanted) in [
            ("/api/v1/pods", ["", "v1", "pods", "", "", "", ""]),
            ("/api/v1/nodes/n", ["", "v1", "nodes", "", "n", "", ""]),
            ("/api/v1/namespaces", ["", "v1", "namespaces", "", "", "", ""]),
            ("/api/v1/namespaces/a", ["", "v1", "namespaces", "a", "a", "", ""]),
            (
                "/api/v1/namespaces/a/status",
                ["", "v1", "namespaces", "a", "a", "status", ""],
            ),
            ("/api/v1/namespaces/a/pods/", ["", "v1", "pods", "a", "", "", ""]),
            (
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                ["apps", "v1", "deployments", "a", "d", "scale", ""],
            ),
            (
                "/api/v1/namespaces/a/pods/p:80/proxy/x/",
                ["", "v1", "pods", "a", "p:80", "proxy", "/x/"],
            ),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                [
                    "rbac.authorization.k8s.io",
                    "v1",
                    "clusterroles",
                    "",
                    "system:node",
                    "",
                    "",
                ],
            ),
        ] {
            assert_eq!(parts(path), wanted, "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_about_objects() {
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps",
            "/apis/apps/v1",
            "/healthz",
            "/openapi/v3",
        ] {
            assert_eq!(Route::of(path), Route::Other, "{path}");
        }
    }
}
