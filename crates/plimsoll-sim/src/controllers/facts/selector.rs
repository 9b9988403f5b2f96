//! Label selectors of objects' specs.

use serde_json::Value;

use super::meta::items;

/// A `LabelSelector`, or a plain map of labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selector {
    /// Where there is none: selects nothing.
    Nothing,
    /// All of these must hold.
    Terms(Vec<Term>),
}

/// One condition on an object's labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// A `LabelSelector` of the API; a missing one selects nothing, an empty one everything.
    pub(crate) fn of(selector: &Value) -> Self {
        if !selector.is_object() {
            return Self::Nothing;
        }
        let mut terms = Self::terms_of(&selector["matchLabels"]);
        for expression in items(&selector["matchExpressions"]) {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            let values = items(&expression["values"])
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            match expression["operator"].as_str() {
                Some("In") => terms.push(Term::In(key, values)),
                Some("NotIn") => terms.push(Term::NotIn(key, values)),
                Some("Exists") => terms.push(Term::Exists(key)),
                Some("DoesNotExist") => terms.push(Term::Absent(key)),
                _ => return Self::Nothing,
            }
        }
        Self::Terms(terms)
    }

    /// A map of labels that must all be there; an empty one selects nothing, as for a Service.
    pub(crate) fn of_map(labels: &Value) -> Self {
        let terms = Self::terms_of(labels);
        if terms.is_empty() {
            Self::Nothing
        } else {
            Self::Terms(terms)
        }
    }

    /// What a status says: labels that must be there, separated by commas.
    pub(crate) fn parse(text: &str) -> Self {
        let terms = text
            .split(',')
            .filter(|term| !term.is_empty())
            .map(|term| match term.split_once('=') {
                Some((key, value)) => {
                    Term::In(key.to_owned(), vec![value.trim_start_matches('=').to_owned()])
                }
                None => Term::Exists(term.to_owned()),
            });
        Self::Terms(terms.collect())
    }

    fn terms_of(labels: &Value) -> Vec<Term> {
        labels
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some(Term::In(key.clone(), vec![value.as_str()?.to_owned()])))
            .collect()
    }

    /// Whether it selects everything.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self, Self::Terms(terms) if terms.is_empty())
    }

    /// Whether an object's labels satisfy it.
    pub(crate) fn selects(&self, object: &Value) -> bool {
        self.matches(&object["metadata"]["labels"])
    }

    /// Whether these labels satisfy it.
    pub(crate) fn matches(&self, labels: &Value) -> bool {
        match self {
            Self::Nothing => false,
            Self::Terms(terms) => terms.iter().all(|term| term.holds(labels)),
        }
    }
}

impl Term {
    fn holds(&self, labels: &Value) -> bool {
        let is_one_of = |key: &str, values: &[String]| {
            labels[key]
                .as_str()
                .is_some_and(|own| values.iter().any(|value| value == own))
        };
        match self {
            Self::In(key, values) => is_one_of(key, values),
            Self::NotIn(key, values) => !is_one_of(key, values),
            Self::Exists(key) => labels[key].is_string(),
            Self::Absent(key) => !labels[key].is_string(),
        }
    }
}

/// As the API writes it in messages and in `status.selector`: `a=b,c in (d,e),f,!g`.
impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Terms(terms) = self else {
            return Ok(());
        };
        let mut written: Vec<(&str, String)> = terms.iter().map(Term::written).collect();
        written.sort();
        let written: Vec<String> = written.into_iter().map(|(_, term)| term).collect();
        f.write_str(&written.join(","))
    }
}

impl Term {
    fn written(&self) -> (&str, String) {
        match self {
            Self::In(key, values) if values.len() == 1 => (key, format!("{key}={}", values[0])),
            Self::In(key, values) => (key, format!("{key} in ({})", values.join(","))),
            Self::NotIn(key, values) => (key, format!("{key} notin ({})", values.join(","))),
            Self::Exists(key) => (key, key.clone()),
            Self::Absent(key) => (key, format!("!{key}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_selector_selects_nothing_and_an_empty_one_everything() {
        assert!(!Selector::of(&Value::Null).matches(&json!({"a": "b"})));
        assert!(Selector::of(&json!({})).matches(&Value::Null));
        assert!(!Selector::of_map(&json!({})).matches(&json!({"a": "b"})));
    }

    #[test]
    fn every_operator_is_understood() {
        let selector = Selector::of(&json!({"matchLabels": {"app": "x"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "zone", "operator": "NotIn", "values": ["z"]},
            {"key": "by", "operator": "Exists"},
        ]}));
        assert!(selector.matches(&json!({"app": "x", "by": "", "tier": "b"})));
        assert!(!selector.matches(&json!({"app": "x", "by": "", "tier": "c"})));
        assert!(!selector.matches(&json!({"app": "x", "by": "", "tier": "a", "old": ""})));
        assert!(!selector.matches(&json!({"app": "x", "by": "", "tier": "a", "zone": "z"})));
        assert_eq!(selector.to_string(), "app=x,by,!old,tier in (a,b),zone notin (z)");
    }
}
