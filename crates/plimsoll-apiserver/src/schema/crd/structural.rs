//! Whether an `openAPIV3Schema` is structural: each field has its type outside of logical combinations.

use serde_json::{Map, Value};

use super::{
    super::{Cause, CauseReason, graph::View, path::Path, rule::Rule, validate::check_alone},
    DEEPEST, text, texts,
};
use crate::rules::printed;

/// Fields that the API server doesn't take at all.
const UNSUPPORTED: [&str; 6] = [
    "id",
    "additionalItems",
    "patternProperties",
    "definitions",
    "dependencies",
    "$ref",
];

/// What may not stand within `allOf`, `anyOf`, `oneOf` and `not`.
const NOT_IN_COMBINATIONS: [(&str, &str); 11] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (
        "x-kubernetes-preserve-unknown-fields",
        "must be false to be structural",
    ),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What keeps a schema from being structural, with paths below itself; rules that can't be compiled are told, too.
pub(in super::super) fn faults(schema: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    match schema.as_object() {
        Some(schema) => check(schema, Level::Root, &Path::root(), &mut causes, 0),
        None => causes.push(Cause::required("", "")),
    }
    causes.sort_by_key(ToString::to_string);
    if causes.is_empty() {
        let (graph, root) = super::graph(schema);
        check_defaults(graph.at(root), &Path::root(), &mut causes);
    }
    causes
}

/// Defaults have to be valid themselves.
fn check_defaults(schema: View<'_>, path: &Path, causes: &mut Vec<Cause>) {
    // What every object has is none of the definition's.
    if !schema.node().name.is_empty() {
        return;
    }
    if let Some(default) = &schema.node().default {
        let path = path.child("default");
        for fault in check_alone(schema, default) {
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
    if let Some(fields) = schema.fields() {
        for (name, field) in &fields.named {
            let path = path.child("properties").key(name);
            check_defaults(schema.other(field.id), &path, causes);
        }
        if let Some(others) = fields.others {
            check_defaults(schema.other(others), &path.child("additionalProperties"), causes);
        }
    }
    if let Some((items, _)) = schema.list() {
        check_defaults(items, &path.child("items"), causes);
    }
}

fn check(schema: &Map<String, Value>, level: Level, path: &Path, causes: &mut Vec<Cause>, depth: usize) {
    if depth >= DEEPEST {
        causes.push(Cause::forbidden(path, "the schema is nested too deeply"));
        return;
    }
    let is = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
    let kind = text(schema, "type");
    check_type(schema, level, path, causes);
    for name in UNSUPPORTED.iter().filter(|name| schema.contains_key(**name)) {
        causes.push(Cause::forbidden(
            path.child(name),
            &format!("{name} is not supported"),
        ));
    }
    if let Some(items) = schema.get("items") {
        match items.as_object() {
            Some(items) => check(items, Level::Item, &path.child("items"), causes, depth + 1),
            None => {
                causes.push(Cause::forbidden(
                    path.child("items"),
                    "items must be a schema object and not an array",
                ));
            }
        }
    } else if kind == "array" {
        causes.push(Cause::required(path.child("items"), "must be specified"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, of) in properties.into_iter().flatten() {
        let path = path.child("properties").key(name);
        let is_metadata =
            name == "metadata" && (level == Level::Root || is("x-kubernetes-embedded-resource"));
        match of.as_object() {
            Some(of) if is_metadata => check_metadata(of, level, &path, causes),
            Some(of) => check(of, Level::Field, &path, causes, depth + 1),
            None => causes.push(Cause::required(
                path.child("type"),
                "must not be empty for specified object fields",
            )),
        }
    }
    match schema.get("additionalProperties") {
        Some(_) if level == Level::Root => {
            causes.push(Cause::forbidden(
                path.child("additionalProperties"),
                "must not be used at the root",
            ));
        }
        Some(Value::Object(_) | Value::Bool(true))
            if properties.is_some_and(|properties| !properties.is_empty()) =>
        {
            let detail = "additionalProperties and properties are mutual exclusive";
            causes.push(Cause::forbidden(path.child("additionalProperties"), detail));
        }
        Some(Value::Object(of)) => check(
            of,
            Level::Field,
            &path.child("additionalProperties"),
            causes,
            depth + 1,
        ),
        _ => {}
    }
    if is("uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(path.child("uniqueItems"), detail));
    }
    check_list(schema, path, causes);
    check_values(schema, is("x-kubernetes-int-or-string"), path, causes, depth);
    check_rules(schema, path, causes);
}

fn check_type(schema: &Map<String, Value>, level: Level, path: &Path, causes: &mut Vec<Cause>) {
    let is = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
    let kind = text(schema, "type");
    let embedded = is("x-kubernetes-embedded-resource");
    let at = path.child("type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(match kind {
            "" => Cause::required(at.clone(), detail),
            kind => Cause::invalid(at.clone(), &kind.into(), detail),
        });
    } else if kind.is_empty()
        && !is("x-kubernetes-int-or-string")
        && !is("x-kubernetes-preserve-unknown-fields")
    {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        causes.push(Cause::required(at.clone(), detail));
    }
    if !matches!(
        kind,
        "" | "object" | "array" | "string" | "integer" | "number" | "boolean"
    ) {
        let supported = ["array", "boolean", "integer", "number", "object", "string"];
        causes.push(Cause::not_supported(at.clone(), &kind.into(), &supported));
    }
    if level == Level::Root && !matches!(kind, "" | "object") {
        causes.push(Cause::invalid(at, &kind.into(), "must be object at the root"));
    }
    if is("x-kubernetes-int-or-string") && is("x-kubernetes-preserve-unknown-fields") {
        let detail = "must be false if x-kubernetes-int-or-string is true";
        causes.push(Cause::invalid(
            path.child("x-kubernetes-preserve-unknown-fields"),
            &true.into(),
            detail,
        ));
    }
    let has_properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| !properties.is_empty());
    if embedded && !is("x-kubernetes-preserve-unknown-fields") && !has_properties {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        causes.push(Cause::required(path.child("properties"), detail));
    }
}

fn check_metadata(schema: &Map<String, Value>, level: Level, path: &Path, causes: &mut Vec<Cause>) {
    if text(schema, "type") != "object" {
        causes.push(Cause::invalid(
            path.child("type"),
            &text(schema, "type").into(),
            "must be object",
        ));
    }
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let other_fields = properties
        .filter(|(name, _)| !matches!(name.as_str(), "name" | "generateName"))
        .count();
    let other_words = schema
        .keys()
        .filter(|word| !matches!(word.as_str(), "type" | "properties" | "description"));
    if level == Level::Root && (other_fields > 0 || other_words.count() > 0) {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        causes.push(Cause::forbidden(path, detail));
    }
}

fn check_list(schema: &Map<String, Value>, path: &Path, causes: &mut Vec<Cause>) {
    let keys_path = path.child("x-kubernetes-list-map-keys");
    let keys = texts(schema, "x-kubernetes-list-map-keys");
    let list_type = text(schema, "x-kubernetes-list-type");
    if !matches!(list_type, "" | "atomic" | "set" | "map") {
        let supported = ["atomic", "map", "set"];
        causes.push(Cause::not_supported(
            path.child("x-kubernetes-list-type"),
            &list_type.into(),
            &supported,
        ));
    }
    if !list_type.is_empty() && text(schema, "type") != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        causes.push(match text(schema, "type") {
            "" => Cause::required(path.child("type"), detail),
            kind => Cause::invalid(path.child("type"), &kind.into(), detail),
        });
    }
    if list_type != "map" {
        if !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            causes.push(match list_type {
                "" => Cause::required(path.child("x-kubernetes-list-type"), detail),
                kind => Cause::invalid(path.child("x-kubernetes-list-type"), &kind.into(), detail),
            });
        }
        return;
    }
    if keys.is_empty() {
        causes.push(Cause::required(
            keys_path.clone(),
            "must not be empty if x-kubernetes-list-type is map",
        ));
    }
    let Some(items) = schema.get("items").and_then(Value::as_object) else {
        causes.push(Cause::required(
            path.child("items"),
            "must have a schema if x-kubernetes-list-type is map",
        ));
        return;
    };
    let properties = items.get("properties").and_then(Value::as_object);
    let required = texts(items, "required");
    for key in &keys {
        let Some(property) = properties.and_then(|properties| properties.get(key)) else {
            let detail = "entries must all be names of item properties";
            causes.push(Cause::invalid(keys_path.clone(), &keys.clone().into(), detail));
            continue;
        };
        if !required.contains(key) && property.get("default").is_none() {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(Cause::required(
                path.child("items").child("properties").key(key).child("default"),
                detail,
            ));
        }
    }
}

/// Patterns and combinations; those of an int-or-string may repeat its types.
fn check_values(
    schema: &Map<String, Value>,
    repeats_type: bool,
    path: &Path,
    causes: &mut Vec<Cause>,
    depth: usize,
) {
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && let Err(error) = super::super::pattern::compile(pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        causes.push(Cause::invalid(path.child("pattern"), &pattern.into(), &detail));
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for (index, of) in schema
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            if let Some(of) = of.as_object() {
                check_combined(
                    of,
                    repeats_type,
                    &path.child(name).index(index),
                    causes,
                    depth + 1,
                );
            }
        }
    }
    if let Some(of) = schema.get("not").and_then(Value::as_object) {
        check_combined(of, false, &path.child("not"), causes, depth + 1);
    }
}

fn check_combined(
    schema: &Map<String, Value>,
    repeats_type: bool,
    path: &Path,
    causes: &mut Vec<Cause>,
    depth: usize,
) {
    if depth >= DEEPEST {
        return;
    }
    let is_set =
        |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("");
    for (name, detail) in NOT_IN_COMBINATIONS {
        if schema.get(name).is_some_and(is_set) && !(name == "type" && repeats_type) {
            causes.push(Cause::forbidden(path.child(name), detail));
        }
    }
    for (name, of) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(of) = of.as_object() {
            check_combined(of, false, &path.child("properties").key(name), causes, depth + 1);
        }
    }
    if let Some(items) = schema.get("items").and_then(Value::as_object) {
        check_combined(items, false, &path.child("items"), causes, depth + 1);
    }
    check_values(schema, repeats_type, path, causes, depth + 1);
}

fn check_rules(schema: &Map<String, Value>, path: &Path, causes: &mut Vec<Cause>) {
    let rules = schema
        .get("x-kubernetes-validations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (index, of) in rules.enumerate() {
        let path = path.child("x-kubernetes-validations").index(index);
        let rule = Rule::parse(of);
        if rule.source.is_empty() {
            causes.push(Cause::required(path.child("rule"), "rule is not specified"));
            continue;
        }
        for (field, detail) in rule.faults() {
            let rule = printed::printed(&printed::RULE, of);
            causes.push(Cause::quoting(
                CauseReason::Invalid,
                path.child(field),
                &rule,
                &detail,
            ));
        }
    }
}
