//! The roles and bindings that a cluster begins with.

use serde_json::{Value, json};

use super::index::gathered;

/// A ClusterRole.
struct Role {
    name: &'static str,
    /// The role that gathers this one, if one does.
    gathered_by: Option<&'static str>,
    /// Whether it gathers others.
    gathers: bool,
    grants: &'static [Grant],
}

/// What a role grants; words apart by spaces. The core group is `core`.
enum Grant {
    On {
        groups: &'static str,
        resources: &'static str,
        verbs: &'static str,
    },
    Paths {
        paths: &'static str,
        verbs: &'static str,
    },
}

/// A role that nobody gathers.
const fn role(name: &'static str, grants: &'static [Grant]) -> Role {
    Role {
        name,
        gathered_by: None,
        gathers: false,
        grants,
    }
}

/// A role that another one gathers.
const fn part(name: &'static str, gathered_by: &'static str, grants: &'static [Grant]) -> Role {
    Role {
        name,
        gathered_by: Some(gathered_by),
        gathers: false,
        grants,
    }
}

/// A role that gathers others.
const fn whole(name: &'static str, gathered_by: Option<&'static str>) -> Role {
    Role {
        name,
        gathered_by,
        gathers: true,
        grants: &[],
    }
}

const fn on(groups: &'static str, resources: &'static str, verbs: &'static str) -> Grant {
    Grant::On {
        groups,
        resources,
        verbs,
    }
}

const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const BOTH: &str = "create delete deletecollection get list patch update watch";

const ROLES: &[Role] = &[
    role(
        "cluster-admin",
        &[
            on("*", "*", "*"),
            Grant::Paths {
                paths: "*",
                verbs: "*",
            },
        ],
    ),
    whole("admin", None),
    whole("edit", Some("admin")),
    whole("view", Some("edit")),
    part(
        "system:aggregate-to-admin",
        "admin",
        &[
            on("authorization.k8s.io", "localsubjectaccessreviews", "create"),
            on("rbac.authorization.k8s.io", "rolebindings roles", BOTH),
        ],
    ),
    part("system:aggregate-to-edit", "edit", EDIT),
    part("system:aggregate-to-view", "view", VIEW),
    role(
        "system:auth-delegator",
        &[
            on("authentication.k8s.io", "tokenreviews", "create"),
            on("authorization.k8s.io", "subjectaccessreviews", "create"),
        ],
    ),
    role(
        "system:basic-user",
        &[
            on(
                "authorization.k8s.io",
                "selfsubjectaccessreviews selfsubjectrulesreviews",
                "create",
            ),
            on("authentication.k8s.io", "selfsubjectreviews", "create"),
        ],
    ),
    role(
        "system:discovery",
        &[Grant::Paths {
            paths: "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
            verbs: "get",
        }],
    ),
    role(
        "system:monitoring",
        &[Grant::Paths {
            paths: "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*",
            verbs: "get",
        }],
    ),
    role(
        "system:public-info-viewer",
        &[Grant::Paths {
            paths: "/healthz /livez /readyz /version /version/",
            verbs: "get",
        }],
    ),
    role(
        "system:service-account-issuer-discovery",
        &[Grant::Paths {
            paths: "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
            verbs: "get",
        }],
    ),
];

const EDIT: &[Grant] = &[
    on(
        "core",
        "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
        READ,
    ),
    on("core", "serviceaccounts", "impersonate"),
    on(
        "core",
        "pods pods/attach pods/exec pods/portforward pods/proxy",
        WRITE,
    ),
    on("core", "pods/eviction", "create"),
    on(
        "core",
        "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets \
         serviceaccounts services services/proxy",
        WRITE,
    ),
    on("core", "serviceaccounts/token", "create"),
    on("core events.k8s.io", "events", WRITE),
    on(
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale \
         statefulsets statefulsets/scale",
        WRITE,
    ),
    on("autoscaling", "horizontalpodautoscalers", WRITE),
    on("batch", "cronjobs jobs", WRITE),
    on("policy", "poddisruptionbudgets", WRITE),
    on("networking.k8s.io", "ingresses networkpolicies", WRITE),
    on("coordination.k8s.io", "leases", BOTH),
    on("resource.k8s.io", "resourceclaims resourceclaimtemplates", WRITE),
];

const VIEW: &[Grant] = &[
    on(
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods \
         replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
        READ,
    ),
    on(
        "core",
        "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status \
         resourcequotas resourcequotas/status",
        READ,
    ),
    on("core", "namespaces", READ),
    on("core events.k8s.io", "events", READ),
    on("discovery.k8s.io", "endpointslices", READ),
    on(
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status \
         replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
        READ,
    ),
    on(
        "autoscaling",
        "horizontalpodautoscalers horizontalpodautoscalers/status",
        READ,
    ),
    on("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
    on("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
    on(
        "networking.k8s.io",
        "ingresses ingresses/status networkpolicies",
        READ,
    ),
    on(
        "resource.k8s.io",
        "resourceclaims resourceclaims/status resourceclaimtemplates",
        READ,
    ),
];

/// Roles, and the groups that they are bound to under the same name.
const BINDINGS: &[(&str, &[&str])] = &[
    ("cluster-admin", &["system:masters"]),
    ("system:basic-user", &["system:authenticated"]),
    ("system:discovery", &["system:authenticated"]),
    ("system:monitoring", &["system:monitoring"]),
    (
        "system:public-info-viewer",
        &["system:authenticated", "system:unauthenticated"],
    ),
    (
        "system:service-account-issuer-discovery",
        &["system:serviceaccounts"],
    ),
];

/// ClusterRoles and ClusterRoleBindings of a new cluster, those that people and workloads need.
///
/// The roles of the control plane's own components are not among them: those act as `system:masters` here.
#[must_use]
pub fn bootstrap() -> Vec<Value> {
    let mut objects: Vec<Value> = ROLES.iter().map(Role::to_json).collect();
    let roles: Vec<_> = objects.iter().cloned().map(std::sync::Arc::new).collect();
    for role in &mut objects {
        if let Some(rules) = gathered(role, &roles) {
            role["rules"] = Value::Array(rules);
        }
    }
    objects.extend(BINDINGS.iter().map(|(name, groups)| {
        let subject =
            |group| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group});
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata(name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": groups.iter().map(subject).collect::<Vec<_>>(),
        })
    }));
    objects
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
}

/// The label of roles that the named one gathers.
fn label(gatherer: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{gatherer}")
}

impl Role {
    fn to_json(&self) -> Value {
        let mut role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata(self.name),
            "rules": self.grants.iter().map(Grant::to_json).collect::<Vec<_>>(),
        });
        if let Some(gatherer) = self.gathered_by {
            role["metadata"]["labels"][label(gatherer)] = json!("true");
        }
        if self.gathers {
            role["aggregationRule"] =
                json!({"clusterRoleSelectors": [{"matchLabels": {label(self.name): "true"}}]});
        }
        role
    }
}

impl Grant {
    fn to_json(&self) -> Value {
        let words = |text: &'static str| -> Vec<&'static str> { text.split_whitespace().collect() };
        match self {
            Self::On {
                groups,
                resources,
                verbs,
            } => {
                let groups: Vec<&str> = words(groups)
                    .into_iter()
                    .map(|group| if group == "core" { "" } else { group })
                    .collect();
                json!({"apiGroups": groups, "resources": words(resources), "verbs": words(verbs)})
            }
            Self::Paths { paths, verbs } => json!({"nonResourceURLs": words(paths), "verbs": words(verbs)}),
        }
    }
}
