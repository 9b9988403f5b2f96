//! A run as the test result of an attestation.

use std::collections::BTreeMap;

use plimsoll_attestation::{Configuration, Outcome, TestResult};
use plimsoll_record::Verdict;

use crate::{ExitCode, RecordedRun, exit_code, mark::mark};

/// What came out, for whoever signs it.
///
/// What could not be decided is neither among the passed nor among the failed tests, but the result of all is then `FAILED`:
/// nothing is passed for want of data.
#[must_use]
pub fn test_result(run: &RecordedRun) -> TestResult {
    let of = |verdict| -> Vec<String> {
        run.checks
            .iter()
            .filter(|check| check.verdict() == verdict)
            .map(|check| check.id.to_string())
            .collect()
    };
    let facts = &run.facts;
    let mut annotations = BTreeMap::from([
        ("plimsoll".to_owned(), facts.plimsoll.clone()),
        ("run".to_owned(), facts.run.clone()),
        ("programme".to_owned(), facts.programme.to_string()),
        ("kubernetes".to_owned(), facts.platform.kubernetes.clone()),
    ]);
    if let Some(mark) = mark(facts.platform.kind) {
        annotations.insert("mark".to_owned(), format!("{}: {}", mark.word, mark.meaning));
    }
    TestResult {
        result: match exit_code(run) {
            ExitCode::Passed => Outcome::Passed,
            ExitCode::Failed | ExitCode::CannotTell => Outcome::Failed,
        },
        configuration: vec![Configuration {
            name: "plimsoll".to_owned(),
            uri: env!("CARGO_PKG_REPOSITORY").to_owned(),
            digest: None,
            annotations,
        }],
        passed_tests: of(Verdict::Passed),
        warned_tests: of(Verdict::Inconclusive),
        failed_tests: of(Verdict::Failed),
    }
}
