//! `metadata.managedFields`: who set which fields.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Manager, fields::Set};

/// How a manager came to its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells entries apart. One who applies has a single entry, whatever the version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    operation: Operation,
    manager: String,
    subresource: String,
    /// Empty for one who applies.
    api_version: String,
}

impl Identity {
    pub(super) fn of(by: &Manager, operation: Operation) -> Self {
        let name = if by.name.is_empty() { "unknown" } else { &by.name };
        Self {
            operation,
            manager: name.to_owned(),
            subresource: by.subresource.clone().unwrap_or_default(),
            api_version: match operation {
                Operation::Apply => String::new(),
                Operation::Update => by.api_version.clone(),
            },
        }
    }

    /// The manager of what was there before the first apply.
    pub(super) fn before_apply(by: &Manager) -> Self {
        Self {
            operation: Operation::Update,
            manager: "before-first-apply".to_owned(),
            subresource: String::new(),
            api_version: by.api_version.clone(),
        }
    }
}

/// As conflicts name it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.manager)?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource \"{}\"", self.subresource)?;
        }
        match self.operation {
            Operation::Apply => Ok(()),
            Operation::Update => write!(f, " using {}", self.api_version),
        }
    }
}

/// The fields of one manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) api_version: String,
    pub(super) time: Option<String>,
    pub(super) fields: Set,
}

/// All entries of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Managed(pub(super) BTreeMap<Identity, Entry>);

impl Managed {
    pub(super) fn read(object: &Value) -> Self {
        let entries = object
            .pointer("/metadata/managedFields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let mut managed = BTreeMap::new();
        for entry in entries {
            let text = |name: &str| {
                entry
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let operation = match text("operation").as_str() {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => continue,
            };
            let identity = Identity {
                operation,
                manager: text("manager"),
                subresource: text("subresource"),
                api_version: match operation {
                    Operation::Apply => String::new(),
                    Operation::Update => text("apiVersion"),
                },
            };
            managed.insert(
                identity,
                Entry {
                    api_version: text("apiVersion"),
                    time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
                    fields: entry.get("fieldsV1").map(Set::from_json).unwrap_or_default(),
                },
            );
        }
        Self(managed)
    }

    /// Writes the entries into an object, those without fields left out.
    pub(super) fn write(&self, object: &mut Value) {
        let mut entries: Vec<(&Identity, &Entry)> = self
            .0
            .iter()
            .filter(|(_, entry)| !entry.fields.is_empty())
            .collect();
        entries.sort_by_key(|(identity, entry)| {
            (
                identity.operation,
                entry.time.clone(),
                identity.manager.clone(),
                entry.api_version.clone(),
            )
        });
        let Some(metadata) = metadata(object) else { return };
        if entries.is_empty() {
            metadata.remove("managedFields");
            return;
        }
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|(identity, entry)| entry.to_json(identity))
            .collect();
        metadata.insert("managedFields".to_owned(), entries.into());
    }
}

impl Entry {
    fn to_json(&self, identity: &Identity) -> Value {
        let mut entry = json!({
            "manager": identity.manager, "operation": identity.operation.name(), "apiVersion": self.api_version,
            "fieldsType": "FieldsV1", "fieldsV1": self.fields.to_json(),
        });
        if let Some(time) = &self.time {
            entry["time"] = time.clone().into();
        }
        if !identity.subresource.is_empty() {
            entry["subresource"] = identity.subresource.clone().into();
        }
        entry
    }
}

/// An object's metadata, made if it is missing; `None` for what is no object.
pub(super) fn metadata(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object
        .as_object_mut()?
        .entry("metadata")
        .or_insert_with(|| json!({}))
        .as_object_mut()
}

/// To the second, as entries have it.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What nobody manages, since it is the object's identity or the server's.
pub(super) static UNMANAGED: LazyLock<Set> = LazyLock::new(|| {
    let paths: [&[&str]; 11] = [
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ];
    paths.iter().fold(Set::default(), |mut all, path| {
        all.add(&Set::of_fields(path));
        all
    })
});
