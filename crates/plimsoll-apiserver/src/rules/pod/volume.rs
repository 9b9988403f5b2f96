//! Volumes: names, and one source each.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{formed, names, read};
use crate::schema::{Cause, path::Path};

/// What is wrong with a pod's volumes; returns the names that mounts may refer to.
pub(super) fn check<'a>(spec: &'a Value, path: &Path, causes: &mut Vec<Cause>) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    for (index, volume) in read::list(spec, "volumes").iter().enumerate() {
        let path = path.index(index);
        let before = causes.len();
        check_source(volume, &path, causes);
        let name = read::text(volume, "name");
        match name {
            "" => causes.push(Cause::required(path.child("name"), "")),
            name => formed(name, names::dns1123_label(name), &path.child("name"), causes),
        }
        if known.contains(name) {
            causes.push(Cause::duplicate(path.child("name"), &name.into()));
        }
        // One that is wrong isn't there for mounts either.
        if causes.len() == before {
            known.insert(name);
        }
    }
    known
}

fn check_source(volume: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let sources: Vec<(&String, &Value)> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| *name != "name" && !value.is_null())
        .collect();
    let Some(((kind, source), others)) = sources.split_first() else {
        causes.push(Cause::required(path, "must specify a volume type"));
        return;
    };
    for (other, _) in others {
        causes.push(Cause::forbidden(
            path.child(other),
            "may not specify more than 1 volume type",
        ));
    }
    let path = path.child(kind);
    let required = |field: &str, causes: &mut Vec<Cause>| {
        if read::text(source, field).is_empty() {
            causes.push(Cause::required(path.child(field), ""));
        }
    };
    match kind.as_str() {
        "hostPath" => {
            required("path", causes);
            if read::text(source, "path").split('/').any(|part| part == "..") {
                causes.push(Cause::invalid(
                    path.child("path"),
                    &source["path"],
                    "must not contain '..'",
                ));
            }
        }
        "secret" => required("secretName", causes),
        "configMap" => required("name", causes),
        "persistentVolumeClaim" => required("claimName", causes),
        "csi" => required("driver", causes),
        "nfs" => {
            required("server", causes);
            required("path", causes);
        }
        "image" => required("reference", causes),
        _ => {}
    }
}
