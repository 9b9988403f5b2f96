//! Tables: what `kubectl get` shows of objects.

mod age;
mod cluster;
mod config;
mod custom;
mod jsonpath;
mod network;
mod pods;
mod workloads;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalog::Served;

pub(super) use age::{age, elapsed};

/// A column of a built-in kind: its name, and whether it is shown only in wide output.
pub(super) struct Column(&'static str, Width);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Always,
    Wide,
}

use Width::{Always, Wide};

/// How objects of a built-in kind are shown.
pub(super) struct View {
    group: &'static str,
    resource: &'static str,
    columns: &'static [Column],
    cells: fn(&Value, Timestamp) -> Vec<Value>,
}

const NAME_AND_AGE: &[Column] = &[Column("Name", Always), Column("Age", Always)];
const NAME_AND_CREATION: &[Column] = &[Column("Name", Always), Column("Created At", Always)];

/// The columns of a kind.
pub(super) enum Columns<'a> {
    BuiltIn(&'static View),
    Custom(&'a [Value]),
    Creation,
}

impl<'a> Columns<'a> {
    /// Those of that kind in that version.
    pub(crate) fn of(served: &'a Served, version: &str) -> Self {
        if let Some(custom) = &served.custom {
            return Self::Custom(custom.columns.get(version).map_or(&[], Vec::as_slice));
        }
        [
            cluster::VIEWS,
            config::VIEWS,
            network::VIEWS,
            pods::VIEWS,
            workloads::VIEWS,
        ]
        .into_iter()
        .flatten()
        .find(|view| served.stored_as.group == view.group && served.stored_as.resource == view.resource)
        .map_or(Self::Creation, Self::BuiltIn)
    }

    /// The table's `columnDefinitions`.
    pub(crate) fn definitions(&self) -> Vec<Value> {
        match self {
            Self::BuiltIn(view) => view.columns.iter().map(definition).collect(),
            Self::Creation => NAME_AND_CREATION.iter().map(definition).collect(),
            Self::Custom(columns) => custom::definitions(columns),
        }
    }

    /// The cells of an object's row.
    pub(crate) fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        match self {
            Self::BuiltIn(view) => (view.cells)(object, now),
            Self::Creation => vec![name(object), object["metadata"]["creationTimestamp"].clone()],
            Self::Custom(columns) => custom::cells(columns, object, now),
        }
    }
}

/// What a row says of itself: that a pod has ended.
pub(crate) fn conditions(served: &Served, object: &Value) -> Option<Value> {
    if served.of != crate::resources::PODS {
        return None;
    }
    let (reason, message) = match object["status"]["phase"].as_str() {
        Some("Succeeded") => ("Succeeded", "The pod has completed successfully."),
        Some("Failed") => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

fn definition(column: &Column) -> Value {
    let Column(name, width) = column;
    json!({
        "name": name, "type": "string", "format": if *name == "Name" { "name" } else { "" },
        "description": "", "priority": i32::from(*width == Wide),
    })
}

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn own_age(object: &Value, now: Timestamp) -> Value {
    age(&object["metadata"]["creationTimestamp"], now).into()
}

/// Text, or `<none>` for nothing.
fn or_none(text: &str) -> Value {
    if text.is_empty() {
        "<none>".into()
    } else {
        text.into()
    }
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `a=b,c=d`, or `<none>`.
fn labels(value: &Value) -> Value {
    let pairs: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", string(value)))
        .collect();
    or_none(&pairs.join(","))
}

/// The names and the images of a pod template's containers.
fn containers(spec: &Value) -> [Value; 2] {
    ["name", "image"].map(|field| {
        let all: Vec<&str> = array(&spec["containers"])
            .iter()
            .map(|container| string(&container[field]))
            .collect();
        all.join(",").into()
    })
}

fn name_and_age(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), own_age(object, now)]
}

#[cfg(test)]
mod tests;
