//! A structural schema, taken apart: nodes that refer to each other by number, so that kinds may contain themselves.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use super::{bounds::Bounds, format::Format, rule::Rule};

/// A node's number in its [`Graph`].
pub(crate) type Id = usize;

/// All nodes that schemas share.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
}

/// What one value may be.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    /// What the type is called in Go, for decoding errors; empty in custom resources.
    pub(crate) name: String,
    pub(crate) nullable: bool,
    pub(crate) keeps_unknown: bool,
    /// An object of any kind, with `apiVersion`, `kind` and `metadata`.
    pub(crate) embedded: bool,
    pub(crate) format: Format,
    pub(crate) default: Option<Value>,
    pub(crate) bounds: Option<Box<Bounds>>,
    pub(crate) rules: Vec<Rule>,
}

/// What kind of value.
#[derive(Debug, Default)]
pub(crate) enum Shape {
    /// Anything at all.
    #[default]
    Any,
    Object(Fields),
    List(Id, Keys),
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    Quantity,
}

/// The fields of an object, or the values of a map.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) named: BTreeMap<String, Field>,
    /// The values under names that aren't listed.
    pub(crate) others: Option<Id>,
    pub(crate) required: Vec<String>,
    /// Owned by one manager as a whole.
    pub(crate) atomic: bool,
}

/// A named field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) id: Id,
    pub(crate) default: Option<Value>,
    pub(crate) patch: Patch,
    pub(crate) number: Number,
}

/// Where protobuf keeps a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    /// Its number, after those of the messages in between that JSON doesn't show; empty where protobuf has no such field.
    pub(crate) path: Vec<u64>,
    /// Whether it may be absent; of others nothing and the empty value are the same.
    pub(crate) optional: bool,
}

/// What tells the elements of a list apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nothing: it is written as a whole.
    #[default]
    Atomic,
    /// They do so themselves.
    Set,
    /// These of their fields.
    Map(Vec<String>),
}

/// How a strategic merge patch treats a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) merge: bool,
    pub(crate) replace: bool,
    pub(crate) retain_keys: bool,
    pub(crate) key: Option<String>,
}

impl Number {
    /// Reads `#3`, `&3` and `#2.3`.
    pub(crate) fn parse(text: &str) -> Self {
        let Some(numbers) = text.strip_prefix(['#', '&']) else {
            return Self::default();
        };
        Self {
            path: numbers
                .split('.')
                .filter_map(|number| number.parse().ok())
                .collect(),
            optional: text.starts_with('&'),
        }
    }
}

impl Graph {
    pub(crate) fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn at(&self, id: Id) -> View<'_> {
        match self.nodes.get(id) {
            Some(node) => View { graph: self, node },
            None => View::any(),
        }
    }
}

static ANY: LazyLock<(Graph, Node)> = LazyLock::new(|| {
    let node = Node {
        keeps_unknown: true,
        ..Node::default()
    };
    (Graph::default(), node)
});

/// A node in its graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    graph: &'a Graph,
    node: &'a Node,
}

impl<'a> View<'a> {
    /// Of what no schema describes.
    pub(crate) fn any() -> Self {
        Self {
            graph: &ANY.0,
            node: &ANY.1,
        }
    }

    pub(crate) fn node(self) -> &'a Node {
        self.node
    }

    pub(crate) fn fields(self) -> Option<&'a Fields> {
        match &self.node.shape {
            Shape::Object(fields) => Some(fields),
            Shape::Any
            | Shape::List(..)
            | Shape::String
            | Shape::Integer
            | Shape::Number
            | Shape::Boolean
            | Shape::IntOrString
            | Shape::Quantity => None,
        }
    }

    /// The declaration of a field, without those of a map.
    pub(crate) fn named(self, name: &str) -> Option<&'a Field> {
        self.fields()?.named.get(name)
    }

    /// The node of a field that the schema knows, be it by name or as the value of a map.
    pub(crate) fn known(self, name: &str) -> Option<View<'a>> {
        let fields = self.fields()?;
        let id = fields.named.get(name).map(|field| field.id).or(fields.others)?;
        Some(self.graph.at(id))
    }

    /// The node of a field; anything goes where the schema doesn't know it.
    pub(crate) fn field(self, name: &str) -> View<'a> {
        self.known(name).unwrap_or_else(View::any)
    }

    /// Of a list's elements.
    pub(crate) fn items(self) -> View<'a> {
        self.list().map_or_else(View::any, |(items, _)| items)
    }

    /// A list's elements and what tells them apart.
    pub(crate) fn list(self) -> Option<(View<'a>, &'a Keys)> {
        match &self.node.shape {
            Shape::List(items, keys) => Some((self.graph.at(*items), keys)),
            Shape::Any
            | Shape::Object(_)
            | Shape::String
            | Shape::Integer
            | Shape::Number
            | Shape::Boolean
            | Shape::IntOrString
            | Shape::Quantity => None,
        }
    }

    /// What OpenAPI calls its type.
    pub(crate) fn type_name(self) -> &'static str {
        match self.node.shape {
            Shape::Any | Shape::IntOrString => "",
            Shape::Object(_) => "object",
            Shape::List(..) => "array",
            Shape::String | Shape::Quantity => "string",
            Shape::Integer => "integer",
            Shape::Number => "number",
            Shape::Boolean => "boolean",
        }
    }

    /// Whether there are rules anywhere in its graph.
    pub(crate) fn has_rules(self) -> bool {
        self.graph.nodes.iter().any(|node| !node.rules.is_empty())
    }

    /// The node of that number in the same graph.
    pub(crate) fn other(self, id: Id) -> View<'a> {
        self.graph.at(id)
    }
}
