//! The schemas that CustomResourceDefinitions bring.
//!
//! [`graph`] turns an `openAPIV3Schema` into nodes; [`structural`](self::structural::faults) says whether it may be one.

mod structural;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(super) use structural::faults;

use super::{
    bounds::{Bounds, Branch},
    builtin,
    format::Format,
    graph::{Field, Fields, Graph, Id, Keys, Node, Number, Patch, Shape},
    pattern,
    rule::Rule,
};

/// How deep a schema may be; real ones stay below thirty.
const DEEPEST: usize = 100;

/// The nodes of a schema, and which of them describes the object itself.
pub(super) fn graph(schema: &Value) -> (Graph, Id) {
    let mut graph = Graph::default();
    let metadata = builtin::add_object_meta(&mut graph);
    let mut builder = Builder { graph, metadata };
    let root = builder.add(schema, true, 0);
    (builder.graph, root)
}

struct Builder {
    graph: Graph,
    metadata: Id,
}

impl Builder {
    fn add(&mut self, schema: &Value, is_object: bool, depth: usize) -> Id {
        let node = match schema.as_object().filter(|_| depth < DEEPEST) {
            Some(schema) => self.node(schema, is_object, depth),
            None => Node::default(),
        };
        self.graph.add(node)
    }

    fn node(&mut self, schema: &Map<String, Value>, is_root: bool, depth: usize) -> Node {
        let is = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
        let embedded = is("x-kubernetes-embedded-resource");
        let int_or_string = is("x-kubernetes-int-or-string");
        let kind = text(schema, "type");
        let shape = match kind {
            _ if int_or_string => Shape::IntOrString,
            "object" => Shape::Object(self.fields(schema, is_root || embedded, depth)),
            "array" => {
                let items = self.add(schema.get("items").unwrap_or(&Value::Null), false, depth + 1);
                Shape::List(items, keys(schema))
            }
            "string" => Shape::String,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            _ if schema.contains_key("properties") => {
                Shape::Object(self.fields(schema, is_root || embedded, depth))
            }
            _ => Shape::Any,
        };
        let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        Node {
            shape,
            name: String::new(),
            nullable: is("nullable"),
            keeps_unknown: is("x-kubernetes-preserve-unknown-fields"),
            embedded: embedded || is_root,
            format: Format::named(text(schema, "format")),
            default: schema
                .get("default")
                .filter(|default| !default.is_null())
                .cloned(),
            bounds: bounds(schema, int_or_string).map(Box::new),
            rules: rules.into_iter().flatten().map(Rule::parse).collect(),
        }
    }

    fn fields(&mut self, schema: &Map<String, Value>, is_object: bool, depth: usize) -> Fields {
        let mut named = BTreeMap::new();
        for (name, of) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let id = match name.as_str() {
                "metadata" if is_object => self.metadata,
                _ => self.add(of, false, depth + 1),
            };
            let default = self.graph.nodes.get(id).and_then(|node| node.default.clone());
            named.insert(
                name.clone(),
                Field {
                    id,
                    default,
                    patch: Patch::default(),
                    number: Number::default(),
                },
            );
        }
        if is_object {
            for (name, id) in [
                ("apiVersion", None),
                ("kind", None),
                ("metadata", Some(self.metadata)),
            ] {
                if !named.contains_key(name) {
                    let id = id.unwrap_or_else(|| {
                        self.graph.add(Node {
                            shape: Shape::String,
                            ..Node::default()
                        })
                    });
                    named.insert(
                        name.to_owned(),
                        Field {
                            id,
                            default: None,
                            patch: Patch::default(),
                            number: Number::default(),
                        },
                    );
                }
            }
        }
        let others = match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(self.graph.add(Node::anything())),
            Some(of @ Value::Object(_)) => Some(self.add(of, false, depth + 1)),
            Some(
                Value::Null | Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::Array(_),
            )
            | None => None,
        };
        Fields {
            named,
            others,
            required: texts(schema, "required"),
            atomic: text(schema, "x-kubernetes-map-type") == "atomic",
        }
    }
}

fn keys(schema: &Map<String, Value>) -> Keys {
    match text(schema, "x-kubernetes-list-type") {
        "set" => Keys::Set,
        "map" => Keys::Map(texts(schema, "x-kubernetes-list-map-keys")),
        _ => Keys::Atomic,
    }
}

fn bounds(schema: &Map<String, Value>, int_or_string: bool) -> Option<Bounds> {
    let number = |name: &str| schema.get(name).and_then(Value::as_number).cloned();
    let count = |name: &str| schema.get(name).and_then(Value::as_u64);
    let is = |name: &str| schema.get(name).and_then(Value::as_bool).unwrap_or_default();
    let branches = |name: &str| -> Vec<Branch> {
        let all = schema.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_object)
            .map(|of| branch(of, int_or_string, 0))
            .collect()
    };
    // That of an int-or-string only repeats its type.
    let any_of = match int_or_string {
        true => branches("anyOf")
            .into_iter()
            .filter(Branch::says_something)
            .collect(),
        false => branches("anyOf"),
    };
    let bounds = Bounds {
        enumeration: schema.get("enum").and_then(Value::as_array).cloned(),
        minimum: number("minimum"),
        above_minimum: is("exclusiveMinimum"),
        maximum: number("maximum"),
        below_maximum: is("exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .and_then(|pattern| pattern::compile(pattern).ok()),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        unique_items: is("uniqueItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        all_of: branches("allOf"),
        any_of,
        one_of: branches("oneOf"),
        not: schema
            .get("not")
            .and_then(Value::as_object)
            .map(|of| Box::new(branch(of, int_or_string, 0))),
    };
    bounds.says_something().then_some(bounds)
}

fn branch(schema: &Map<String, Value>, int_or_string: bool, depth: usize) -> Branch {
    if depth >= DEEPEST {
        return Branch::default();
    }
    let child = |of: &Value| of.as_object().map(|of| branch(of, false, depth + 1));
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    Branch {
        bounds: bounds(schema, int_or_string).unwrap_or_default(),
        required: texts(schema, "required"),
        properties: properties
            .filter_map(|(name, of)| Some((name.clone(), child(of)?)))
            .collect(),
        others: schema.get("additionalProperties").and_then(child).map(Box::new),
        items: schema.get("items").and_then(child).map(Box::new),
    }
}

impl Node {
    fn anything() -> Self {
        Self {
            keeps_unknown: true,
            ..Self::default()
        }
    }
}

impl Bounds {
    fn says_something(&self) -> bool {
        let Self {
            enumeration,
            minimum,
            above_minimum: _,
            maximum,
            below_maximum: _,
            multiple_of,
            min_length,
            max_length,
            pattern,
            min_items,
            max_items,
            unique_items,
            min_properties,
            max_properties,
            all_of,
            any_of,
            one_of,
            not,
        } = self;
        enumeration.is_some()
            || minimum.is_some()
            || maximum.is_some()
            || multiple_of.is_some()
            || min_length.is_some()
            || max_length.is_some()
            || pattern.is_some()
            || min_items.is_some()
            || max_items.is_some()
            || *unique_items
            || min_properties.is_some()
            || max_properties.is_some()
            || !(all_of.is_empty() && any_of.is_empty() && one_of.is_empty())
            || not.is_some()
    }
}

impl Branch {
    fn says_something(&self) -> bool {
        self.bounds.says_something()
            || !self.required.is_empty()
            || !self.properties.is_empty()
            || self.others.is_some()
            || self.items.is_some()
    }
}

fn text<'a>(schema: &'a Map<String, Value>, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts(schema: &Map<String, Value>, name: &str) -> Vec<String> {
    let all = schema.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}
