//! What a collection of objects is called, whatever the version.

use std::{borrow::Cow, fmt};

/// A group and the plural name of a resource: the identity of a collection through all its versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// The plural, such as `pods`.
    pub resource: Cow<'static, str>,
}

impl GroupResource {
    /// A collection that is known when this is compiled.
    #[must_use]
    pub const fn new(group: &'static str, resource: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            resource: Cow::Borrowed(resource),
        }
    }
}

/// As Kubernetes writes it: `deployments.apps`, or `pods`.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

macro_rules! resources {
    ($($name:ident = $group:literal / $resource:literal)*) => {
        /// The collections that are built in.
        pub mod resources {
            use super::GroupResource;
            $(
                #[doc = concat!("`", $resource, "` of the group `", $group, "`.")]
                pub const $name: GroupResource = GroupResource::new($group, $resource);
            )*
        }
    };
}

resources! {
    NAMESPACES = "" / "namespaces"
    NODES = "" / "nodes"
    PODS = "" / "pods"
    SERVICES = "" / "services"
    ENDPOINTS = "" / "endpoints"
    CONFIG_MAPS = "" / "configmaps"
    SECRETS = "" / "secrets"
    SERVICE_ACCOUNTS = "" / "serviceaccounts"
    EVENTS = "" / "events"
    RESOURCE_QUOTAS = "" / "resourcequotas"
    LIMIT_RANGES = "" / "limitranges"
    REPLICATION_CONTROLLERS = "" / "replicationcontrollers"
    POD_TEMPLATES = "" / "podtemplates"
    PERSISTENT_VOLUMES = "" / "persistentvolumes"
    PERSISTENT_VOLUME_CLAIMS = "" / "persistentvolumeclaims"
    DEPLOYMENTS = "apps" / "deployments"
    REPLICA_SETS = "apps" / "replicasets"
    STATEFUL_SETS = "apps" / "statefulsets"
    DAEMON_SETS = "apps" / "daemonsets"
    CONTROLLER_REVISIONS = "apps" / "controllerrevisions"
    JOBS = "batch" / "jobs"
    CRON_JOBS = "batch" / "cronjobs"
    HORIZONTAL_POD_AUTOSCALERS = "autoscaling" / "horizontalpodautoscalers"
    POD_DISRUPTION_BUDGETS = "policy" / "poddisruptionbudgets"
    LEASES = "coordination.k8s.io" / "leases"
    ENDPOINT_SLICES = "discovery.k8s.io" / "endpointslices"
    NETWORK_POLICIES = "networking.k8s.io" / "networkpolicies"
    INGRESSES = "networking.k8s.io" / "ingresses"
    RUNTIME_CLASSES = "node.k8s.io" / "runtimeclasses"
    STORAGE_CLASSES = "storage.k8s.io" / "storageclasses"
    CSI_DRIVERS = "storage.k8s.io" / "csidrivers"
    CSI_NODES = "storage.k8s.io" / "csinodes"
    PRIORITY_CLASSES = "scheduling.k8s.io" / "priorityclasses"
    WORKLOADS = "scheduling.k8s.io" / "workloads"
    POD_GROUPS = "scheduling.k8s.io" / "podgroups"
    DEVICE_CLASSES = "resource.k8s.io" / "deviceclasses"
    RESOURCE_CLAIMS = "resource.k8s.io" / "resourceclaims"
    RESOURCE_CLAIM_TEMPLATES = "resource.k8s.io" / "resourceclaimtemplates"
    RESOURCE_SLICES = "resource.k8s.io" / "resourceslices"
    DEVICE_TAINT_RULES = "resource.k8s.io" / "devicetaintrules"
    ROLES = "rbac.authorization.k8s.io" / "roles"
    ROLE_BINDINGS = "rbac.authorization.k8s.io" / "rolebindings"
    CLUSTER_ROLES = "rbac.authorization.k8s.io" / "clusterroles"
    CLUSTER_ROLE_BINDINGS = "rbac.authorization.k8s.io" / "clusterrolebindings"
    CUSTOM_RESOURCE_DEFINITIONS = "apiextensions.k8s.io" / "customresourcedefinitions"
    API_SERVICES = "apiregistration.k8s.io" / "apiservices"
    MUTATING_WEBHOOK_CONFIGURATIONS = "admissionregistration.k8s.io" / "mutatingwebhookconfigurations"
    VALIDATING_WEBHOOK_CONFIGURATIONS = "admissionregistration.k8s.io" / "validatingwebhookconfigurations"
    VALIDATING_ADMISSION_POLICIES = "admissionregistration.k8s.io" / "validatingadmissionpolicies"
    VALIDATING_ADMISSION_POLICY_BINDINGS = "admissionregistration.k8s.io" / "validatingadmissionpolicybindings"
    MUTATING_ADMISSION_POLICIES = "admissionregistration.k8s.io" / "mutatingadmissionpolicies"
    MUTATING_ADMISSION_POLICY_BINDINGS = "admissionregistration.k8s.io" / "mutatingadmissionpolicybindings"
}
