//! The registry for programs: `plimsoll registry --format json`, and `api/` of the site.
//!
//! Fields are added, never renamed or removed. `schemas/registry.v1.schema.json` is the JSON Schema; a test compares.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{Entry, Stats};

/// The id of the format's JSON Schema.
pub const REGISTRY_SCHEMA: &str = "https://plimsoll.dev/schemas/registry/v1";

/// What a command prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "says what each command prints; the commands print the parts"
)]
enum RegistryDocument {
    /// `list` and `expiring`, and `api/products.json` of the site.
    Products(Vec<Entry>),
    /// `show`, and `api/<version>/<product>.json` of the site.
    Product(Box<Entry>),
    /// `stats`: by kind and name, who names it where.
    Stats(Stats),
}

/// The JSON Schema of what the commands print.
#[must_use]
pub fn registry_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<RegistryDocument>();
    schema.insert("$id".to_owned(), REGISTRY_SCHEMA.into());
    schema.to_value()
}
