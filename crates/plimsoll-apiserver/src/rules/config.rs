//! ConfigMaps and Secrets.

use serde_json::Value;

use super::{formed, immutable, names, read};
use crate::schema::{Cause, path::Path};

/// How much one may hold, in bytes.
const LARGEST: usize = 1024 * 1024;

/// What is wrong with one, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let is_secret = read::text(object, "kind") == "Secret";
    let (mut size, mut seen) = (0, Vec::new());
    for field in ["data", "binaryData"] {
        for (key, value) in read::entries(object, field) {
            let path = Path::new(field).key(key);
            formed(key, names::config_key(key), &path, causes);
            if seen.contains(&key) {
                causes.push(Cause::invalid(
                    path,
                    &key.as_str().into(),
                    "duplicate of key present in data",
                ));
            }
            seen.push(key);
            let length = value.as_str().map_or(0, str::len);
            size += if is_secret || field == "binaryData" {
                length / 4 * 3
            } else {
                length
            };
        }
    }
    if size > LARGEST {
        let path = if is_secret { "data" } else { "" };
        causes.push(Cause::too_long(path, LARGEST as u64));
    }
    let Some(old) = old else { return };
    if is_secret {
        immutable(&object["type"], &old["type"], &Path::new("type"), causes);
    }
    if read::is(old, "immutable") {
        let detail = "field is immutable when `immutable` is set";
        if !read::is(object, "immutable") {
            causes.push(Cause::forbidden("immutable", detail));
        }
        for field in ["data", "binaryData"] {
            if object.get(field) != old.get(field) {
                causes.push(Cause::forbidden(field, detail));
            }
        }
    }
}
