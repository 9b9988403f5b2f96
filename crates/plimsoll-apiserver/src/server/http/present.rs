//! Objects as an answer shows them: in the version and the form that were asked for.

use serde_json::{Value, json};

use super::accept::Form;
use crate::{
    catalog::Served,
    convert,
    server::table::{self, Columns},
    store::Item,
};

/// How objects are shown.
pub(crate) struct Presentation<'a> {
    pub(crate) served: &'a Served,
    pub(crate) version: &'a str,
    pub(crate) form: Form,
    /// What the ages in tables are counted to.
    pub(crate) now: jiff::Timestamp,
    /// Which part of objects goes into tables: `None`, `Metadata` or `Object`.
    pub(crate) include: &'a str,
}

impl Presentation<'_> {
    /// Whether objects are shown just as they are stored.
    fn is_stored_form(&self) -> bool {
        self.form == Form::Whole && self.version == self.served.hub && self.served.of == self.served.stored_as
    }

    /// One stored object.
    pub(crate) fn item(&self, item: &Item) -> String {
        if self.is_stored_form() {
            item.text()
        } else {
            self.object(&item.object())
        }
    }

    /// One object of the hub version.
    pub(crate) fn object(&self, object: &Value) -> String {
        match self.form {
            Form::Whole if self.is_stored_form() => object.to_string(),
            Form::Whole => self.converted(object).to_string(),
            Form::Metadata => metadata_of(object, true).to_string(),
            Form::Table => self
                .table(
                    &[object],
                    &json!({"resourceVersion": object["metadata"]["resourceVersion"]}),
                )
                .to_string(),
        }
    }

    fn converted(&self, object: &Value) -> Value {
        convert::from_hub(object, &self.served.api_version(self.version))
    }

    /// A list of stored objects with that `metadata`.
    pub(crate) fn list<'a>(&self, items: impl Iterator<Item = &'a Item>, metadata: &Value) -> String {
        match self.form {
            Form::Whole => {
                let mut text = format!(
                    "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
                    self.served.list_kind,
                    self.served.api_version(self.version),
                );
                for (at, item) in items.enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    self.append(item, &mut text);
                }
                text.push_str("]}");
                text
            }
            Form::Metadata => {
                let items: Vec<Value> = items.map(|item| metadata_of(&item.object(), false)).collect();
                json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata, "items": items,
                })
                .to_string()
            }
            Form::Table => {
                let objects: Vec<_> = items.map(Item::object).collect();
                let objects: Vec<&Value> = objects.iter().map(|object| &**object).collect();
                self.table(&objects, metadata).to_string()
            }
        }
    }

    /// Items of built-in lists don't repeat what the list says of their kind.
    fn append(&self, item: &Item, text: &mut String) {
        let kind_is_told = self.served.custom.is_none();
        if self.is_stored_form() {
            let own = item.text();
            let told = format!(
                "{{\"apiVersion\":\"{}\",\"kind\":\"{}\",",
                self.served.hub_api_version(),
                self.served.kind
            );
            match own.strip_prefix(&told).filter(|_| kind_is_told) {
                Some(rest) => {
                    text.push('{');
                    text.push_str(rest);
                    return;
                }
                None if !kind_is_told => {
                    text.push_str(&own);
                    return;
                }
                None => {}
            }
        }
        let mut object = if self.is_stored_form() {
            (*item.object()).clone()
        } else {
            self.converted(&item.object())
        };
        if kind_is_told && let Some(fields) = object.as_object_mut() {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
        text.push_str(&object.to_string());
    }

    fn table(&self, objects: &[&Value], metadata: &Value) -> Value {
        let columns = Columns::of(self.served, self.version);
        let rows: Vec<Value> = objects
            .iter()
            .map(|object| {
                let shown = match self.include {
                    "None" => Value::Null,
                    "Object" => self.converted(object),
                    _ => metadata_of(object, true),
                };
                let mut row = json!({"cells": columns.cells(object, self.now)});
                if let Some(conditions) = table::conditions(self.served, object) {
                    row["conditions"] = conditions;
                }
                row["object"] = shown;
                row
            })
            .collect();
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": columns.definitions(), "rows": rows,
        })
    }
}

fn metadata_of(object: &Value, with_kind: bool) -> Value {
    if with_kind {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        })
    } else {
        json!({"metadata": object["metadata"]})
    }
}
