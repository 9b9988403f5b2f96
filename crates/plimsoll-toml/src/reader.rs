//! Reads TOML tables field by field, and keeps every fault with its place instead of stopping at the first.

use std::{cell::RefCell, collections::BTreeMap, ops::RangeInclusive};

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::fault::{Fault, FaultKind, nearest};

/// A place in the text.
pub type Span = std::ops::Range<usize>;

/// The text that is read, and what has been found wrong with it.
pub(crate) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    hint: &'static str,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str, hint: &'static str) -> Self {
        Self {
            file,
            text,
            hint,
            faults: RefCell::default(),
        }
    }

    pub(crate) fn fault(&self, span: Span, field: impl Into<String>, kind: FaultKind) {
        let fault = Fault::new(self.file, self.text, span, field.into(), kind, self.hint);
        self.faults.borrow_mut().push(fault);
    }

    /// What was wrong, in the order of the text.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(Fault::offset);
        faults
    }
}

/// An entry of a table whose keys are the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub name_span: Span,
    /// The value.
    pub text: String,
    /// Where the value stands.
    pub text_span: Span,
}

/// A table, and which of its keys have been asked for.
pub struct Table<'s> {
    source: &'s Source<'s>,
    path: String,
    span: Span,
    fields: &'s DeTable<'s>,
    known: Vec<&'static str>,
}

impl<'s> Table<'s> {
    pub(crate) fn root(source: &'s Source<'s>, table: &'s Spanned<DeTable<'s>>) -> Self {
        Self::new(source, String::new(), 0..0, table.get_ref())
    }

    fn new(source: &'s Source<'s>, path: String, span: Span, fields: &'s DeTable<'s>) -> Self {
        Self {
            source,
            path,
            span,
            fields,
            known: Vec::new(),
        }
    }

    /// The field's name from the file's top.
    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.known.push(key);
        self.fields.get(key)
    }

    fn wrong_kind(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: impl Into<String>) {
        let found = described(value.get_ref());
        let expected = expected.into();
        self.source.fault(
            value.span(),
            self.path_of(key),
            FaultKind::WrongKind { expected, found },
        );
    }

    /// Notes a fault at a field, or at the table where that is absent.
    pub fn fault(&self, key: &str, kind: FaultKind) {
        let span = match self.fields.get(key) {
            Some(value) => value.span(),
            None => self.span.clone(),
        };
        self.source.fault(span, self.path_of(key), kind);
    }

    /// The same for an element of an array.
    pub fn fault_at(&self, key: &str, index: usize, span: Span, kind: FaultKind) {
        self.source
            .fault(span, format!("{}[{index}]", self.path_of(key)), kind);
    }

    /// What must be there.
    pub fn required<T: Default>(&self, key: &str, value: Option<T>) -> T {
        if value.is_none() && !self.fields.contains_key(key) {
            self.fault(key, FaultKind::Missing);
        }
        value.unwrap_or_default()
    }

    /// A piece of text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            _ => {
                self.wrong_kind(key, value, "text");
                None
            }
        }
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_kind(key, value, "`true` or `false`");
        }
        flag
    }

    /// A whole number of a range.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_kind(key, value, "a whole number");
            return None;
        };
        let number = u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.fault(
                    key,
                    FaultKind::OutOfRange {
                        found: integer.as_str().to_owned(),
                        min: *range.start(),
                        max: *range.end(),
                    },
                );
                None
            }
        }
    }

    /// A number that fits 32 bits, as all but latencies do.
    pub fn count(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.number(key, range)
            .and_then(|number| u32::try_from(number).ok())
    }

    /// A minor version of Kubernetes, written `"1.36"` or `1.36`.
    pub fn version(&mut self, key: &'static str, known: RangeInclusive<u32>) -> Option<u32> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Float(float) => float.as_str(),
            _ => {
                self.wrong_kind(key, value, "a version such as \"1.36\"");
                return None;
            }
        };
        let minor = text.strip_prefix("1.").and_then(|minor| minor.parse().ok());
        if minor.is_none_or(|minor| !known.contains(&minor)) {
            let versions: Vec<String> = known.map(|minor| format!("1.{minor}")).collect();
            self.fault(
                key,
                FaultKind::UnknownName {
                    what: "version of Kubernetes that can be simulated",
                    found: text.to_owned(),
                    nearest: None,
                    known: versions,
                },
            );
            return None;
        }
        minor
    }

    /// One of some names.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        what: &'static str,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Option<T> {
        let found = self.text(key)?;
        let choices: Vec<_> = choices.into_iter().collect();
        let chosen = choices.iter().find(|(name, _)| *name == found);
        if chosen.is_none() {
            self.fault(
                key,
                unknown_name(what, &found, choices.iter().map(|(name, _)| *name)),
            );
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// Pieces of text, each with its place.
    pub fn texts(&mut self, key: &'static str) -> Vec<(String, Span)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_kind(key, value, "an array of text");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, element) in array.iter().enumerate() {
            match element.get_ref() {
                DeValue::String(text) => texts.push((text.clone().into_owned(), element.span())),
                other => {
                    let (expected, found) = ("text".to_owned(), described(other));
                    self.fault_at(
                        key,
                        index,
                        element.span(),
                        FaultKind::WrongKind { expected, found },
                    );
                }
            }
        }
        texts
    }

    /// A table whose keys are the user's, with text in it.
    pub fn text_map(&mut self, key: &'static str) -> BTreeMap<String, String> {
        self.entries(key)
            .into_iter()
            .map(|entry| (entry.name, entry.text))
            .collect()
    }

    /// The same, with the places.
    pub fn entries(&mut self, key: &'static str) -> Vec<Entry> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, value) in table.fields {
            match value.get_ref() {
                DeValue::String(text) => entries.push(Entry {
                    name: name.get_ref().to_string(),
                    name_span: name.span(),
                    text: text.clone().into_owned(),
                    text_span: value.span(),
                }),
                _ => table.wrong_kind(name.get_ref(), value, "text"),
            }
        }
        entries
    }

    /// Notes a fault at such an entry.
    pub fn fault_in(&self, key: &str, name: &str, span: Span, kind: FaultKind) {
        self.source
            .fault(span, format!("{}.{name}", self.path_of(key)), kind);
    }

    /// A table within.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'s>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Table::new(self.source, self.path_of(key), value.span(), table)),
            _ => {
                self.wrong_kind(key, value, format!("a table `[{key}]`"));
                None
            }
        }
    }

    /// The tables of an array of tables.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'s>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_kind(key, value, format!("tables `[[{key}]]`"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match element.get_ref() {
                DeValue::Table(table) => tables.push(Table::new(self.source, path, element.span(), table)),
                _ => self.wrong_kind(&format!("{key}[{index}]"), element, "a table"),
            }
        }
        tables
    }

    /// The whole table as JSON, whatever its keys.
    pub fn to_json(&self) -> Value {
        json(&DeValue::Table(self.fields.clone()))
    }

    /// Ends the reading: what nobody asked for is unknown.
    pub fn finish(self) {
        for key in self.fields.keys() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let mut known = self.known.clone();
            known.sort_unstable();
            let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
            self.source.fault(
                key.span(),
                self.path_of(name),
                FaultKind::UnknownKey { nearest, known },
            );
        }
    }
}

/// The fault of naming something that there is not.
pub fn unknown_name<'a>(
    what: &'static str,
    found: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> FaultKind {
    FaultKind::UnknownName {
        what,
        found: found.to_owned(),
        nearest: nearest(found, known.clone()).map(str::to_owned),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text `{text}`"),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
            parsed.map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number
            .as_str()
            .replace('_', "")
            .parse::<f64>()
            .map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(array) => array.iter().map(|element| json(element.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
                .collect(),
        ),
    }
}
