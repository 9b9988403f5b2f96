//! Nodes and how they run containers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{formed, immutable, names, read};
use crate::schema::{Cause, path::Path};

/// What is wrong with a node, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let mut seen = BTreeSet::new();
    for (index, taint) in read::list(spec, "taints").iter().enumerate() {
        let path = Path::new("metadata").child("taints").index(index);
        let (key, value, effect) = (
            read::text(taint, "key"),
            read::text(taint, "value"),
            read::text(taint, "effect"),
        );
        formed(key, names::qualified_name(key), &path.child("key"), causes);
        formed(value, names::label_value(value), &path.child("value"), causes);
        match effect {
            "" => causes.push(Cause::required(path.child("effect"), "")),
            "NoSchedule" | "PreferNoSchedule" | "NoExecute" => {}
            other => {
                let supported = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
                causes.push(Cause::not_supported(
                    path.child("effect"),
                    &other.into(),
                    &supported,
                ));
            }
        }
        if !seen.insert((key, effect)) {
            let mut cause = Cause::duplicate(&path, taint);
            cause
                .message
                .push_str(": taints must be unique by key and effect pair");
            causes.push(cause);
        }
    }
    if let Some(old) = old {
        let before = read::text(&old["spec"], "providerID");
        if !before.is_empty() && before != read::text(spec, "providerID") {
            let detail = "node updates may not change providerID except from \"\" to valid";
            causes.push(Cause::forbidden(path.child("providerID"), detail));
        }
    }
}

/// What is wrong with a class of container runtimes.
pub(super) fn check_runtime_class(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let handler = read::text(object, "handler");
    formed(
        handler,
        names::dns1123_label(handler),
        &Path::new("handler"),
        causes,
    );
    if let Some(old) = old {
        immutable(&object["handler"], &old["handler"], &Path::new("handler"), causes);
    }
}
