//! CustomResourceDefinitions: names, versions, schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{formed, immutable, names, one_of, read};
use crate::schema::{Cause, Schema, path::Path};

/// What is wrong with a definition, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let (group, plural) = (read::text(spec, "group"), read::text_at(spec, "/names/plural"));
    let wanted = format!("{plural}.{group}");
    let name = read::text_at(object, "/metadata/name");
    if name != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &name.into(), detail));
    }
    match group {
        "" => causes.push(Cause::required(path.child("group"), "")),
        group if !group.contains('.') => {
            let detail = "should be a domain with at least one dot";
            causes.push(Cause::invalid(path.child("group"), &group.into(), detail));
        }
        group => formed(
            group,
            names::dns1123_subdomain(group),
            &path.child("group"),
            causes,
        ),
    }
    one_of(spec, "scope", &["Cluster", "Namespaced"], &path, causes);
    check_names(&spec["names"], &path.child("names"), causes);
    check_versions(spec, &path, causes);
    if let Some(old) = old {
        let is_established = read::list(&old["status"], "conditions")
            .iter()
            .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
        if is_established {
            for (pointer, field) in [
                ("/group", "group"),
                ("/scope", "scope"),
                ("/names/kind", "names.kind"),
            ] {
                let of = |spec: &Value| spec.pointer(pointer).cloned().unwrap_or_default();
                immutable(&of(spec), &of(&old["spec"]), &path.child(field), causes);
            }
        }
    }
}

fn check_names(of: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for field in ["plural", "singular", "kind", "listKind"] {
        let text = read::text(of, field);
        if text.is_empty() {
            causes.push(Cause::required(path.child(field), ""));
            continue;
        }
        let wrong = names::dns1035_label(&text.to_lowercase());
        if wrong.is_empty() {
            continue;
        }
        let detail = match field {
            "kind" | "listKind" => format!(
                "may have mixed case, but should otherwise match: {}",
                wrong.join(",")
            ),
            _ => wrong.join(","),
        };
        causes.push(Cause::invalid(path.child(field), &text.into(), &detail));
    }
    if !read::text(of, "kind").is_empty() && read::text(of, "kind") == read::text(of, "listKind") {
        let detail = "kind and listKind may not be the same";
        causes.push(Cause::invalid(path.child("listKind"), &of["listKind"], detail));
    }
}

fn check_versions(spec: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let versions = read::list(spec, "versions");
    let at = path.child("versions");
    let stored = versions
        .iter()
        .filter(|version| read::is(version, "storage"))
        .count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid(&at, &spec["versions"], detail));
    }
    // What all versions have in common is thought of as the definition's own.
    let schemas: Vec<&Value> = versions
        .iter()
        .map(|version| &version["schema"]["openAPIV3Schema"])
        .collect();
    let is_shared = schemas.windows(2).all(|pair| pair[0] == pair[1]);
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let path = at.index(index);
        let name = read::text(version, "name");
        formed(name, names::dns1035_label(name), &path.child("name"), causes);
        if !seen.insert(name) {
            causes.push(Cause::invalid(
                &at,
                &spec["versions"],
                "must contain unique version names",
            ));
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        let path = path.child("schema").child("openAPIV3Schema");
        if schema.is_null() {
            causes.push(Cause::required(path, ""));
            continue;
        }
        let path = match (is_shared, index) {
            (true, 0) => Path::new("spec").child("validation").child("openAPIV3Schema"),
            (true, _) => continue,
            (false, _) => path,
        };
        let kind = read::text(schema, "type");
        if !version["subresources"]["status"].is_null() && kind != "object" {
            let detail = "only \"object\" is allowed as the type at the root of the schema if the status subresource is \
                          enabled";
            causes.push(Cause::invalid(path.child("type"), &kind.into(), detail));
        }
        for fault in Schema::faults_of_crd(schema) {
            let field = match fault.field.as_str() {
                "" => path.clone(),
                field => path.child(field),
            };
            causes.push(Cause {
                field: field.into(),
                ..fault
            });
        }
    }
}
