//! A set of fields of an object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::element::Element;
use crate::schema::graph::View;

/// A set of paths. A path can be in it, paths below it can, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set {
    members: BTreeSet<Element>,
    children: BTreeMap<Element, Set>,
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    pub(crate) fn insert(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// The set of that path of fields alone.
    pub(crate) fn of_fields(path: &[&str]) -> Self {
        let mut set = Self::default();
        let path: Vec<Element> = path
            .iter()
            .map(|name| Element::Field((*name).to_owned()))
            .collect();
        set.insert(&path);
        set
    }

    pub(crate) fn has(&self, element: &Element) -> bool {
        self.members.contains(element)
    }

    /// What is below an element.
    pub(crate) fn below(&self, element: &Element) -> Option<&Set> {
        self.children.get(element)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.add(other);
        all
    }

    /// Takes in what is in the other one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, set) in &other.children {
            match self.children.get_mut(element) {
                Some(own) => own.add(set),
                None => drop(self.children.insert(element.clone(), set.clone())),
            }
        }
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, set)| {
            let both = set.intersection(other.children.get(element)?);
            (!both.is_empty()).then(|| (element.clone(), both))
        });
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// What is in it, but not in the other one; a path doesn't stand for those below it.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Drops what is in the other one; a path doesn't stand for those below it.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for element in &other.members {
            self.members.remove(element);
        }
        for (element, set) in &other.children {
            let Some(own) = self.children.get_mut(element) else {
                continue;
            };
            own.subtract(set);
            if own.is_empty() {
                self.children.remove(element);
            }
        }
    }

    /// Without the fields of these names, and all below them.
    pub(crate) fn without_fields(&self, names: &[String]) -> Self {
        let is_kept = |element: &Element| !matches!(element, Element::Field(name) if names.contains(name));
        Self {
            members: self
                .members
                .iter()
                .filter(|element| is_kept(element))
                .cloned()
                .collect(),
            children: self
                .children
                .iter()
                .filter(|(element, _)| is_kept(element))
                .map(|(element, set)| (element.clone(), set.clone()))
                .collect(),
        }
    }

    /// With the named fields on the way to the fields in it.
    pub(crate) fn with_named_fields(&self, schema: View<'_>) -> Self {
        let mut members = self.members.clone();
        let mut children = BTreeMap::new();
        for (element, set) in &self.children {
            let below = match element {
                Element::Field(name) => {
                    if schema.named(name).is_some() {
                        members.insert(element.clone());
                    }
                    schema.field(name)
                }
                Element::Keys(_) | Element::Value(_) | Element::Index(_) => schema.items(),
            };
            children.insert(element.clone(), set.with_named_fields(below));
        }
        Self { members, children }
    }

    /// All paths, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.write_paths("", &mut paths);
        paths
    }

    fn write_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        paths.extend(self.members.iter().map(|element| format!("{prefix}{element}")));
        for (element, set) in &self.children {
            set.write_paths(&format!("{prefix}{element}"), paths);
        }
    }

    /// As `fieldsV1` has it.
    pub(crate) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        for (element, set) in &self.children {
            let mut below = set.to_json();
            if self.members.contains(element) {
                below["."] = json!({});
            }
            fields.insert(element.to_field(), below);
        }
        for element in &self.members {
            fields.entry(element.to_field()).or_insert_with(|| json!({}));
        }
        Value::Object(fields)
    }

    /// From `fieldsV1`; what can't be read is left out.
    pub(crate) fn from_json(fields: &Value) -> Self {
        let mut set = Self::default();
        for (text, below) in fields.as_object().into_iter().flatten() {
            let Some(element) = Element::parse(text) else {
                continue;
            };
            let is_member = below.get(".").is_some() || below.as_object().is_none_or(Map::is_empty);
            if is_member {
                set.members.insert(element.clone());
            }
            let below = Self::from_json(below);
            if !below.is_empty() {
                set.children.insert(element, below);
            }
        }
        set
    }
}
