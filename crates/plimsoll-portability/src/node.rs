//! A document as a tree that keeps its order and knows its places.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its line, from 1; 0 for what was written by a change.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// The value.
    pub content: Content,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the document.
    Map(Vec<(String, Node)>),
}

/// Nothing, for what is not there.
static NOTHING: Node = Node {
    line: 0,
    column: 0,
    content: Content::Null,
};

/// The document is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsable {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What the parser says.
    pub message: String,
}

impl Node {
    /// Parses one document.
    ///
    /// # Errors
    /// Where it is no YAML, or is built to exhaust its reader.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        let options = serde_saphyr::options! {
            with_snippet: false,
            strict_booleans: true,
            non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        };
        serde_saphyr::from_str_with_options::<Spanned<Content>>(text, options)
            .map(Self::from)
            .map_err(|error| {
                use serde_saphyr::MessageFormatter;
                let message = serde_saphyr::UserMessageFormatter.format_message(error.without_snippet());
                let (line, column) = error.location().map_or((1, 1), place);
                Unparsable {
                    line: line.max(1),
                    column: column.max(1),
                    message: message.split_whitespace().collect::<Vec<_>>().join(" "),
                }
            })
    }

    /// Moves all places down.
    pub fn shift(&mut self, lines: u32) {
        self.line = self.line.saturating_add(lines);
        match &mut self.content {
            Content::List(items) => items.iter_mut().for_each(|item| item.shift(lines)),
            Content::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.shift(lines)),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
        }
    }

    /// The value under a key; nothing where there is none.
    #[must_use]
    pub fn get(&self, key: &str) -> &Self {
        match &self.content {
            Content::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map_or(&NOTHING, |(_, node)| node),
            _ => &NOTHING,
        }
    }

    /// The value under a path of keys, written with dots.
    #[must_use]
    pub fn at(&self, path: &str) -> &Self {
        path.split('.').fold(self, Self::get)
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text or number as text.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) => Some(text.clone()),
            Content::Number(number) => Some(number.to_string()),
            Content::Bool(value) => Some(value.to_string()),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The whole number, also one that is written as text.
    #[must_use]
    pub fn whole(&self) -> Option<u64> {
        match &self.content {
            Content::Number(number) => number.as_u64(),
            Content::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it is `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.content == Content::Bool(true)
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json()))
                .collect(),
        }
    }

    /// The value to change under a path of keys and numbers; none where there is nothing.
    pub fn find_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        path.iter()
            .try_fold(self, |node, step| match (step, &mut node.content) {
                (Step::Key(key), Content::Map(entries)) => entries
                    .iter_mut()
                    .find(|(name, _)| name == key)
                    .map(|(_, node)| node),
                (Step::Index(index), Content::List(items)) => items.get_mut(*index),
                _ => None,
            })
    }

    /// The value under a key, made if it is not there; what is no mapping becomes one.
    pub fn entry(&mut self, key: &str) -> Option<&mut Self> {
        if self.get(key).is_null() {
            self.set(key, NOTHING.clone());
        }
        match &mut self.content {
            Content::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// Puts a value under a key; what is no mapping becomes one.
    pub fn set(&mut self, key: &str, value: impl Into<Self>) {
        let value = value.into();
        match &mut self.content {
            Content::Map(entries) => match entries.iter_mut().find(|(name, _)| name == key) {
                Some((_, node)) => *node = value,
                None => entries.push((key.to_owned(), value)),
            },
            other => *other = Content::Map(vec![(key.to_owned(), value)]),
        }
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        let Content::Map(entries) = &mut self.content else {
            return None;
        };
        let index = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(index).1)
    }

    /// The list, made if it is not one.
    pub fn list_mut(&mut self) -> Option<&mut Vec<Self>> {
        if self.content == Content::Null {
            self.content = Content::List(Vec::new());
        }
        match &mut self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Under a key.
    Key(String),
    /// In a list.
    Index(usize),
}

/// A path of keys, written with dots, as steps.
#[must_use]
pub(crate) fn steps(path: &str) -> Vec<Step> {
    path.split('.')
        .filter(|key| !key.is_empty())
        .map(|key| Step::Key(key.to_owned()))
        .collect()
}

/// Steps as people write them: `spec.containers[0].image`.
#[must_use]
pub(crate) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if key.contains(['.', '/']) => {
                text.push_str("[\"");
                text.push_str(key);
                text.push_str("\"]");
            }
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    text
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self {
            line: 0,
            column: 0,
            content: match value {
                Value::Null => Content::Null,
                Value::Bool(value) => Content::Bool(value),
                Value::Number(number) => Content::Number(number),
                Value::String(text) => Content::Text(text),
                Value::Array(items) => Content::List(items.into_iter().map(Self::from).collect()),
                Value::Object(entries) => Content::Map(
                    entries
                        .into_iter()
                        .map(|(key, value)| (key, Self::from(value)))
                        .collect(),
                ),
            },
        }
    }
}

fn place(location: Location) -> (u32, u32) {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    (number(location.line()), number(location.column()))
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        let (line, column) = place(spanned.defined);
        Self {
            line,
            column,
            content: spanned.value,
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.content {
            Content::Null => serializer.serialize_unit(),
            Content::Bool(value) => serializer.serialize_bool(*value),
            Content::Number(number) => number.serialize(serializer),
            Content::Text(text) => serializer.serialize_str(text),
            Content::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Content::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, node) in entries {
                    map.serialize_entry(key, node)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyContent)
    }
}

struct AnyContent;

impl<'de> Visitor<'de> for AnyContent {
    type Value = Content;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Number::from_f64(value).map_or_else(|| Content::Text(value.to_string()), Content::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(node) = list.next_element::<Spanned<Content>>()? {
            items.push(node.into());
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<String, Spanned<Content>>()? {
            entries.push((key, node.into()));
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_where_they_stand() {
        let node = Node::parse("a:\n  b: [x, 2]\n").unwrap();
        let b = node.at("a.b");
        assert_eq!((b.line, b.items()[1].whole()), (2, Some(2)));
        assert!(node.at("a.c.d").is_null());
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same() {
        let text = "z: 'yes'\na: \"1\"\nb: 1\nc: true\nd: null\ne: ['on', '0x1', ' x', '- y', '#', '']\nf: {}\ng: []\nh: |\n  two\n  lines\n";
        let node = Node::parse(text).unwrap();
        let written = serde_saphyr::to_string(&node).unwrap();
        assert_eq!(
            Node::parse(&written).unwrap().to_json(),
            node.to_json(),
            "{written}"
        );
        assert!(written.starts_with("z:"), "order is kept: {written}");
    }

    #[test]
    fn an_alias_bomb_is_refused_and_not_expanded() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                [before.as_str(); 10].join(", ")
            ));
        }
        assert!(Node::parse(&text).is_err());
    }

    #[test]
    fn a_fault_has_its_place() {
        let fault = Node::parse("a: 1\nb: [1\n").unwrap_err();
        assert!(fault.line >= 2, "{fault:?}");
    }

    #[test]
    fn paths_are_written_as_people_do() {
        let mut path = steps("spec.containers");
        path.extend([Step::Index(0), Step::Key("nvidia.com/gpu".to_owned())]);
        assert_eq!(written(&path), "spec.containers[0][\"nvidia.com/gpu\"]");
    }
}
