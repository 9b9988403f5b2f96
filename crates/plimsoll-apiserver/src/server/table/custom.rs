//! Custom resources, by their `additionalPrinterColumns`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, jsonpath, name, own_age, string};

pub(super) fn definitions(columns: &[Value]) -> Vec<Value> {
    let mut definitions = vec![column("Name", "string", "name", 0)];
    if columns.is_empty() {
        definitions.push(column("Age", "date", "", 0));
    }
    definitions.extend(columns.iter().map(|own| {
        column(
            string(&own["name"]),
            string(&own["type"]),
            string(&own["format"]),
            own["priority"].as_i64().unwrap_or_default(),
        )
    }));
    definitions
}

fn column(name: &str, kind: &str, format: &str, priority: i64) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
}

pub(super) fn cells(columns: &[Value], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![name(object)];
    if columns.is_empty() {
        cells.push(own_age(object, now));
    }
    cells.extend(columns.iter().map(|own| {
        let found = jsonpath::find(object, string(&own["jsonPath"]));
        match (string(&own["type"]), found.as_slice()) {
            (_, []) => Value::Null,
            ("date", [time, ..]) => age(time, now).into(),
            ("integer" | "number" | "boolean", [value, ..]) => (*value).clone(),
            (_, values) => values
                .iter()
                .map(|value| text(value))
                .collect::<Vec<_>>()
                .join(",")
                .into(),
        }
    }));
    cells
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
