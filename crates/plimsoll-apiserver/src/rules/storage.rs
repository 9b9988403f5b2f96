//! Volumes, claims for them and their classes.

use serde_json::{Map, Value};

use super::{formed, immutable, names, one_of, read};
use crate::{
    Quantity,
    schema::{Cause, path::Path},
};

const MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// What is wrong with a volume or a claim, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let is_claim = read::text(object, "kind") == "PersistentVolumeClaim";
    let modes = read::list(spec, "accessModes");
    if modes.is_empty() {
        let detail = if is_claim {
            "at least 1 access mode is required"
        } else {
            ""
        };
        causes.push(Cause::required(path.child("accessModes"), detail));
    }
    for mode in modes {
        if !mode.as_str().is_some_and(|mode| MODES.contains(&mode)) {
            causes.push(Cause::not_supported(path.child("accessModes"), mode, &MODES));
        }
    }
    let (pointer, at) = match is_claim {
        true => (
            "/resources/requests/storage",
            path.child("resources").key("storage"),
        ),
        false => ("/capacity/storage", path.child("capacity").key("storage")),
    };
    match spec.pointer(pointer).and_then(Quantity::read) {
        None if is_claim => causes.push(Cause::required(at, "")),
        None => causes.push(Cause::required(path.child("capacity"), "")),
        Some(size) if size <= Quantity::ZERO => {
            causes.push(Cause::invalid(
                at,
                &size.to_string().into(),
                "must be greater than zero",
            ));
        }
        Some(_) => {}
    }
    let class = read::text(spec, "storageClassName");
    if !class.is_empty() {
        formed(
            class,
            names::dns1123_subdomain(class),
            &path.child("storageClassName"),
            causes,
        );
    }
    if let Some(old) = old.filter(|_| is_claim) {
        check_claim_update(spec, &old["spec"], &path, causes);
    }
}

fn check_claim_update(spec: &Value, old: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let rest = |spec: &Value| -> Map<String, Value> {
        let fields = spec.as_object().into_iter().flatten();
        let kept =
            fields.filter(|(name, _)| !matches!(name.as_str(), "resources" | "volumeAttributesClassName"));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let mut before = rest(old);
    // The binding is made once; a class that wasn't given may be filled in later.
    for field in ["volumeName", "storageClassName"] {
        if old.get(field).is_none()
            && let Some(value) = spec.get(field)
        {
            before.insert(field.to_owned(), value.clone());
        }
    }
    if rest(spec) != before {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                      bound claims\n";
        causes.push(Cause::forbidden(path, detail));
    }
    let size = |spec: &Value| {
        spec.pointer("/resources/requests/storage")
            .and_then(Quantity::read)
    };
    if let (Some(new), Some(old)) = (size(spec), size(old))
        && new < old
    {
        let at = path.child("resources").child("requests").child("storage");
        causes.push(Cause::forbidden(at, "field can not be less than status.capacity"));
    }
}

/// What is wrong with a class, or with what it is changed to.
pub(super) fn check_class(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let provisioner = read::text(object, "provisioner");
    match provisioner {
        "" => causes.push(Cause::required("provisioner", "")),
        name => {
            let wrong = names::qualified_name(&name.to_lowercase());
            formed(name, wrong, &Path::new("provisioner"), causes);
        }
    }
    one_of(
        object,
        "reclaimPolicy",
        &["Delete", "Retain"],
        &Path::root(),
        causes,
    );
    one_of(
        object,
        "volumeBindingMode",
        &["Immediate", "WaitForFirstConsumer"],
        &Path::root(),
        causes,
    );
    let Some(old) = old else { return };
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if object.get(field) != old.get(field) {
            causes.push(Cause::forbidden(
                field,
                &format!("updates to {field} are forbidden."),
            ));
        }
    }
    immutable(
        &object["volumeBindingMode"],
        &old["volumeBindingMode"],
        &Path::new("volumeBindingMode"),
        causes,
    );
}
