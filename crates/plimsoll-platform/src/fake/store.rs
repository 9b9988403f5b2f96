//! The objects and their history.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Where an object or collection is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// `/api/v1` or `/apis/group/version`.
    root: String,
    plural: String,
    namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Address {
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (root, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => (format!("/api/{version}"), rest),
            ["apis", group, version, rest @ ..] => (format!("/apis/{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
            ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
            [plural] => (None, *plural, None),
            [plural, name] => (None, *plural, Some(*name)),
            _ => return None,
        };
        Some(Self {
            root,
            plural: plural.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        })
    }

    /// By the usual rules of naming.
    pub(super) fn of_object(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let api_version = text("/apiVersion").expect("an apiVersion");
        let root = if api_version.contains('/') {
            format!("/apis/{api_version}")
        } else {
            format!("/api/{api_version}")
        };
        let kind = text("/kind").expect("a kind").to_lowercase();
        let plural = if kind.ends_with('s') {
            format!("{kind}es")
        } else {
            format!("{kind}s")
        };
        Self {
            root,
            plural,
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }
    }

    /// Whether an object at `other` belongs to this collection.
    fn holds(&self, other: &Self) -> bool {
        self.root == other.root
            && self.plural == other.plural
            && (self.namespace.is_none() || self.namespace == other.namespace)
    }
}

#[derive(Default)]
pub(super) struct Store {
    revision: u64,
    objects: BTreeMap<Address, Value>,
    history: Vec<Change>,
    /// Changes up to here are forgotten.
    forgotten: u64,
    /// Changes after this are not shown to watches.
    pub(super) stalled: Option<u64>,
}

struct Change {
    revision: u64,
    address: Address,
    kind: &'static str,
    object: Value,
}

impl Store {
    pub(super) fn put(&mut self, address: &Address, mut object: Value) -> Value {
        self.revision += 1;
        let before = self.objects.get(address);
        let uid = before.map_or_else(
            || json!(format!("uid-{}", self.revision)),
            |before| before.pointer("/metadata/uid").cloned().expect("a uid"),
        );
        let meta = object["metadata"].as_object_mut().expect("metadata");
        meta.entry("uid").or_insert(uid);
        meta.insert("resourceVersion".to_owned(), json!(self.revision.to_string()));
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.objects.insert(address.clone(), object.clone());
        self.note(address, kind, object.clone());
        object
    }

    pub(super) fn remove(&mut self, address: &Address) -> Option<Value> {
        let mut object = self.objects.remove(address)?;
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.note(address, "DELETED", object.clone());
        Some(object)
    }

    fn note(&mut self, address: &Address, kind: &'static str, object: Value) {
        self.history.push(Change {
            revision: self.revision,
            address: address.clone(),
            kind,
            object,
        });
    }

    pub(super) fn get(&self, address: &Address) -> Option<&Value> {
        self.objects.get(address)
    }

    pub(super) fn forget(&mut self) {
        // Something happens somewhere else, so that what watches know is old.
        self.revision += 1;
        self.forgotten = self.revision;
        self.stalled = None;
    }

    pub(super) fn stall(&mut self) {
        self.stalled = Some(self.revision);
    }

    /// One page of a collection: `limit` and `continue` are honoured.
    pub(super) fn list(&self, of: &Address, query: &str) -> Value {
        let all: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(address, object)| of.holds(address) && selected(object, query))
            .map(|(_, object)| object)
            .collect();
        let number = |name: &str| parameter(query, name).and_then(|value| value.parse::<usize>().ok());
        let start = number("continue").unwrap_or_default();
        let end = number("limit").map_or(all.len(), |limit| all.len().min(start + limit));
        let next = if end < all.len() {
            end.to_string()
        } else {
            String::new()
        };
        json!({
            "kind": "List", "apiVersion": "v1",
            "metadata": {"resourceVersion": self.revision.to_string(), "continue": next},
            "items": all.get(start..end).unwrap_or_default(),
        })
    }

    /// The events of a collection after a revision, and the revision they lead up to; `None` where that far
    /// back is forgotten.
    pub(super) fn since(&self, of: &Address, query: &str, revision: u64) -> Option<(Vec<Value>, u64)> {
        if revision < self.forgotten {
            return None;
        }
        let until = self.stalled.unwrap_or(self.revision);
        let events = self
            .history
            .iter()
            .filter(|change| change.revision > revision && change.revision <= until)
            .filter(|change| of.holds(&change.address) && selected(&change.object, query))
            .map(|change| json!({"type": change.kind, "object": change.object}))
            .collect();
        Some((events, until.max(revision)))
    }
}

/// Whether the label and field selectors of a query pick an object.
fn selected(object: &Value, query: &str) -> bool {
    let labels = parameter(query, "labelSelector").unwrap_or_default();
    let fields = parameter(query, "fieldSelector").unwrap_or_default();
    let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
    let field = |path: &str| {
        object
            .pointer(&format!("/{}", path.replace('.', "/")))
            .and_then(Value::as_str)
    };
    labels
        .split(',')
        .filter(|term| !term.is_empty())
        .all(|term| match term.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(term).is_some(),
        })
        && fields
            .split(',')
            .filter(|term| !term.is_empty())
            .all(|term| match term.split_once("!=") {
                Some((path, value)) => field(path) != Some(value),
                None => term
                    .split_once('=')
                    .is_some_and(|(path, value)| field(path) == Some(value)),
            })
}

/// A parameter of a query, decoded.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let raw = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("a percent escape")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
