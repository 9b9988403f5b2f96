//! The schemas of the built-in kinds, from data.
//!
//! `builtin/*.json`, one file per group, are written by `examples/builtin_schemas.rs`. A field is one line: its type
//! (`string`, `[core.v1.Container]`, `{quantity}`, …) and then what else there is to say: `required`, `default=…`,
//! `list=map:KEYS` or `list=set` (else it is atomic), `patch=merge:KEY`, `since=MINOR`, `until=MINOR`; and its number in
//! protobuf, `#3`, or `&3` for one that may be absent (`#2.3`: in a message of number 2 that JSON doesn't show). An entry
//! without a name is about the type itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, OnceLock},
};

use serde::Deserialize;
use serde_json::Value;

use super::{
    format::Format,
    graph::{Field, Fields, Graph, Id, Keys, Node, Number, Patch, Shape},
};

/// The versions there is data for.
const OLDEST: u32 = 33;
const COUNT: usize = 5;

const FILES: [&str; 20] = [
    include_str!("builtin/admissionregistration.json"),
    include_str!("builtin/apiextensions.json"),
    include_str!("builtin/apiregistration.json"),
    include_str!("builtin/apps.json"),
    include_str!("builtin/authentication.json"),
    include_str!("builtin/authorization.json"),
    include_str!("builtin/autoscaling.json"),
    include_str!("builtin/batch.json"),
    include_str!("builtin/coordination.json"),
    include_str!("builtin/core.json"),
    include_str!("builtin/discovery.json"),
    include_str!("builtin/events.json"),
    include_str!("builtin/meta.json"),
    include_str!("builtin/networking.json"),
    include_str!("builtin/node.json"),
    include_str!("builtin/policy.json"),
    include_str!("builtin/rbac.json"),
    include_str!("builtin/resource.json"),
    include_str!("builtin/scheduling.json"),
    include_str!("builtin/storage.json"),
];

#[derive(Default, Deserialize)]
struct Document {
    #[serde(default)]
    kinds: BTreeMap<String, String>,
    #[serde(default)]
    types: BTreeMap<String, BTreeMap<String, String>>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let mut all = Document::default();
    for file in FILES {
        // A test reads them all.
        let document: Document = serde_json::from_str(file).unwrap_or_default();
        all.kinds.extend(document.kinds);
        all.types.extend(document.types);
    }
    all
});

/// All built-in kinds of one minor version.
#[derive(Debug)]
pub(super) struct Kinds {
    pub(super) graph: Arc<Graph>,
    /// By `apps/v1 Deployment`.
    pub(super) roots: BTreeMap<String, Id>,
    /// What types are called: `core.v1.Pod`.
    pub(super) names: BTreeMap<Id, String>,
}

/// Those of a minor version, or of the nearest one there is data for.
pub(super) fn kinds(minor: u32) -> &'static Kinds {
    static KINDS: [OnceLock<Kinds>; COUNT] = [const { OnceLock::new() }; COUNT];
    let index = usize::try_from(minor.saturating_sub(OLDEST))
        .unwrap_or(COUNT)
        .min(COUNT - 1);
    let minor = OLDEST + u32::try_from(index).unwrap_or_default();
    KINDS[index].get_or_init(|| Kinds::of(minor))
}

impl Kinds {
    fn of(minor: u32) -> Self {
        let mut builder = Builder::new(minor);
        let mut roots = BTreeMap::new();
        for (kind, line) in &DOCUMENT.kinds {
            let line = Line::parse(line);
            if line.is_in(minor) {
                let root = builder.type_named(line.kind);
                roots.insert(kind.clone(), root);
            }
        }
        Self {
            graph: Arc::new(builder.graph),
            roots,
            names: builder.known.into_iter().map(|(name, id)| (id, name)).collect(),
        }
    }
}

/// Adds `ObjectMeta` to a custom resource's schema.
pub(super) fn add_object_meta(graph: &mut Graph) -> Id {
    let mut builder = Builder::new(OLDEST);
    builder.graph = std::mem::take(graph);
    let id = builder.type_named("meta.v1.ObjectMeta");
    *graph = builder.graph;
    id
}

struct Builder {
    minor: u32,
    graph: Graph,
    known: BTreeMap<String, Id>,
}

impl Builder {
    fn new(minor: u32) -> Self {
        Self {
            minor,
            graph: Graph::default(),
            known: BTreeMap::new(),
        }
    }

    fn type_named(&mut self, name: &str) -> Id {
        if let Some(id) = self.known.get(name) {
            return *id;
        }
        // First the number, then the fields: they may lead back here.
        let id = self.graph.add(Node::default());
        self.known.insert(name.to_owned(), id);
        let node = self.node_of(name);
        if let Some(slot) = self.graph.nodes.get_mut(id) {
            *slot = node;
        }
        id
    }

    fn node_of(&mut self, name: &str) -> Node {
        let (shape, format) = match name {
            "string" => (Shape::String, Format::None),
            "bytes" => (Shape::String, Format::Byte),
            "time" => (Shape::String, Format::DateTime),
            "microtime" => (Shape::String, Format::MicroTime),
            "int32" => (Shape::Integer, Format::Int32),
            "int64" => (Shape::Integer, Format::Int64),
            "double" => (Shape::Number, Format::None),
            "bool" => (Shape::Boolean, Format::None),
            "quantity" => (Shape::Quantity, Format::None),
            "int-or-string" => (Shape::IntOrString, Format::None),
            _ => match DOCUMENT.types.get(name) {
                Some(lines) => return self.structure(name, lines),
                None => {
                    let shape = match name {
                        "object" => Shape::Object(Fields::default()),
                        _ => Shape::Any,
                    };
                    return Node {
                        shape,
                        keeps_unknown: true,
                        ..Node::default()
                    };
                }
            },
        };
        Node {
            shape,
            format,
            ..Node::default()
        }
    }

    fn structure(&mut self, name: &str, lines: &BTreeMap<String, String>) -> Node {
        let mut fields = Fields::default();
        for (field, text) in lines {
            let line = Line::parse(text);
            if !line.is_in(self.minor) {
                continue;
            }
            if field.is_empty() {
                fields.atomic = line.kind == "atomic";
                continue;
            }
            if line.required {
                fields.required.push(field.clone());
            }
            let id = self.value(line.kind, &line);
            let Line {
                default,
                patch,
                number,
                ..
            } = line;
            fields.named.insert(
                field.clone(),
                Field {
                    id,
                    default,
                    patch,
                    number,
                },
            );
        }
        Node {
            shape: Shape::Object(fields),
            name: name.rsplit('.').next().unwrap_or_default().to_owned(),
            ..Node::default()
        }
    }

    fn value(&mut self, kind: &str, line: &Line<'_>) -> Id {
        let inner = |open, close| {
            kind.strip_prefix(open)
                .and_then(|rest: &str| rest.strip_suffix(close))
        };
        if let Some(items) = inner('[', ']') {
            let items = self.value(items, &Line::default());
            return self.graph.add(Node {
                shape: Shape::List(items, line.keys.clone()),
                ..Node::default()
            });
        }
        if let Some(values) = inner('{', '}') {
            let others = Some(self.value(values, &Line::default()));
            return self.graph.add(Node {
                shape: Shape::Object(Fields {
                    others,
                    atomic: line.atomic,
                    ..Fields::default()
                }),
                ..Node::default()
            });
        }
        self.type_named(kind)
    }
}

/// What the data says about a field.
#[derive(Default)]
struct Line<'a> {
    kind: &'a str,
    keys: Keys,
    atomic: bool,
    required: bool,
    default: Option<Value>,
    patch: Patch,
    number: Number,
    since: Option<u32>,
    until: Option<u32>,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Self {
        let mut words = text.split(' ');
        let mut line = Self {
            kind: words.next().unwrap_or_default(),
            ..Self::default()
        };
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "required" => line.required = true,
                "atomic" => line.atomic = true,
                "default" => line.default = serde_json::from_str(value).ok(),
                "since" => line.since = value.parse().ok(),
                "until" => line.until = value.parse().ok(),
                "list" => {
                    line.keys = match value.split_once(':') {
                        Some((_, keys)) => Keys::Map(keys.split(',').map(str::to_owned).collect()),
                        None => Keys::Set,
                    }
                }
                "patch" => {
                    let (strategies, key) = value
                        .split_once(':')
                        .map_or((value, None), |(s, key)| (s, Some(key)));
                    line.patch = Patch {
                        merge: strategies.contains("merge"),
                        replace: strategies.contains("replace"),
                        retain_keys: strategies.contains("retainKeys"),
                        key: key.map(str::to_owned),
                    };
                }
                number => line.number = Number::parse(number),
            }
        }
        line
    }

    fn is_in(&self, minor: u32) -> bool {
        self.since.is_none_or(|since| since <= minor) && self.until.is_none_or(|until| minor <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_every_type_is_there() {
        for file in FILES {
            serde_json::from_str::<Document>(file).unwrap();
        }
        for (name, lines) in &DOCUMENT.types {
            for text in lines.values() {
                let kind = Line::parse(text).kind.trim_matches(['[', ']', '{', '}']);
                assert!(
                    !kind.contains('.') || DOCUMENT.types.contains_key(kind),
                    "{name} refers to {kind}"
                );
            }
        }
    }

    #[test]
    fn versions_have_the_kinds_and_fields_of_their_time() {
        let has = |minor, kind: &str| kinds(minor).roots.contains_key(kind);
        assert!(!has(33, "resource.k8s.io/v1 ResourceClaim") && has(34, "resource.k8s.io/v1 ResourceClaim"));
        assert!(
            has(35, "scheduling.k8s.io/v1alpha1 Workload") && !has(36, "scheduling.k8s.io/v1alpha1 Workload")
        );
        assert!(
            has(36, "scheduling.k8s.io/v1alpha2 PodGroup") && !has(37, "scheduling.k8s.io/v1alpha2 PodGroup")
        );
        assert!(has(37, "scheduling.k8s.io/v1beta1 PodGroup"));
        let pod_has = |minor, field: &str| {
            let kinds = kinds(minor);
            kinds
                .graph
                .at(kinds.roots["v1 Pod"])
                .field("spec")
                .known(field)
                .is_some()
        };
        assert!(!pod_has(34, "workloadRef") && pod_has(35, "workloadRef") && !pod_has(36, "workloadRef"));
        assert!(
            !pod_has(35, "schedulingGroup")
                && pod_has(36, "schedulingGroup")
                && pod_has(37, "schedulingGroup")
        );
    }
}
