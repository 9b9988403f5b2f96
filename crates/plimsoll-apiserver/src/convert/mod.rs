//! Objects between the versions of their group.
//!
//! One version is the hub, in which objects are stored: the newest stable one that has everything the others have. Most
//! kinds look alike in all versions, so that only `apiVersion` changes; the others have a file each.

mod autoscaling;
mod events;
mod resource;

use serde_json::{Map, Value};

/// The hub version of a kind that looks different in some version, such as `resource.k8s.io/v1`; `None` where
/// `apiVersion` is all there is to convert.
#[must_use]
pub fn hub(api_version: &str, kind: &str) -> Option<&'static str> {
    match (group(api_version), kind) {
        ("resource.k8s.io", "ResourceClaim" | "ResourceClaimTemplate" | "ResourceSlice" | "DeviceClass") => {
            Some("resource.k8s.io/v1")
        }
        ("autoscaling", "HorizontalPodAutoscaler") => Some("autoscaling/v2"),
        ("events.k8s.io" | "", "Event") => Some("v1"),
        _ => None,
    }
}

/// An object in its hub version. Kinds without one are left as they are.
#[must_use]
pub fn to_hub(mut object: Value) -> Value {
    let Some((api_version, kind)) = type_of(&object) else {
        return object;
    };
    let Some(hub) = hub(&api_version, &kind) else {
        return object;
    };
    if let Some(fields) = object.as_object_mut() {
        match (api_version.as_str(), kind.as_str()) {
            ("resource.k8s.io/v1beta1", _) => resource::from_v1beta1(fields, &kind),
            ("autoscaling/v1", _) => autoscaling::from_v1(fields),
            ("events.k8s.io/v1", _) => events::from_events(fields),
            _ => {}
        }
        fields.insert("apiVersion".to_owned(), hub.into());
    }
    object
}

/// An object of the hub version in another one.
#[must_use]
pub fn from_hub(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    let Some((from, kind)) = type_of(&object) else {
        return object;
    };
    let is_hub = hub(&from, &kind).is_some_and(|hub| hub == from);
    if let Some(fields) = object.as_object_mut() {
        match api_version {
            "resource.k8s.io/v1beta1" if is_hub => resource::to_v1beta1(fields, &kind),
            "autoscaling/v1" if is_hub => autoscaling::to_v1(fields),
            "events.k8s.io/v1" if is_hub => events::to_events(fields),
            _ => {}
        }
        fields.insert("apiVersion".to_owned(), api_version.into());
    }
    object
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn type_of(object: &Value) -> Option<(String, String)> {
    let text = |name| object.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((text("apiVersion")?, text("kind")?))
}

/// Moves fields to other names, as far as they are there.
fn rename(fields: &mut Map<String, Value>, names: &[(&str, &str)]) {
    let moved: Vec<(&str, Value)> = names
        .iter()
        .filter_map(|(from, to)| Some((*to, fields.remove(*from)?)))
        .collect();
    for (to, value) in moved {
        fields.insert(to.to_owned(), value);
    }
}

#[cfg(test)]
pub(crate) mod tests;
