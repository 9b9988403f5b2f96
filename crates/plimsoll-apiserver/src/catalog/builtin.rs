//! The kinds that are built in, by minor version of Kubernetes.

use super::{Gates, Served, Verbs};
use crate::GroupResource;

/// One row of the table; words are separated by spaces.
struct Row {
    group: &'static str,
    /// `version[:from[-to]]` each, best first, `from` and `to` being minor versions.
    versions: &'static str,
    kind: &'static str,
    plural: &'static str,
    scope: Scope,
    /// Short names.
    short: &'static str,
    /// Subresources.
    sub: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Namespaced,
    Cluster,
    /// Created in a namespace, never kept.
    NamespacedReview,
    /// Created at the cluster's level, never kept.
    ClusterReview,
}

use Scope::{Cluster, ClusterReview, Namespaced, NamespacedReview};

const fn row(
    group: &'static str,
    versions: &'static str,
    kind: &'static str,
    plural: &'static str,
    scope: Scope,
    short: &'static str,
    sub: &'static str,
) -> Row {
    Row {
        group,
        versions,
        kind,
        plural,
        scope,
        short,
        sub,
    }
}

const ADMISSION: &str = "admissionregistration.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const RESOURCE_VERSIONS: &str = "v1:34 v1beta2:33 v1beta1:33";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("", "v1", "Binding", "bindings", NamespacedReview, "", ""),
    row("", "v1", "ConfigMap", "configmaps", Namespaced, "cm", ""),
    row("", "v1", "Endpoints", "endpoints", Namespaced, "ep", ""),
    row("", "v1", "Event", "events", Namespaced, "ev", ""),
    row("", "v1", "LimitRange", "limitranges", Namespaced, "limits", ""),
    row("", "v1", "Namespace", "namespaces", Cluster, "ns", "finalize status"),
    row("", "v1", "Node", "nodes", Cluster, "no", "proxy status"),
    row("", "v1", "PersistentVolume", "persistentvolumes", Cluster, "pv", "status"),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Namespaced, "pvc", "status"),
    row("", "v1", "Pod", "pods", Namespaced, "po", "binding ephemeralcontainers eviction exec log proxy resize status"),
    row("", "v1", "PodTemplate", "podtemplates", Namespaced, "", ""),
    row("", "v1", "ReplicationController", "replicationcontrollers", Namespaced, "rc", "scale status"),
    row("", "v1", "ResourceQuota", "resourcequotas", Namespaced, "quota", "status"),
    row("", "v1", "Secret", "secrets", Namespaced, "", ""),
    row("", "v1", "Service", "services", Namespaced, "svc", "proxy status"),
    row("", "v1", "ServiceAccount", "serviceaccounts", Namespaced, "sa", "token"),
    row(ADMISSION, "v1:36", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", Cluster, "", ""),
    row(ADMISSION, "v1:36", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", Cluster, "", ""),
    row(ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", Cluster, "", ""),
    row(ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", Cluster, "", "status"),
    row(ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", Cluster, "", ""),
    row(ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", Cluster, "", ""),
    row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Cluster, "crd crds", "status"),
    row("apiregistration.k8s.io", "v1", "APIService", "apiservices", Cluster, "", "status"),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", Namespaced, "", ""),
    row("apps", "v1", "DaemonSet", "daemonsets", Namespaced, "ds", "status"),
    row("apps", "v1", "Deployment", "deployments", Namespaced, "deploy", "scale status"),
    row("apps", "v1", "ReplicaSet", "replicasets", Namespaced, "rs", "scale status"),
    row("apps", "v1", "StatefulSet", "statefulsets", Namespaced, "sts", "scale status"),
    row(AUTHENTICATION, "v1", "SelfSubjectReview", "selfsubjectreviews", ClusterReview, "", ""),
    row(AUTHENTICATION, "v1", "TokenReview", "tokenreviews", ClusterReview, "", ""),
    row(AUTHORIZATION, "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", NamespacedReview, "", ""),
    row(AUTHORIZATION, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", ClusterReview, "", ""),
    row(AUTHORIZATION, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", ClusterReview, "", ""),
    row(AUTHORIZATION, "v1", "SubjectAccessReview", "subjectaccessreviews", ClusterReview, "", ""),
    row("autoscaling", "v2 v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Namespaced, "hpa", "status"),
    row("batch", "v1", "CronJob", "cronjobs", Namespaced, "cj", "status"),
    row("batch", "v1", "Job", "jobs", Namespaced, "", "status"),
    row("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", Cluster, "csr", "approval status"),
    row("coordination.k8s.io", "v1", "Lease", "leases", Namespaced, "", ""),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", Namespaced, "", ""),
    row("events.k8s.io", "v1", "Event", "events", Namespaced, "ev", ""),
    row(FLOW, "v1", "FlowSchema", "flowschemas", Cluster, "", "status"),
    row(FLOW, "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", Cluster, "", "status"),
    row(NETWORKING, "v1", "Ingress", "ingresses", Namespaced, "ing", "status"),
    row(NETWORKING, "v1", "IngressClass", "ingressclasses", Cluster, "", ""),
    row(NETWORKING, "v1", "IPAddress", "ipaddresses", Cluster, "ip", ""),
    row(NETWORKING, "v1", "NetworkPolicy", "networkpolicies", Namespaced, "netpol", ""),
    row(NETWORKING, "v1", "ServiceCIDR", "servicecidrs", Cluster, "", "status"),
    row("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", Cluster, "", ""),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Namespaced, "pdb", "status"),
    row(RBAC, "v1", "ClusterRole", "clusterroles", Cluster, "", ""),
    row(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", Cluster, "", ""),
    row(RBAC, "v1", "Role", "roles", Namespaced, "", ""),
    row(RBAC, "v1", "RoleBinding", "rolebindings", Namespaced, "", ""),
    row(RESOURCE, RESOURCE_VERSIONS, "DeviceClass", "deviceclasses", Cluster, "", ""),
    row(RESOURCE, "v1:37 v1beta2:36", "DeviceTaintRule", "devicetaintrules", Cluster, "", "status"),
    row(RESOURCE, RESOURCE_VERSIONS, "ResourceClaim", "resourceclaims", Namespaced, "", "status"),
    row(RESOURCE, RESOURCE_VERSIONS, "ResourceClaimTemplate", "resourceclaimtemplates", Namespaced, "", ""),
    row(RESOURCE, RESOURCE_VERSIONS, "ResourceSlice", "resourceslices", Cluster, "", ""),
    row(SCHEDULING, "v1beta1:37 v1alpha2:36-36", "PodGroup", "podgroups", Namespaced, "", "status"),
    row(SCHEDULING, "v1", "PriorityClass", "priorityclasses", Cluster, "pc", ""),
    row(SCHEDULING, "v1beta1:37 v1alpha2:36-36 v1alpha1:35-35", "Workload", "workloads", Namespaced, "", ""),
    row(STORAGE, "v1", "CSIDriver", "csidrivers", Cluster, "", ""),
    row(STORAGE, "v1", "CSINode", "csinodes", Cluster, "", ""),
    row(STORAGE, "v1", "CSIStorageCapacity", "csistoragecapacities", Namespaced, "", ""),
    row(STORAGE, "v1", "StorageClass", "storageclasses", Cluster, "sc", ""),
    row(STORAGE, "v1", "VolumeAttachment", "volumeattachments", Cluster, "", "status"),
    row(STORAGE, "v1:34", "VolumeAttributesClass", "volumeattributesclasses", Cluster, "vac", ""),
];

/// The plurals that belong to the category `all`.
const ALL: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
];

/// What a minor version serves.
pub(super) fn served(minor: u32, gates: Gates) -> Vec<Served> {
    ROWS.iter()
        .filter(|row| gates.generic_workload || !matches!(row.kind, "PodGroup" | "Workload"))
        .filter_map(|row| row.served(minor))
        .collect()
}

impl Row {
    fn served(&self, minor: u32) -> Option<Served> {
        let versions: Vec<String> = self
            .versions
            .split(' ')
            .filter_map(|version| served_version(version, minor))
            .collect();
        let best = versions.first()?.clone();
        let of = GroupResource::new(self.group, self.plural);
        let stored_as = if self.group == "events.k8s.io" {
            crate::resources::EVENTS
        } else {
            of.clone()
        };
        // DRA's objects are kept in their stable form also where that is not served yet.
        let hub = if self.group == RESOURCE {
            "v1".to_owned()
        } else {
            best
        };
        let (namespaced, verbs) = match self.scope {
            Namespaced => (true, Verbs::All),
            Cluster => (false, Verbs::All),
            NamespacedReview => (true, Verbs::Create),
            ClusterReview => (false, Verbs::Create),
        };
        let mut categories = Vec::new();
        if ALL.contains(&self.plural) {
            categories.push("all".to_owned());
        }
        if self.group == ADMISSION
            || self.group == "apiextensions.k8s.io"
            || self.group == "apiregistration.k8s.io"
        {
            categories.push("api-extensions".to_owned());
        }
        Some(Served {
            of,
            stored_as,
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            singular: self.kind.to_ascii_lowercase(),
            short_names: words(self.short),
            categories,
            namespaced,
            versions,
            hub,
            subresources: words(self.sub),
            verbs,
            custom: None,
        })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The version's name where that minor version serves it.
fn served_version(version: &str, minor: u32) -> Option<String> {
    let (name, range) = version.split_once(':').unwrap_or((version, "0"));
    let (from, to) = range.split_once('-').unwrap_or((range, "99"));
    let from: u32 = from.parse().ok()?;
    let to: u32 = to.parse().ok()?;
    (from..=to).contains(&minor).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(minor: u32, gates: Gates, plural: &str) -> Vec<String> {
        served(minor, gates)
            .into_iter()
            .find(|served| served.of.resource == plural)
            .map(|served| served.versions)
            .unwrap_or_default()
    }

    #[test]
    fn the_stable_claim_api_begins_with_1_34() {
        assert_eq!(
            versions(33, Gates::default(), "resourceclaims"),
            ["v1beta2", "v1beta1"]
        );
        assert_eq!(
            versions(34, Gates::default(), "resourceclaims"),
            ["v1", "v1beta2", "v1beta1"]
        );
    }

    #[test]
    fn each_minor_version_has_its_own_form_of_gangs() {
        let gates = Gates::default();
        assert!(versions(34, gates, "workloads").is_empty());
        assert_eq!(versions(35, gates, "workloads"), ["v1alpha1"]);
        assert!(versions(35, gates, "podgroups").is_empty());
        assert_eq!(versions(36, gates, "podgroups"), ["v1alpha2"]);
        assert_eq!(versions(37, gates, "podgroups"), ["v1beta1"]);
    }

    #[test]
    fn gangs_are_not_served_while_their_gate_is_off() {
        let gates = Gates {
            generic_workload: false,
            ..Gates::default()
        };
        assert!((33..=37).all(|minor| versions(minor, gates, "workloads").is_empty()));
    }

    #[test]
    fn rows_are_sorted_and_unique() {
        let names: Vec<_> = ROWS.iter().map(|row| (row.group, row.kind)).collect();
        assert!(names.windows(2).all(|pair| {
            let lower = |(group, kind): (&'static str, &'static str)| (group, kind.to_ascii_lowercase());
            lower(pair[0]) < lower(pair[1])
        }));
    }
}
