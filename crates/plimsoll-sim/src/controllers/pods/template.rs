//! A pod from its owner's template.

use serde_json::{Value, json};

use super::super::facts::meta;

/// A pod of the owner's `spec.template`, controlled by the owner, its name still to be generated.
pub(crate) fn pod_of(owner: &Value, template: &Value) -> Value {
    let mut metadata = json!({
        "generateName": format!("{}-", meta::name(owner)),
        "namespace": meta::namespace(owner),
        "ownerReferences": [meta::controlled_by(owner)],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if !template["metadata"][field].is_null() {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

/// Adds a map's entries to `metadata.FIELD`.
pub(crate) fn mark(object: &mut Value, field: &str, key: &str, value: impl Into<Value>) {
    if !object["metadata"][field].is_object() {
        object["metadata"][field] = json!({});
    }
    object["metadata"][field][key] = value.into();
}

/// Adds a finalizer.
pub(crate) fn hold(object: &mut Value, finalizer: &str) {
    let mut finalizers: Vec<Value> = meta::items(&object["metadata"]["finalizers"]).to_vec();
    if !finalizers.iter().any(|own| own == finalizer) {
        finalizers.push(json!(finalizer));
    }
    object["metadata"]["finalizers"] = Value::Array(finalizers);
}

/// A short name for a template, the same for equal ones: the alphabet leaves out vowels, as the API's does.
pub(crate) fn hash(template: &Value, collisions: i64) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut number = template
        .to_string()
        .bytes()
        .chain(collisions.to_le_bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    let mut name = String::new();
    let base = ALPHABET.len() as u32;
    for _ in 0..7 {
        name.push(char::from(ALPHABET[(number % base) as usize]));
        number /= base;
    }
    name.push_str(
        &format!("{:x}", number % 16)
            .replace(['a', 'e'], "7")
            .replace(['0', '1', '3'], "4"),
    );
    name
}

/// The rest of a name that is `PREFIX-` and something that a controller chose.
pub(crate) fn suffix_after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    name.strip_prefix(prefix)?.strip_prefix('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_its_owners_and_like_the_template() {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {
            "name": "web", "namespace": "n", "uid": "u"}});
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        let pod = pod_of(&owner, &template);
        assert_eq!(pod["metadata"]["generateName"], "web-");
        assert_eq!(pod["metadata"]["labels"], json!({"app": "web"}));
        assert_eq!(meta::controller_uid(&pod), Some("u"));
        assert!(pod["metadata"].get("annotations").is_none());
    }

    #[test]
    fn equal_templates_have_equal_names_and_a_collision_makes_another() {
        let (a, b) = (json!({"spec": {"x": 1}}), json!({"spec": {"x": 2}}));
        assert_eq!(hash(&a, 0), hash(&a, 0));
        assert_ne!(hash(&a, 0), hash(&b, 0));
        assert_ne!(hash(&a, 0), hash(&a, 1));
    }
}
