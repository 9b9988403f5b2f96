//! A pod's wishes about nodes and about the pods beside it.

use serde_json::Value;

use super::{
    labels::{LabelSelector, Labels, NodeSelector, NodeTerm, strings},
    pod::Pod,
    taint::Toleration,
};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// The plain node selector.
    pub(super) node_labels: Labels,
    pub(super) nodes: Option<NodeSelector>,
    pub(super) preferred_nodes: Vec<(i64, NodeTerm)>,
    pub(super) tolerations: Vec<Toleration>,
    pub(super) near: Vec<PodTerm>,
    pub(super) apart: Vec<PodTerm>,
    /// Weights of pods it would rather have, or not have (below zero), in its domain.
    pub(super) preferred_pods: Vec<(i64, PodTerm)>,
    pub(super) spread: Vec<SpreadConstraint>,
}

impl Wishes {
    pub(super) fn read(spec: &Value, namespace: &str, labels: &Labels) -> Self {
        const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
        const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
        let list = |value: &Value| -> Vec<Value> { value.as_array().cloned().unwrap_or_default() };
        let affinity = &spec["affinity"];
        let weight = |value: &Value| value["weight"].as_i64().unwrap_or(1);
        let term = |value: &Value| PodTerm::read(value, namespace, labels);
        let preferred = |kind: &str, sign: i64| -> Vec<(i64, PodTerm)> {
            let terms = list(&affinity[kind][PREFERRED]);
            terms
                .iter()
                .map(|one| (sign * weight(one), term(&one["podAffinityTerm"])))
                .collect()
        };
        let mut preferred_pods = preferred("podAffinity", 1);
        preferred_pods.extend(preferred("podAntiAffinity", -1));
        Self {
            node_labels: Labels::read(&spec["nodeSelector"]),
            nodes: NodeSelector::read(&affinity["nodeAffinity"][REQUIRED]),
            preferred_nodes: list(&affinity["nodeAffinity"][PREFERRED])
                .iter()
                .map(|one| (weight(one), NodeTerm::read(&one["preference"])))
                .collect(),
            tolerations: list(&spec["tolerations"]).iter().map(Toleration::read).collect(),
            near: list(&affinity["podAffinity"][REQUIRED])
                .iter()
                .map(term)
                .collect(),
            apart: list(&affinity["podAntiAffinity"][REQUIRED])
                .iter()
                .map(term)
                .collect(),
            preferred_pods,
            spread: list(&spec["topologySpreadConstraints"])
                .iter()
                .map(|one| SpreadConstraint::read(one, labels))
                .collect(),
        }
    }
}

/// Pods that one wants in one's own domain, or not.
#[derive(Clone, Debug)]
pub(super) struct PodTerm {
    pub(super) selector: LabelSelector,
    pub(super) topology_key: String,
    namespaces: Vec<String>,
    namespace_selector: LabelSelector,
}

impl PodTerm {
    fn read(value: &Value, own_namespace: &str, own_labels: &Labels) -> Self {
        let mut selector = LabelSelector::read(&value["labelSelector"]);
        for (keys, wanted) in [("matchLabelKeys", true), ("mismatchLabelKeys", false)] {
            narrow(&mut selector, &value[keys], own_labels, wanted);
        }
        let namespace_selector = LabelSelector::read(&value["namespaceSelector"]);
        let mut namespaces = strings(&value["namespaces"]);
        if namespaces.is_empty() && !namespace_selector.is_given() {
            namespaces.push(own_namespace.to_owned());
        }
        Self {
            selector,
            topology_key: value["topologyKey"].as_str().unwrap_or_default().to_owned(),
            namespaces,
            namespace_selector,
        }
    }

    /// The only namespaces that it is about, unless it selects them.
    pub(super) fn only_namespaces(&self) -> Option<&[String]> {
        (!self.namespace_selector.is_given()).then_some(&self.namespaces)
    }

    /// Whether it is about that pod; `namespace_labels` are those of the pod's namespace.
    pub(super) fn is_about(&self, pod: &Pod, namespace_labels: &Labels) -> bool {
        let namespace =
            self.namespaces.contains(&pod.namespace) || self.namespace_selector.selects(namespace_labels);
        namespace && self.selector.selects(&pod.labels)
    }
}

/// How evenly pods are to be spread over domains.
#[derive(Clone, Debug)]
pub(super) struct SpreadConstraint {
    pub(super) max_skew: i64,
    pub(super) topology_key: String,
    /// Whether it is a must rather than a wish.
    pub(super) is_required: bool,
    pub(super) selector: LabelSelector,
    pub(super) min_domains: Option<i64>,
    /// Whether nodes that the pod's own selectors exclude count as domains.
    pub(super) honours_affinity: bool,
    /// Whether nodes whose taints it does not tolerate do not count as domains.
    pub(super) honours_taints: bool,
}

impl SpreadConstraint {
    fn read(value: &Value, own_labels: &Labels) -> Self {
        let mut selector = LabelSelector::read(&value["labelSelector"]);
        narrow(&mut selector, &value["matchLabelKeys"], own_labels, true);
        Self {
            max_skew: value["maxSkew"].as_i64().unwrap_or(1),
            topology_key: value["topologyKey"].as_str().unwrap_or_default().to_owned(),
            is_required: value["whenUnsatisfiable"] != "ScheduleAnyway",
            selector,
            min_domains: value["minDomains"].as_i64(),
            honours_affinity: value["nodeAffinityPolicy"] != "Ignore",
            honours_taints: value["nodeTaintsPolicy"] == "Honor",
        }
    }
}

fn narrow(selector: &mut LabelSelector, keys: &Value, own_labels: &Labels, wanted: bool) {
    for key in strings(keys) {
        if let Some(value) = own_labels.get(&key) {
            selector.and(&key, value, wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_term_about_pods_keeps_to_its_own_namespace_unless_it_says_otherwise() {
        let labels = |labels: Value| Labels::read(&labels);
        let term = |value: Value| PodTerm::read(&value, "ns", &labels(json!({"rev": "1"})));
        let object =
            json!({"metadata": {"name": "p", "namespace": "ns", "labels": {"app": "a", "rev": "1"}}});
        let pod = Pod::read(&Arc::new(object));
        let same = json!({"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "k"});
        assert!(term(same.clone()).is_about(&pod, &labels(json!({}))));
        let mut other = same.clone();
        other["namespaces"] = json!(["other"]);
        assert!(!term(other).is_about(&pod, &labels(json!({}))));
        let mut by_label = same.clone();
        by_label["namespaceSelector"] = json!({"matchLabels": {"team": "x"}});
        assert!(term(by_label.clone()).is_about(&pod, &labels(json!({"team": "x"}))));
        assert!(!term(by_label).is_about(&pod, &labels(json!({"team": "y"}))));
        let mut same_revision = same;
        same_revision["matchLabelKeys"] = json!(["rev"]);
        assert!(term(same_revision.clone()).is_about(&pod, &labels(json!({}))));
        same_revision["mismatchLabelKeys"] = json!(["rev"]);
        assert!(!term(same_revision).is_about(&pod, &labels(json!({}))));
    }
}
