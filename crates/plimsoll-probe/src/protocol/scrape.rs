//! What exporters answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A series that was seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// By which number later lines know it.
    pub series: u32,
    /// The target it is from, counted from 0.
    pub target: u32,
    /// The metric's name.
    pub name: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// One visit to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scraped {
    /// The target, counted from 0.
    pub target: u32,
    /// Which round of visits this is, counted from 0.
    pub round: u64,
    /// When it began, by the wall clock.
    pub at_unix_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The size of the answer, as far as it was read.
    #[serde(default)]
    pub bytes: u64,
    /// Samples of the answer, also those that were not kept.
    #[serde(default)]
    pub samples: u64,
    /// Lines of the answer that are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub malformed_lines: u64,
    /// Series that came more than once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// Samples that were wanted, and left out because there are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// The samples that were wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(u32, Value)>,
    /// Why there is no answer, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Why there is no answer, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// In words.
    pub text: String,
}

/// What kind of problem an exporter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Nobody is reached there in time.
    Unreached,
    /// Nobody listens there.
    Refused,
    /// The connection stands, and no whole answer came in time.
    Silent,
    /// What came is no answer of HTTP, or not a good one.
    NotHttp,
    /// The answer is larger than anybody should have to read.
    TooLarge,
    /// Something of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A sample's value, which may be no number: JSON has no way to write those.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value(pub f64);

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or a text such as NaN")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                text.parse().map(Value).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_numbers_survive_the_way_there_and_back() {
        for value in [0.5, 0.0, -1.0, 9_223_372_036_854_775_794.0, f64::INFINITY] {
            let text = serde_json::to_string(&Value(value)).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap().0, value, "{text}");
        }
        let nan: Value = serde_json::from_str(&serde_json::to_string(&Value(f64::NAN)).unwrap()).unwrap();
        assert!(nan.0.is_nan());
        assert!(serde_json::from_str::<Value>("\"much\"").is_err());
    }
}
