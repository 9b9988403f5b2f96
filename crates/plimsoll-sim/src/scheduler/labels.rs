//! Labels, and what selects by them.

use serde_json::Value;

/// One condition on a label, or on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    /// None of the known ones: it selects nothing.
    Unknown,
}

impl Requirement {
    fn read(value: &Value) -> Self {
        let operator = match value["operator"].as_str() {
            Some("In") => Operator::In,
            Some("NotIn") => Operator::NotIn,
            Some("Exists") => Operator::Exists,
            Some("DoesNotExist") => Operator::DoesNotExist,
            Some("Gt") => Operator::Gt,
            Some("Lt") => Operator::Lt,
            _ => Operator::Unknown,
        };
        Self {
            key: value["key"].as_str().unwrap_or_default().to_owned(),
            operator,
            values: strings(&value["values"]),
        }
    }

    fn is_met(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|one| one == value);
        let compared = || {
            let bound: i64 = self.values.first()?.parse().ok()?;
            let value: i64 = value?.parse().ok()?;
            Some(value.cmp(&bound))
        };
        match self.operator {
            Operator::In => value.is_some_and(listed),
            Operator::NotIn => value.is_none_or(|value| !listed(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => compared().is_some_and(std::cmp::Ordering::is_gt),
            Operator::Lt => compared().is_some_and(std::cmp::Ordering::is_lt),
            Operator::Unknown => false,
        }
    }
}

/// The labels of an object, kept small: there may be a hundred thousand of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    pub(super) fn read(labels: &Value) -> Self {
        let pairs = labels.as_object().into_iter().flatten();
        Self(
            pairs
                .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
                .collect(),
        )
    }

    /// The value of a label, where it is there.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(own, _)| **own == *key)?;
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

/// A list of texts.
pub(super) fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// Selects objects by their labels. The empty one selects all, an absent one none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LabelSelector(Option<Vec<Requirement>>);

impl LabelSelector {
    pub(super) fn read(value: &Value) -> Self {
        let Value::Object(_) = value else {
            return Self(None);
        };
        let mut requirements = exact(&value["matchLabels"]);
        requirements.extend(
            value["matchExpressions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(Requirement::read),
        );
        Self(Some(requirements))
    }

    /// Whether it selects something with these labels.
    pub(super) fn selects(&self, labels: &Labels) -> bool {
        self.0.as_ref().is_some_and(|requirements| {
            requirements
                .iter()
                .all(|requirement| requirement.is_met(labels.get(&requirement.key)))
        })
    }

    /// Whether there is one at all.
    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Also requires that label to have, or not to have, that value.
    pub(super) fn and(&mut self, key: &str, value: &str, wanted: bool) {
        if let Some(requirements) = &mut self.0 {
            requirements.push(Requirement {
                key: key.to_owned(),
                operator: if wanted { Operator::In } else { Operator::NotIn },
                values: vec![value.to_owned()],
            });
        }
    }
}

/// One term about nodes: all of its conditions hold. A term without conditions holds for no node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeTerm {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

impl NodeTerm {
    pub(super) fn read(value: &Value) -> Self {
        let read = |key: &str| {
            value[key]
                .as_array()
                .into_iter()
                .flatten()
                .map(Requirement::read)
                .collect()
        };
        Self {
            labels: read("matchExpressions"),
            fields: read("matchFields"),
        }
    }

    pub(super) fn holds(&self, name: &str, labels: &Labels) -> bool {
        let is_empty = self.labels.is_empty() && self.fields.is_empty();
        let field = |requirement: &Requirement| (requirement.key == "metadata.name").then_some(name);
        !is_empty
            && self
                .labels
                .iter()
                .all(|requirement| requirement.is_met(labels.get(&requirement.key)))
            && self
                .fields
                .iter()
                .all(|requirement| requirement.is_met(field(requirement)))
    }

    /// The node that its fields name, if they name exactly one by `In`.
    fn named(&self) -> Option<&str> {
        let field = self
            .fields
            .iter()
            .find(|field| field.key == "metadata.name" && field.operator == Operator::In)?;
        match field.values.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Selects nodes: any of its terms holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeSelector(Vec<NodeTerm>);

impl NodeSelector {
    /// Reads a `v1.NodeSelector`; none where there is none.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let terms = value.get("nodeSelectorTerms")?.as_array()?;
        Some(Self(terms.iter().map(NodeTerm::read).collect()))
    }

    /// Whether it selects the node.
    pub(super) fn selects(&self, name: &str, labels: &Labels) -> bool {
        self.0.iter().any(|term| term.holds(name, labels))
    }

    /// The nodes that it names, where each term names one.
    pub(super) fn named(&self) -> Option<Vec<&str>> {
        self.0
            .iter()
            .map(NodeTerm::named)
            .collect::<Option<Vec<_>>>()
            .filter(|names| !names.is_empty())
    }
}

/// Labels that must have exactly these values, as a plain `nodeSelector` or `matchLabels`.
fn exact(pairs: &Value) -> Vec<Requirement> {
    pairs
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| Requirement {
            key: key.clone(),
            operator: Operator::In,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(labels: Value) -> Labels {
        Labels::read(&labels)
    }

    fn holds(operator: &str, values: &[&str]) -> bool {
        let selector = json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": "rank", "operator": operator, "values": values}]}]});
        NodeSelector::read(&selector)
            .is_some_and(|selector| selector.selects("n1", &labels(json!({"rank": "3", "zone": "a"}))))
    }

    #[test]
    fn every_operator_of_node_affinity_is_known() {
        assert!(holds("In", &["3", "4"]) && !holds("In", &["4"]));
        assert!(!holds("NotIn", &["3"]) && holds("NotIn", &["4"]));
        assert!(holds("Exists", &[]) && !holds("DoesNotExist", &[]));
        assert!(holds("Gt", &["2"]) && !holds("Gt", &["3"]) && !holds("Gt", &["x"]));
        assert!(holds("Lt", &["4"]) && !holds("Lt", &["3"]));
        assert!(!holds("Near", &["3"]));
    }

    #[test]
    fn a_missing_label_is_not_in_but_meets_not_in() {
        let term = |operator: &str| {
            NodeTerm::read(
                &json!({"matchExpressions": [{"key": "x", "operator": operator, "values": ["1"]}]}),
            )
            .holds("n", &Labels::default())
        };
        assert!(!term("In") && term("NotIn") && !term("Gt"));
    }

    #[test]
    fn terms_are_alternatives_and_an_empty_one_selects_nothing() {
        let selector = |terms: Value| {
            NodeSelector::read(&json!({"nodeSelectorTerms": terms}))
                .is_some_and(|s| s.selects("n1", &labels(json!({"zone": "a"}))))
        };
        assert!(!selector(json!([{}])));
        assert!(!selector(json!([])));
        assert!(selector(
            json!([{}, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}])
        ));
        assert!(NodeSelector::read(&json!(null)).is_none());
    }

    #[test]
    fn nodes_named_by_every_term_are_known_beforehand() {
        let named = |values: &[&str]| {
            let selector = json!({"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": values}]}]});
            NodeSelector::read(&selector).and_then(|s| s.named().map(|names| names.join(" ")))
        };
        assert_eq!(named(&["n1"]).as_deref(), Some("n1"));
        assert_eq!(named(&["n1", "n2"]), None);
    }

    #[test]
    fn an_empty_label_selector_selects_all_and_an_absent_one_nothing() {
        let labels = labels(json!({"app": "a"}));
        assert!(LabelSelector::read(&json!({})).selects(&labels));
        assert!(!LabelSelector::read(&Value::Null).selects(&labels));
        assert!(LabelSelector::read(&json!({"matchLabels": {"app": "a"}})).selects(&labels));
        let both = json!({"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]});
        assert!(!LabelSelector::read(&both).selects(&labels));
    }

    #[test]
    fn a_selector_can_be_narrowed() {
        let mut selector = LabelSelector::read(&json!({}));
        selector.and("v", "1", true);
        assert!(
            selector.selects(&labels(json!({"v": "1"}))) && !selector.selects(&labels(json!({"v": "2"})))
        );
        let mut other = LabelSelector::read(&json!({}));
        other.and("v", "1", false);
        assert!(!other.selects(&labels(json!({"v": "1"}))));
    }
}
