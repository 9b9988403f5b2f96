//! The `scale` subresource: where an object says how many replicas it wants and has.

use serde_json::{Value, json};

use super::refusal;
use crate::{Status, catalog::Served};

/// Where a kind keeps its replicas, as paths such as `.spec.replicas`.
pub(super) struct Paths {
    kind: String,
    group: String,
    wanted: Vec<String>,
    present: Vec<String>,
    /// Where the selector is: as an object, or as text for custom resources.
    selector: Vec<String>,
}

impl Paths {
    /// Those of a kind.
    pub(super) fn of(served: &Served, version: &str) -> Self {
        let custom = served
            .custom
            .as_ref()
            .and_then(|custom| custom.subresources.get(version));
        let path = |field: &str, default: &str| {
            let path = custom.map_or(Some(default), |subresources| {
                subresources["scale"][field].as_str()
            });
            steps(path.unwrap_or_default())
        };
        Self {
            kind: served.kind.clone(),
            group: served.of.group.to_string(),
            wanted: path("specReplicasPath", ".spec.replicas"),
            present: path("statusReplicasPath", ".status.replicas"),
            selector: path("labelSelectorPath", ".spec.selector"),
        }
    }

    /// The Scale of an object.
    pub(super) fn show(&self, object: &Value) -> Value {
        let metadata = &object["metadata"];
        let mut shown = json!({});
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = metadata.get(field) {
                shown[field] = value.clone();
            }
        }
        let number = |path: &[String]| at(object, path).and_then(Value::as_i64).unwrap_or_default();
        let mut status = json!({"replicas": number(&self.present)});
        let selector = match at(object, &self.selector) {
            Some(Value::String(text)) => text.clone(),
            Some(selector) => selector_text(selector),
            None => String::new(),
        };
        if !selector.is_empty() {
            status["selector"] = selector.into();
        }
        let mut spec = json!({});
        if number(&self.wanted) != 0 {
            spec["replicas"] = number(&self.wanted).into();
        }
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": spec, "status": status,
        })
    }

    /// Makes the object want what a Scale says.
    pub(super) fn set(&self, object: &mut Value, scale: &Value) -> Result<(), Status> {
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or_default();
        if replicas < 0 {
            return Err(refusal::invalid(
                &self.kind,
                &self.group,
                object["metadata"]["name"].as_str().unwrap_or_default(),
                "spec.replicas",
                "FieldValueInvalid",
                &format!("Invalid value: {replicas}: must be greater than or equal to 0"),
            ));
        }
        let mut place = object;
        for step in &self.wanted {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[step];
        }
        *place = replicas.into();
        Ok(())
    }
}

fn steps(path: &str) -> Vec<String> {
    path.split('.')
        .filter(|step| !step.is_empty())
        .map(str::to_owned)
        .collect()
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    if path.is_empty() {
        return None;
    }
    path.iter().try_fold(object, |value, step| value.get(step))
}

/// A selector as text: `a=b,c in (d,e)`.
fn selector_text(selector: &Value) -> String {
    let is_structured = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let labels = if is_structured {
        &selector["matchLabels"]
    } else {
        selector
    };
    let mut terms: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = requirement["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = requirement["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        terms.push(match requirement["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gates, catalog::Catalog, resources};

    #[test]
    fn a_scale_shows_and_sets_replicas() {
        let catalog = Catalog::builtin(36, Gates::default());
        let paths = Paths::of(catalog.get(&resources::DEPLOYMENTS).unwrap(), "v1");
        let mut object = json!({
            "metadata": {"name": "d"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "d"}}},
            "status": {"replicas": 2},
        });
        let scale = paths.show(&object);
        assert_eq!(scale["spec"]["replicas"], 3);
        assert_eq!(scale["status"], json!({"replicas": 2, "selector": "app=d"}));
        paths.set(&mut object, &json!({"spec": {"replicas": 5}})).unwrap();
        assert_eq!(object["spec"]["replicas"], 5);
        assert!(
            paths
                .set(&mut object, &json!({"spec": {"replicas": -1}}))
                .is_err()
        );
    }
}
