//! What mutations do to an object.

use serde_json::Value;

use crate::{
    patch::{self, Manager},
    policy::fields::text,
    schema::{
        Schema,
        graph::{Keys, View},
    },
};

/// Merges fields as server-side apply does, without recording who manages them.
pub(super) fn applied(object: &Value, mut applied: Value, schema: Option<&Schema>) -> Result<Value, String> {
    if !applied.is_object() {
        return Err("unsupported return type from ApplyConfiguration expression".to_owned());
    }
    let failed = |why: &str| format!("error applying patch: {why}");
    let schema = schema.ok_or_else(|| failed("type converter must not be nil"))?;
    for field in ["apiVersion", "kind"] {
        applied[field] = object[field].clone();
    }
    let mut walk = Walk::default();
    walk.visit(schema.root(), &applied, "");
    if let Some(path) = walk.undeclared.first() {
        return Err(failed(&format!(
            "failed to convert patch object to typed object: {path}: field not declared in schema"
        )));
    }
    if !walk.atomic.is_empty() {
        return Err(failed(&format!(
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
            walk.atomic.join(", ")
        )));
    }
    let mut live = object.clone();
    let managed = live["metadata"]
        .as_object_mut()
        .and_then(|metadata| metadata.remove("managedFields"));
    let by = Manager {
        name: String::new(),
        subresource: None,
        api_version: text(object, "apiVersion").to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH,
        leaves: Vec::new(),
    };
    let mut merged =
        patch::apply(schema, Some(&live), &applied, &by, true).map_err(|status| failed(&status.message))?;
    if let Some(metadata) = merged["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(managed) = managed {
            metadata.insert("managedFields".to_owned(), managed);
        }
    }
    Ok(merged)
}

/// Applies a JSON patch; one whose test fails changes nothing.
pub(super) fn patched(object: &Value, patch: Value) -> Result<Value, String> {
    if !patch.is_array() {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".to_owned());
    }
    let patch: json_patch::Patch =
        serde_json::from_value(patch).map_err(|error| format!("type mismatch: {error}"))?;
    let mut patched = object.clone();
    match json_patch::patch(&mut patched, &patch) {
        Ok(()) => Ok(patched),
        Err(error) if matches!(error.kind, json_patch::PatchErrorKind::TestFailed) => Ok(object.clone()),
        Err(error) => Err(format!("JSON Patch: {error}")),
    }
}

/// What of an apply configuration can't be applied.
#[derive(Default)]
struct Walk {
    /// Fields that the kind does not have.
    undeclared: Vec<String>,
    /// What is only ever written as a whole, so that merging would drop what is not named.
    atomic: Vec<String>,
}

impl Walk {
    fn visit(&mut self, schema: View<'_>, value: &Value, path: &str) {
        match value {
            Value::Object(fields) => {
                let declared = schema.fields();
                if declared.is_some_and(|fields| fields.atomic) {
                    self.atomic.push(path.to_owned());
                }
                for (name, value) in fields {
                    let path = format!("{path}.{name}");
                    match schema.known(name) {
                        Some(field) => self.visit(field, value, &path),
                        None if declared.is_some() && !schema.node().keeps_unknown => {
                            self.undeclared.push(path);
                        }
                        None => {}
                    }
                }
            }
            Value::Array(items) => {
                let Some((item, keys)) = schema.list() else {
                    return;
                };
                if *keys == Keys::Atomic {
                    self.atomic.push(path.to_owned());
                }
                for (at, value) in items.iter().enumerate() {
                    self.visit(item, value, &format!("{path}[{at}]"));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
