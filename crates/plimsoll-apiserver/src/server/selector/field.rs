//! Field selectors: which fields a kind can be selected by, and how they compare.

use serde_json::Value;

use crate::catalog::Served;

/// Requirements that all have to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    /// Its path in the hub version.
    path: String,
    value: String,
    equal: bool,
    /// What an absent field counts as.
    absent: &'static str,
}

impl FieldSelector {
    /// Reads a selector such as `spec.nodeName=a,status.phase!=Running`.
    ///
    /// # Errors
    /// What is wrong with it, or which field the kind can't be selected by.
    pub(crate) fn parse(served: &Served, version: &str, text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for term in split(text) {
            if term.trim().is_empty() {
                continue;
            }
            let (field, equal, value) = operator(&term)
                .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
            let (path, absent) =
                selectable(served, version, field).ok_or_else(|| unsupported(served, field))?;
            requirements.push(Requirement {
                path,
                value: unescape(value),
                equal,
                absent,
            });
        }
        Ok(Self(requirements))
    }

    /// The name that a selector asks for, whatever else it says.
    pub(crate) fn name_in(text: &str) -> Option<String> {
        split(text)
            .iter()
            .filter_map(|term| operator(term))
            .find(|(field, equal, _)| *equal && *field == "metadata.name")
            .map(|(_, _, value)| unescape(value))
    }

    /// Whether it selects everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it selects an object, in the hub version.
    pub(crate) fn selects(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let present = requirement
                .path
                .split('.')
                .try_fold(object, |value, step| value.get(step))
                .map_or_else(|| requirement.absent.to_owned(), text);
            (present == requirement.value) == requirement.equal
        })
    }

    /// The value that a field must have.
    pub(crate) fn exact(&self, path: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|requirement| requirement.equal && requirement.path == path)
            .map(|requirement| requirement.value.as_str())
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Splits at commas that are not escaped.
fn split(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for letter in text.chars() {
        if letter == ',' && !escaped {
            terms.push(String::new());
        } else if let Some(term) = terms.last_mut() {
            term.push(letter);
        }
        escaped = letter == '\\' && !escaped;
    }
    terms
}

fn operator(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find(['=', '!'])?;
    let (field, rest) = term.split_at(at);
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, false, value));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((field, true, value))
}

fn unescape(value: &str) -> String {
    let mut plain = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            letter => plain.push(letter),
        }
    }
    plain
}

/// The path of a field that a kind can be selected by, and what it counts as where it is absent.
fn selectable(served: &Served, version: &str, field: &str) -> Option<(String, &'static str)> {
    if matches!(field, "metadata.name") || (field == "metadata.namespace" && served.namespaced) {
        return Some((field.to_owned(), ""));
    }
    if let Some(custom) = &served.custom {
        let mut fields = custom.selectable_fields.get(version).into_iter().flatten();
        return fields.any(|own| own == field).then(|| (field.to_owned(), ""));
    }
    if served.of.group == "events.k8s.io" {
        return event_field(field).map(|path| (path, ""));
    }
    let (_, _, fields) = FIELDS
        .iter()
        .find(|(group, resource, _)| served.of.group == *group && served.of.resource == *resource)?;
    let (_, path, absent) = fields.iter().find(|(own, _, _)| *own == field)?;
    Some(((*path).to_owned(), absent))
}

/// How the server says that a kind can't be selected by a field: kinds without fields of their own list what there is.
fn unsupported(served: &Served, field: &str) -> String {
    let has_own = served.custom.is_some()
        || served.of.group == "events.k8s.io"
        || FIELDS
            .iter()
            .any(|(group, resource, _)| served.of.group == *group && served.of.resource == *resource);
    if has_own {
        format!("field label not supported: {field}")
    } else {
        format!("\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }
}

fn event_field(field: &str) -> Option<String> {
    match field {
        "reason" | "type" => Some(field.to_owned()),
        "reportingController" => Some("reportingComponent".to_owned()),
        _ => {
            let of = field.strip_prefix("regarding.")?;
            INVOLVED.contains(&of).then(|| format!("involvedObject.{of}"))
        }
    }
}

const INVOLVED: &[&str] = &[
    "kind",
    "namespace",
    "name",
    "uid",
    "apiVersion",
    "resourceVersion",
    "fieldPath",
];

type Field = (&'static str, &'static str, &'static str);

/// By group and resource: the field, where it is, and what it counts as where it is absent.
const FIELDS: &[(&str, &str, &[Field])] = &[
    (
        "",
        "pods",
        &[
            ("spec.nodeName", "spec.nodeName", ""),
            ("spec.restartPolicy", "spec.restartPolicy", ""),
            ("spec.schedulerName", "spec.schedulerName", ""),
            ("spec.serviceAccountName", "spec.serviceAccountName", ""),
            ("spec.hostNetwork", "spec.hostNetwork", "false"),
            ("status.phase", "status.phase", ""),
            ("status.podIP", "status.podIP", ""),
            ("status.podIPs", "status.podIP", ""),
            ("status.nominatedNodeName", "status.nominatedNodeName", ""),
        ],
    ),
    (
        "",
        "nodes",
        &[("spec.unschedulable", "spec.unschedulable", "false")],
    ),
    ("", "namespaces", &[("status.phase", "status.phase", "")]),
    ("", "secrets", &[("type", "type", "")]),
    (
        "",
        "services",
        &[
            ("spec.clusterIP", "spec.clusterIP", ""),
            ("spec.type", "spec.type", ""),
        ],
    ),
    (
        "",
        "replicationcontrollers",
        &[("status.replicas", "status.replicas", "0")],
    ),
    (
        "",
        "events",
        &[
            ("involvedObject.kind", "involvedObject.kind", ""),
            ("involvedObject.namespace", "involvedObject.namespace", ""),
            ("involvedObject.name", "involvedObject.name", ""),
            ("involvedObject.uid", "involvedObject.uid", ""),
            ("involvedObject.apiVersion", "involvedObject.apiVersion", ""),
            (
                "involvedObject.resourceVersion",
                "involvedObject.resourceVersion",
                "",
            ),
            ("involvedObject.fieldPath", "involvedObject.fieldPath", ""),
            ("reason", "reason", ""),
            ("reportingComponent", "reportingComponent", ""),
            ("source", "source.component", ""),
            ("type", "type", ""),
        ],
    ),
    ("batch", "jobs", &[("status.successful", "status.succeeded", "0")]),
    (
        "certificates.k8s.io",
        "certificatesigningrequests",
        &[("spec.signerName", "spec.signerName", "")],
    ),
    (
        "resource.k8s.io",
        "resourceslices",
        &[
            ("spec.nodeName", "spec.nodeName", ""),
            ("spec.driver", "spec.driver", ""),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Gates, catalog::Catalog, resources};

    fn parse(text: &str) -> Result<FieldSelector, String> {
        let catalog = Catalog::builtin(36, Gates::default());
        FieldSelector::parse(catalog.get(&resources::PODS).unwrap(), "v1", text)
    }

    #[test]
    fn fields_compare_as_text_and_absent_ones_as_empty() {
        let pod =
            json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
        for (selector, selected) in [
            ("", true),
            ("spec.nodeName=n", true),
            ("spec.nodeName==n,status.phase!=Running", false),
            ("status.podIP=", true),
            ("spec.hostNetwork=false", true),
            ("metadata.name!=a", false),
        ] {
            assert_eq!(parse(selector).unwrap().selects(&pod), selected, "{selector}");
        }
        assert_eq!(
            parse("spec.nodeName=n").unwrap().exact("spec.nodeName"),
            Some("n")
        );
    }

    #[test]
    fn other_fields_are_refused() {
        assert_eq!(
            parse("spec.priority=1").unwrap_err(),
            "field label not supported: spec.priority"
        );
        assert!(parse("nonsense").is_err());
    }
}
