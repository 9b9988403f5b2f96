//! What the server itself writes into `metadata`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::Seed;

/// A time as the API writes it, in seconds.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as the API writes it, in microseconds.
pub(crate) fn micro_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// A fresh uid.
pub(crate) fn uid(seed: &Seed) -> String {
    let (high, low) = (seed.number(), seed.number());
    let version = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let variant = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        (version >> 16) & 0xffff,
        version & 0xffff,
        variant >> 48,
        variant & 0xffff_ffff_ffff
    )
}

/// Five characters that the real server would append to a `generateName`.
pub(crate) fn suffix(seed: &Seed) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| {
            let index = usize::try_from(seed.below(ALPHABET.len() as u64)).unwrap_or_default();
            char::from(ALPHABET[index])
        })
        .collect()
}

/// An object's `metadata`, which is made where it is missing.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(metadata) => metadata,
        _ => unreachable!("it was made an object just above"),
    }
}

/// A text in an object's `metadata`; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Whether it waits for finalizers.
pub(crate) fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|finalizers| !finalizers.is_empty())
}

/// Whether it is on its way out.
pub(crate) fn is_deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// What a client can't set by an update: it stays as it is.
pub(crate) fn keep(new: &mut Value, old: &Value) {
    const KEPT: &[&str] = &[
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
        "selfLink",
    ];
    let metadata = metadata(new);
    for field in KEPT {
        match old["metadata"].get(*field) {
            Some(value) => {
                metadata.insert((*field).to_owned(), value.clone());
            }
            None => {
                metadata.remove(*field);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_of_version_4_and_follow_from_the_seed() {
        let uid = |seed| super::uid(&Seed::new(seed));
        assert_eq!(uid(7), uid(7));
        assert_ne!(uid(7), uid(8));
        let parts: Vec<String> = uid(7).split('-').map(str::to_owned).collect();
        assert_eq!(
            parts.iter().map(String::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(parts[2].starts_with('4'));
    }

    #[test]
    fn times_are_written_in_whole_seconds() {
        let at: Timestamp = "2026-10-01T08:00:00.123456789Z".parse().unwrap();
        assert_eq!(time(at), "2026-10-01T08:00:00Z");
        assert_eq!(micro_time(at), "2026-10-01T08:00:00.123456Z");
    }
}
