//! What is said: an in-toto statement with a test result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The type of an in-toto statement.
pub(crate) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of its predicate.
pub(crate) const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// An in-toto statement: what came out, and over which files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    pub(crate) kind: String,
    pub(crate) subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub(crate) predicate_type: String,
    /// What came out.
    pub predicate: TestResult,
}

/// A file and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) digest: Digest,
}

/// The digest of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// The predicate: the result of tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// The result of all.
    pub result: Outcome,
    /// What was tested with what.
    pub configuration: Vec<Configuration>,
    /// Those that passed.
    pub passed_tests: Vec<String>,
    /// Those that neither passed nor failed.
    pub warned_tests: Vec<String>,
    /// Those that failed.
    pub failed_tests: Vec<String>,
}

/// How tests came out. There is no `WARNED`: what could not be decided is not a pass with a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// Everything that decides passed.
    Passed,
    /// Something did not.
    Failed,
}

/// Something that the tests were made with: a resource descriptor of in-toto.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Its name.
    pub name: String,
    /// Where it is from; empty where its digest says which it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uri: String,
    /// The digest of the file that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What else is to be known of it.
    pub annotations: BTreeMap<String, String>,
}

impl Statement {
    /// A statement on files and their SHA-256 digests.
    #[must_use]
    pub fn new(predicate: TestResult, digests: BTreeMap<String, String>) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: digests
                .into_iter()
                .map(|(name, sha256)| Subject {
                    name,
                    digest: Digest { sha256 },
                })
                .collect(),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// The files and their SHA-256 digests.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<&str, &str> {
        self.subject
            .iter()
            .map(|subject| (subject.name.as_str(), subject.digest.sha256.as_str()))
            .collect()
    }

    /// Whether it is of the kind that is written here.
    pub(crate) fn is_of_a_test_result(&self) -> bool {
        self.kind == STATEMENT_TYPE && self.predicate_type == PREDICATE_TYPE
    }
}
