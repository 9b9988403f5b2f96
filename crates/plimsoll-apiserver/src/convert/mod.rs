//! Objects between the versions of their group.
//!
//! One version is the hub, in which objects are stored: the newest stable one that has everything the others have.

use serde_json::Value;

/// The hub version of a kind that is served in several, such as `resource.k8s.io/v1`; `None` where there is nothing to
/// convert.
#[must_use]
pub fn hub(_api_version: &str, _kind: &str) -> Option<&'static str> {
    None
}

/// An object in its hub version.
#[must_use]
pub fn to_hub(object: Value) -> Value {
    object
}

/// An object of the hub version in another one.
#[must_use]
pub fn from_hub(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), api_version.into());
    }
    object
}
