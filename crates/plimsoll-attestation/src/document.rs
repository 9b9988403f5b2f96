//! A verification for programs: `plimsoll verify --format json`.
//!
//! The types here are the published format, apart from the ones used inside. Fields are added, never renamed or removed.
//! `schemas/verification.v1.schema.json` is their JSON Schema; a test compares.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{Fault, Signature, Verification};

/// The id of the format's JSON Schema.
pub const VERIFICATION_SCHEMA: &str = "https://plimsoll.dev/schemas/verification/v1";

/// The JSON Schema of [`VerificationDocument`].
#[must_use]
pub fn verification_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<VerificationDocument>();
    schema.insert("$id".to_owned(), VERIFICATION_SCHEMA.into());
    schema.to_value()
}

/// Whether a directory is what it was when it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerificationDocument {
    /// Whether everything is as it was.
    pub holds: bool,
    /// Who stands for it.
    pub signature: SignatureEntry,
    /// The id of the key that signed; null without one.
    pub key: Option<String>,
    /// What is not as it was, by file.
    pub faults: Vec<FaultEntry>,
    /// The records that it was made from, where they don't lie in the directory themselves.
    pub records: Vec<RecordEntry>,
}

/// `none`: nobody signed; `trusted`: the holder of the key that was asked for; `unknown`: the holder of the key that lies
/// in the directory; `broken`: the signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the type says it of each")]
pub enum SignatureEntry {
    None,
    Trusted,
    Unknown,
    Broken,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FaultEntry {
    /// The file, below the directory.
    pub file: String,
    /// What is wrong with it, in words.
    pub problem: String,
}

/// A record that lies elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordEntry {
    /// The run's id.
    pub run: String,
    /// The SHA-256 of its `record.jsonl`.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

impl VerificationDocument {
    /// The verification as it is published, with these faults.
    #[must_use]
    pub fn of(verification: &Verification, faults: Vec<FaultEntry>) -> Self {
        let (signature, key) = match &verification.signature {
            Signature::None => (SignatureEntry::None, None),
            Signature::By { key } => (SignatureEntry::Trusted, Some(key.clone())),
            Signature::BySomebody { key } => (SignatureEntry::Unknown, Some(key.clone())),
            Signature::Broken => (SignatureEntry::Broken, None),
        };
        Self {
            holds: faults.is_empty(),
            signature,
            key,
            faults,
            records: records(verification),
        }
    }
}

/// The records that the statement names.
#[must_use]
pub fn records(verification: &Verification) -> Vec<RecordEntry> {
    let named = verification
        .statement
        .iter()
        .flat_map(|statement| &statement.predicate.configuration);
    named
        .filter_map(|used| {
            Some(RecordEntry {
                run: used.annotations.get("run")?.clone(),
                sha256: used.digest.as_ref()?.sha256.clone(),
            })
        })
        .collect()
}

impl From<&Fault> for FaultEntry {
    fn from(fault: &Fault) -> Self {
        Self {
            file: fault.file.clone(),
            problem: fault.what.to_string(),
        }
    }
}
