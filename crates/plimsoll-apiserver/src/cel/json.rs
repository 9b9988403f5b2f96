//! Values between JSON and CEL.
//!
//! Objects and lists are shared, since an expression copies what it iterates over, and the keys of objects are in order,
//! so that the same expression always comes to the same result.

use std::{collections::HashMap, sync::Arc};

use cel::{
    ExecutionError,
    common::{
        traits::{self, Adder, Container, Indexer, Iterable, Sizer, Zeroer},
        types::{
            CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional,
            CelString, CelType, CelUInt, LIST_TYPE, MAP_TYPE, Type,
        },
        value::{BuiltinRef, CowVal, Val},
    },
};
use serde_json::{Map, Number, Value};

use super::{
    quantity::Amount,
    semver::Version,
    time::{Instant, Span},
};
use crate::schema::{
    format::Format,
    graph::{Shape, View},
};

type Boxed<'v> = Box<dyn Val + 'v>;

/// A JSON value; a schema tells times, durations, bytes and kinds of numbers.
pub(super) fn from_json<'v>(value: &'v Value, schema: Option<View<'_>>) -> Boxed<'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => number_from(number, schema),
        Value::String(text) => text_from(text, schema),
        Value::Array(items) => {
            let schema = schema.map(View::items);
            let items: Vec<Boxed<'v>> = items.iter().map(|item| from_json(item, schema)).collect();
            Box::new(List(Arc::new(CelList::from(items))))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let schema = schema.map(|schema| schema.field(name));
                (name.as_str(), from_json(value, schema))
            });
            Box::new(Object::new(fields))
        }
    }
}

fn number_from<'v>(number: &Number, schema: Option<View<'_>>) -> Boxed<'v> {
    let shape = schema.map(|schema| &schema.node().shape);
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (_, _, Some(float)) if matches!(shape, Some(Shape::Number)) => Box::new(CelDouble::from(float)),
        (Some(whole), _, _) => Box::new(CelInt::from(whole)),
        (None, Some(whole), _) => Box::new(CelUInt::from(whole)),
        (None, None, Some(float)) if matches!(shape, Some(Shape::Integer)) && float.fract() == 0.0 => {
            #[expect(clippy::cast_possible_truncation, reason = "validated as an integer before")]
            let whole = float as i64;
            Box::new(CelInt::from(whole))
        }
        (None, None, float) => Box::new(CelDouble::from(float.unwrap_or_default())),
    }
}

fn text_from<'v>(text: &'v str, schema: Option<View<'_>>) -> Boxed<'v> {
    let plain = || Box::new(CelString::from(text)) as Boxed<'v>;
    match schema.map(|schema| schema.node().format) {
        Some(Format::DateTime | Format::MicroTime) => match Instant::parse(text) {
            Some(instant) => Box::new(instant),
            None => plain(),
        },
        Some(Format::Duration) => match Span::parse(text) {
            Some(span) => Box::new(span),
            None => plain(),
        },
        _ => plain(),
    }
}

/// The JSON of a value; `None` for what has none, such as a type.
pub(super) fn to_json(value: &dyn Val) -> Option<Value> {
    if value.downcast_ref::<CelNull>().is_some() {
        return Some(Value::Null);
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return Some(Value::Bool(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Some((*value.inner()).into());
    }
    if let Some(value) = value.downcast_ref::<CelUInt>() {
        return Some((*value.inner()).into());
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        return Number::from_f64(*value.inner()).map(Value::Number);
    }
    if let Some(value) = value.downcast_ref::<CelString>() {
        return Some(value.inner().into());
    }
    if let Some(value) = value.downcast_ref::<CelBytes>() {
        return Some(String::from_utf8_lossy(value.inner()).into_owned().into());
    }
    if let Some(optional) = value.downcast_ref::<CelOptional>() {
        return optional.inner().map_or(Some(Value::Null), to_json);
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        return list
            .inner()
            .iter()
            .map(|item| to_json(item.as_ref()))
            .collect::<Option<Vec<Value>>>()
            .map(Value::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut fields = Map::new();
        for (key, value) in map.inner() {
            fields.insert(key_text(key), to_json(value.as_ref())?);
        }
        return Some(Value::Object(fields));
    }
    if let Some(amount) = value.downcast_ref::<Amount>() {
        return Some(amount.0.to_string().into());
    }
    if let Some(version) = value.downcast_ref::<Version>() {
        return Some(version.0.to_string().into());
    }
    if let Some(instant) = value.downcast_ref::<Instant>() {
        return Some(instant.to_string().into());
    }
    if let Some(span) = value.downcast_ref::<Span>() {
        return Some(span.to_string().into());
    }
    value.downcast_ref::<CelType>().and(None)
}

fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::Bool(key) => key.inner().to_string(),
        CelMapKey::Int(key) => key.inner().to_string(),
        CelMapKey::UInt(key) => key.inner().to_string(),
        CelMapKey::String(key) => key.inner().to_owned(),
    }
}

/// A JSON object.
#[derive(Debug)]
pub(super) struct Object<'v> {
    map: Arc<CelMap<'v>>,
    keys: Arc<Vec<CelString<'v>>>,
    /// What an absent key has: nothing, unless there is a default.
    default: Option<Arc<Object<'v>>>,
}

impl Clone for Object<'_> {
    fn clone(&self) -> Self {
        Self {
            map: Arc::clone(&self.map),
            keys: Arc::clone(&self.keys),
            default: self.default.clone(),
        }
    }
}

impl<'v> Object<'v> {
    pub(super) fn new(fields: impl Iterator<Item = (&'v str, Boxed<'v>)>) -> Self {
        let map: HashMap<CelMapKey<'v>, Boxed<'v>> = fields
            .map(|(name, value)| (CelMapKey::String(CelString::from(name)), value))
            .collect();
        let mut keys: Vec<CelString<'v>> = map
            .keys()
            .filter_map(|key| match key {
                CelMapKey::String(key) => Some(key.clone()),
                CelMapKey::Bool(_) | CelMapKey::Int(_) | CelMapKey::UInt(_) => None,
            })
            .collect();
        keys.sort_by(|a, b| a.inner().cmp(b.inner()));
        Self {
            map: Arc::new(CelMap::from(map)),
            keys: Arc::new(keys),
            default: None,
        }
    }

    /// One that has an empty object under any other key.
    pub(super) fn with_empty_default(self) -> Self {
        Self {
            default: Some(Arc::new(Self::new(std::iter::empty()))),
            ..self
        }
    }
}

impl<'v> Val for Object<'v> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        static TYPE: Type = MAP_TYPE;
        &TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.map.as_container()
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn into_indexer<'w>(self: Box<Self>) -> Option<Box<dyn Indexer + 'w>>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.map.as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.map.as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.map.equals(other)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }

    // So that a map literal finds it equal, too.
    fn as_builtin<'b, 'w>(&'b self) -> BuiltinRef<'b, 'w>
    where
        Self: 'w,
    {
        BuiltinRef::Map(&self.map)
    }
}

impl Indexer for Object<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let indexer = self
            .map
            .as_indexer()
            .ok_or_else(|| ExecutionError::no_such_key(""))?;
        let found = indexer.get(index);
        let Err(ExecutionError::NoSuchKey(key)) = &found else {
            return found;
        };
        if key.contains("__")
            && let Some(name) = unescape(key)
            && let Ok(value) = indexer.get(&CelString::from(name))
        {
            return Ok(value);
        }
        match &self.default {
            Some(default) => Ok(CowVal::Borrowed(default.as_ref())),
            None => found,
        }
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

/// The field that an escaped name stands for: `a__dash__b` is `a-b`, and `__if__` is `if`.
fn unescape(name: &str) -> Option<String> {
    if let Some(keyword) = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"))
        && !matches!(keyword, "dot" | "dash" | "slash" | "underscores")
        && keyword.chars().all(|c| c.is_ascii_alphabetic())
    {
        return Some(keyword.to_owned());
    }
    let plain = name
        .replace("__dot__", ".")
        .replace("__dash__", "-")
        .replace("__slash__", "/")
        .replace("__underscores__", "__");
    (plain != name).then_some(plain)
}

impl Iterable for Object<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Keys(self.keys.iter()))
    }
}

struct Keys<'b, 'v>(std::slice::Iter<'b, CelString<'v>>);

impl<'b, 'v: 'w, 'w> traits::Iterator<'b, 'w> for Keys<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|key| key as &(dyn Val + 'w))
    }
}

/// A JSON list.
#[derive(Clone, Debug)]
struct List<'v>(Arc<CelList<'v>>);

impl<'v> Val for List<'v> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        static TYPE: Type = LIST_TYPE;
        &TYPE
    }

    fn as_adder<'b, 'w>(&'b self) -> Option<&'b (dyn Adder + 'w)>
    where
        Self: 'w,
    {
        self.0.as_adder()
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.0.as_container()
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        self.0.as_indexer()
    }

    fn into_indexer<'w>(self: Box<Self>) -> Option<Box<dyn Indexer + 'w>>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        self.0.as_iterable()
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.0.as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.0.as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.0.equals(other)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }

    fn as_builtin<'b, 'w>(&'b self) -> BuiltinRef<'b, 'w>
    where
        Self: 'w,
    {
        BuiltinRef::List(&self.0)
    }
}

impl Indexer for List<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.0
            .as_indexer()
            .ok_or_else(|| ExecutionError::no_such_key(""))?
            .get(index)
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(index).map(CowVal::into_owned)
    }
}
