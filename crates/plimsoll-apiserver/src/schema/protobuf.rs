//! Objects of built-in kinds as protobuf, which Go's typed clients send for them and nothing else; `kubectl create` is
//! made of those. Answers are JSON, which all of them take.
//!
//! One decoder for all kinds: what a field is called and made of is in their schemas, and so is its number.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Schema,
    format::Format,
    graph::{Field, Shape, View},
};
use crate::server;

/// What every object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may lie in each other; those of real objects stay far below.
const DEEPEST: usize = 64;

/// It is no protobuf, or not of the kind that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// An object that says which kind it is of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens what a client sent.
    ///
    /// # Errors
    /// It is no envelope.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let bytes = bytes.strip_prefix(MAGIC).ok_or(Malformed(
            "provided data does not appear to be a protobuf message",
        ))?;
        let mut envelope = Self {
            api_version: "",
            kind: "",
            raw: &[],
        };
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.field()? {
            match number {
                1 => {
                    let mut reader = Reader(wire.bytes()?);
                    while let Some((number, wire)) = reader.field()? {
                        match number {
                            1 => envelope.api_version = wire.text()?,
                            2 => envelope.kind = wire.text()?,
                            _ => {}
                        }
                    }
                }
                2 => envelope.raw = wire.bytes()?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    /// The object, by the schema of its kind.
    ///
    /// # Errors
    /// It isn't what the schema says.
    pub(crate) fn object(&self, schema: &Schema) -> Result<Value, Malformed> {
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), self.api_version.into());
        object.insert("kind".to_owned(), self.kind.into());
        message(schema.root(), self.raw, &[], &mut object, 0)?;
        Ok(Value::Object(object))
    }
}

impl Schema {
    /// Whether protobuf knows the kind.
    pub(crate) fn is_numbered(&self) -> bool {
        self.root()
            .fields()
            .is_some_and(|fields| fields.named.values().any(|field| !field.number.path.is_empty()))
    }
}

/// Reads a message into an object; `outer` are the numbers of the messages around it that JSON doesn't show.
fn message(
    view: View<'_>,
    bytes: &[u8],
    outer: &[u64],
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > DEEPEST {
        return Err(Malformed("messages lie too deep in each other"));
    }
    let Some(fields) = view.fields() else {
        return Ok(());
    };
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.field()? {
        let path: Vec<u64> = outer.iter().copied().chain([number]).collect();
        let field = fields.named.iter().find(|(_, field)| field.number.path == path);
        if let Some((name, field)) = field {
            put(view.other(field.id), name, field, wire, object, depth)?;
        } else if fields
            .named
            .values()
            .any(|field| field.number.path.starts_with(&path))
        {
            message(view, wire.bytes()?, &path, object, depth + 1)?;
        }
    }
    Ok(())
}

fn put(
    view: View<'_>,
    name: &str,
    field: &Field,
    wire: Wire<'_>,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), Malformed> {
    if let Some((items, _)) = view.list() {
        let list = object.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value(items, wire, depth)?);
        }
        return Ok(());
    }
    if let Some(values) = map(view) {
        let (key, entry) = entry(values, wire.bytes()?, depth)?;
        let entries = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(entries) = entries {
            entries.insert(key, entry);
        }
        return Ok(());
    }
    let value = value(view, wire, depth)?;
    if field.number.optional || !is_empty(&value) {
        object.insert(name.to_owned(), value);
    }
    Ok(())
}

/// The values of a map.
fn map(view: View<'_>) -> Option<View<'_>> {
    let fields = view.fields().filter(|fields| fields.named.is_empty())?;
    fields.others.map(|id| view.other(id))
}

fn entry(values: View<'_>, bytes: &[u8], depth: usize) -> Result<(String, Value), Malformed> {
    let mut key = String::new();
    let mut found = empty(values);
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => key = wire.text()?.to_owned(),
            2 => found = value(values, wire, depth)?,
            _ => {}
        }
    }
    Ok((key, found))
}

/// The value of an entry that doesn't tell it.
fn empty(view: View<'_>) -> Value {
    match &view.node().shape {
        Shape::String | Shape::Quantity => "".into(),
        Shape::Integer | Shape::IntOrString => 0.into(),
        Shape::Number => 0.0.into(),
        Shape::Boolean => false.into(),
        Shape::List(..) => Value::Array(Vec::new()),
        Shape::Object(_) => Value::Object(Map::new()),
        Shape::Any => Value::Null,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn value(view: View<'_>, wire: Wire<'_>, depth: usize) -> Result<Value, Malformed> {
    let node = view.node();
    Ok(match &node.shape {
        Shape::String => match node.format {
            Format::Byte => STANDARD.encode(wire.bytes()?).into(),
            Format::DateTime => time(wire.bytes()?, server::time)?,
            Format::MicroTime => time(wire.bytes()?, server::micro_time)?,
            Format::None
            | Format::Int32
            | Format::Int64
            | Format::Date
            | Format::Duration
            | Format::Ipv4
            | Format::Ipv6
            | Format::Cidr
            | Format::Uuid
            | Format::Uri
            | Format::Hostname
            | Format::Email
            | Format::Mac => wire.text()?.into(),
        },
        Shape::Integer => wire.integer()?.into(),
        Shape::Number => f64::from_bits(wire.fixed()?).into(),
        Shape::Boolean => (wire.integer()? != 0).into(),
        Shape::Quantity => inner(wire.bytes()?, 1)?
            .map_or(Ok(""), |wire| wire.text())?
            .into(),
        Shape::IntOrString => {
            let bytes = wire.bytes()?;
            match inner(bytes, 1)? {
                Some(Wire::Varint(1)) => inner(bytes, 3)?.map_or(Ok(""), |wire| wire.text())?.into(),
                _ => inner(bytes, 2)?.map_or(Ok(0), |wire| wire.integer())?.into(),
            }
        }
        // A list in a list or a map has a message around it.
        Shape::List(..) => {
            let items = view.items();
            let mut list = Vec::new();
            let mut reader = Reader(wire.bytes()?);
            while let Some((number, wire)) = reader.field()? {
                if number == 1 {
                    list.push(value(items, wire, depth + 1)?);
                }
            }
            list.into()
        }
        Shape::Object(fields) if !fields.named.is_empty() => {
            let mut object = Map::new();
            message(view, wire.bytes()?, &[], &mut object, depth + 1)?;
            object.into()
        }
        // What has no schema is JSON within a message.
        Shape::Object(_) | Shape::Any => match inner(wire.bytes()?, 1)? {
            Some(json) => serde_json::from_slice(json.bytes()?)
                .map_err(|_| Malformed("an embedded object is not JSON"))?,
            None => Value::Null,
        },
    })
}

/// The last field of that number.
fn inner(bytes: &[u8], wanted: u64) -> Result<Option<Wire<'_>>, Malformed> {
    let mut found = None;
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.field()? {
        if number == wanted {
            found = Some(wire);
        }
    }
    Ok(found)
}

fn time(bytes: &[u8], show: fn(Timestamp) -> String) -> Result<Value, Malformed> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let seconds = inner(bytes, 1)?.map_or(Ok(0), |wire| wire.integer())?;
    let nanos = inner(bytes, 2)?.map_or(Ok(0), |wire| wire.integer())?;
    let nanos = i32::try_from(nanos).map_err(|_| Malformed("a time has too many nanoseconds"))?;
    let at = Timestamp::new(seconds, nanos).map_err(|_| Malformed("a time lies beyond all calendars"))?;
    Ok(show(at).into())
}

/// The value of a field, as far as it can be told without a schema.
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed(_) => Err(Malformed("a number stands where there should be none")),
        }
    }

    fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a string is not UTF-8"))
    }

    /// Negative ones are sent with all their bits.
    fn integer(self) -> Result<i64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number.cast_signed()),
            Self::Fixed(_) | Self::Bytes(_) => {
                Err(Malformed("something else stands where a number should be"))
            }
        }
    }

    fn fixed(self) -> Result<u64, Malformed> {
        match self {
            Self::Fixed(bits) => Ok(bits),
            Self::Varint(_) | Self::Bytes(_) => {
                Err(Malformed("something else stands where a number should be"))
            }
        }
    }
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

const CUT_OFF: Malformed = Malformed("unexpected EOF");

impl<'a> Reader<'a> {
    /// The next field.
    fn field(&mut self) -> Result<Option<(u64, Wire<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let (bits, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
                self.0 = rest;
                Wire::Fixed(u64::from_le_bytes(*bits))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT_OFF)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            _ => return Err(Malformed("illegal wireType")),
        };
        Ok(Some((tag >> 3, wire)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(CUT_OFF)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("integer overflow"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let byte = u8::try_from(number & 0x7f).unwrap();
            number >>= 7;
            if number == 0 {
                bytes.push(byte);
                return bytes;
            }
            bytes.push(byte | 0x80);
        }
    }

    fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
        let value = value.as_ref();
        [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
    }

    fn sent(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let kind = [bytes(1, api_version), bytes(2, kind)].concat();
        [
            MAGIC.to_vec(),
            bytes(1, kind),
            bytes(2, raw),
            bytes(3, ""),
            bytes(4, ""),
        ]
        .concat()
    }

    fn read(api_version: &str, kind: &str, raw: &[u8]) -> Result<Value, Malformed> {
        let schema = Schema::builtin(36, api_version, kind).unwrap();
        Envelope::read(&sent(api_version, kind, raw))?.object(&schema)
    }

    #[test]
    fn an_object_is_what_json_would_have_said() {
        let metadata = [
            bytes(1, "web"),
            bytes(2, ""),
            bytes(8, [number(1, 1_700_000_000), number(2, 0)].concat()),
            bytes(11, [bytes(1, "app"), bytes(2, "web")].concat()),
        ]
        .concat();
        let limits = [bytes(1, "cpu"), bytes(2, bytes(1, "100m"))].concat();
        let container = [
            bytes(1, "c"),
            bytes(2, "image"),
            bytes(8, bytes(1, limits)),
            bytes(
                10,
                bytes(
                    1,
                    bytes(
                        2,
                        [
                            bytes(1, "/"),
                            bytes(2, [number(1, 1), number(2, 0), bytes(3, "http")].concat()),
                        ]
                        .concat(),
                    ),
                ),
            ),
        ]
        .concat();
        let volume = [bytes(1, "v"), bytes(2, bytes(2, ""))].concat();
        let spec = [
            bytes(1, volume),
            bytes(2, container),
            bytes(3, "Never"),
            number(4, 0),
        ]
        .concat();
        let pod = [bytes(1, metadata), bytes(2, spec), bytes(3, "")].concat();
        assert_eq!(
            read("v1", "Pod", &pod),
            Ok(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": "web", "creationTimestamp": "2023-11-14T22:13:20Z", "labels": {"app": "web"},
                },
                "spec": {
                    "volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{
                        "name": "c", "image": "image", "resources": {"limits": {"cpu": "100m"}},
                        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
                    }],
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 0,
                },
            }))
        );
    }

    #[test]
    fn bytes_are_base64_and_lists_in_maps_have_a_message_around_them() {
        let secret = bytes(2, [bytes(1, "k"), bytes(2, [0, 1, 2])].concat());
        assert_eq!(
            read("v1", "Secret", &secret).unwrap()["data"],
            json!({"k": "AAEC"})
        );
        let extra = [bytes(1, "k"), bytes(2, [bytes(1, "a"), bytes(1, "b")].concat())].concat();
        let review = bytes(2, bytes(5, extra));
        assert_eq!(
            read("authorization.k8s.io/v1", "SubjectAccessReview", &review).unwrap()["spec"]["extra"],
            json!({"k": ["a", "b"]})
        );
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = sent("v1", "Pod", &bytes(1, bytes(1, "web")));
        assert_eq!(Envelope::read(&whole[..whole.len() - 5]), Err(CUT_OFF));
        assert_eq!(
            Envelope::read(b"{}"),
            Err(Malformed(
                "provided data does not appear to be a protobuf message"
            ))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("v1", "Pod", &raw);
            let _ = read("apps/v1", "Deployment", &bytes(2, bytes(3, &raw)));
            let _ = Envelope::read(&raw);
            let _ = Envelope::read(&[MAGIC, &raw].concat());
        }
    }
}
