//! Where a pod may go: node selectors, node affinity, taints, and pods that keep apart.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

/// Labels by key.
pub(super) type Labels = BTreeMap<String, String>;

/// A pod's wishes about nodes and about the pods beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    selector: Labels,
    /// Any of these terms is enough; `None` means anywhere.
    terms: Option<Vec<NodeSelectorTerm>>,
    tolerations: Vec<Toleration>,
    pub(super) keep_apart: Vec<KeepApart>,
}

/// Pods like these may not share a domain with the one that says so.
#[derive(Debug, Clone)]
pub(super) struct KeepApart {
    pub(super) from: LabelSelector,
    /// The node label whose value is the domain.
    pub(super) topology_key: String,
}

impl Wishes {
    pub(super) fn of(spec: &PodSpec) -> Self {
        let affinity = spec.affinity.as_ref();
        let node_affinity = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
        let required = node_affinity.and_then(|affinity| {
            affinity
                .required_during_scheduling_ignored_during_execution
                .as_ref()
        });
        let apart = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let apart =
            apart.and_then(|apart| apart.required_during_scheduling_ignored_during_execution.as_ref());
        let keep_apart = apart.into_iter().flatten().filter_map(|term| {
            Some(KeepApart {
                from: term.label_selector.clone()?,
                topology_key: term.topology_key.clone(),
            })
        });
        Self {
            selector: spec.node_selector.clone().unwrap_or_default(),
            terms: required.map(|selector| selector.node_selector_terms.clone()),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            keep_apart: keep_apart.collect(),
        }
    }

    /// Whether a node of that name, with these labels and taints, is acceptable.
    pub(super) fn accept(&self, name: &str, labels: &Labels, taints: &[Taint]) -> bool {
        self.selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .terms
                .as_ref()
                .is_none_or(|terms| terms.iter().any(|term| meets(term, name, labels)))
            && taints
                .iter()
                .filter(|taint| taint.effect != "PreferNoSchedule")
                .all(|taint| self.tolerates(taint))
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|toleration| {
            let key = toleration.key.as_deref().unwrap_or("");
            let effect = toleration.effect.as_deref().unwrap_or("");
            let exists = toleration.operator.as_deref() == Some("Exists");
            let key_meets = (key.is_empty() && exists) || key == taint.key;
            let value_meets =
                exists || toleration.value.as_deref().unwrap_or("") == taint.value.as_deref().unwrap_or("");
            key_meets && value_meets && (effect.is_empty() || effect == taint.effect)
        })
    }
}

fn meets(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let fields = Labels::from([("metadata.name".to_owned(), name.to_owned())]);
    let empty =
        term.match_expressions.iter().flatten().count() + term.match_fields.iter().flatten().count() == 0;
    !empty
        && term
            .match_expressions
            .iter()
            .flatten()
            .all(|requirement| meets_one(requirement, labels))
        && term
            .match_fields
            .iter()
            .flatten()
            .all(|requirement| meets_one(requirement, &fields))
}

fn meets_one(requirement: &NodeSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let number = |text: &String| text.parse::<i64>().ok();
    let compared = value.and_then(number).zip(values.first().and_then(number));
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared.is_some_and(|(value, bound)| value > bound),
        "Lt" => compared.is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

/// Whether a pod's labels meet a label selector; the empty one meets all.
pub(super) fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let by_label = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    let by_expression = selector.match_expressions.iter().flatten().all(|requirement| {
        let requirement = NodeSelectorRequirement {
            key: requirement.key.clone(),
            operator: requirement.operator.clone(),
            values: requirement.values.clone(),
        };
        meets_one(&requirement, labels)
    });
    by_label && by_expression
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn accepts(spec: Value, taints: Value) -> bool {
        let mut spec = spec;
        spec["containers"] = json!([]);
        let wishes = Wishes::of(&serde_json::from_value(spec).unwrap());
        let taints: Vec<Taint> = serde_json::from_value(taints).unwrap();
        wishes.accept("n1", &labels(&[("zone", "a"), ("rank", "3")]), &taints)
    }

    fn affinity(term: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}})
    }

    #[test]
    fn a_pod_without_wishes_goes_anywhere_untainted() {
        assert!(accepts(json!({}), json!([])));
        assert!(accepts(
            json!({}),
            json!([{"key": "k", "effect": "PreferNoSchedule"}])
        ));
        assert!(!accepts(json!({}), json!([{"key": "k", "effect": "NoSchedule"}])));
    }

    #[test]
    fn node_selectors_and_affinity_narrow() {
        assert!(accepts(json!({"nodeSelector": {"zone": "a"}}), json!([])));
        assert!(!accepts(json!({"nodeSelector": {"zone": "b"}}), json!([])));
        let expression = |operator: &str, values: &[&str]| {
            affinity(json!({"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}))
        };
        assert!(accepts(expression("In", &["a", "b"]), json!([])));
        assert!(!accepts(expression("NotIn", &["a"]), json!([])));
        assert!(accepts(expression("Exists", &[]), json!([])));
        assert!(accepts(
            affinity(json!({"matchExpressions": [{"key": "rank", "operator": "Gt", "values": ["2"]}]})),
            json!([])
        ));
        assert!(accepts(
            affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]})),
            json!([])
        ));
        assert!(!accepts(
            affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]})),
            json!([])
        ));
        assert!(
            !accepts(affinity(json!({})), json!([])),
            "a term without conditions meets nothing"
        );
    }

    #[test]
    fn a_taint_is_tolerated_by_key_value_and_effect() {
        let taint = json!([{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]);
        let toleration = |toleration: Value| json!({"tolerations": [toleration]});
        assert!(accepts(
            toleration(json!({"key": "nvidia.com/gpu", "operator": "Exists"})),
            taint.clone()
        ));
        assert!(accepts(toleration(json!({"operator": "Exists"})), taint.clone()));
        assert!(accepts(
            toleration(json!({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"})),
            taint.clone()
        ));
        assert!(!accepts(
            toleration(json!({"key": "nvidia.com/gpu", "value": "other"})),
            taint.clone()
        ));
        assert!(!accepts(
            toleration(json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"})),
            taint
        ));
    }

    #[test]
    fn a_label_selector_needs_all_of_its_parts() {
        let selector = |value: Value| serde_json::from_value::<LabelSelector>(value).unwrap();
        let pod = labels(&[("gang", "g")]);
        assert!(selects(&selector(json!({})), &pod));
        assert!(selects(&selector(json!({"matchLabels": {"gang": "g"}})), &pod));
        assert!(!selects(&selector(json!({"matchLabels": {"gang": "h"}})), &pod));
        assert!(!selects(
            &selector(json!({"matchExpressions": [{"key": "gang", "operator": "DoesNotExist"}]})),
            &pod
        ));
    }
}
