//! Test artifacts: the three files whose contents the programme's validator judges.
//!
//! They may be large and are read as a stream; what is kept is one outcome per test.

mod go_events;
mod junit;
mod log;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// The longest line that the validator reads.
const MAX_LINE: usize = 16 << 20;
/// More results than any suite has; a file with more is not kept in memory.
const MAX_RESULTS: usize = 400_000;

/// The format of an artifact, which its base name alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// `junit.xml`
    Junit,
    /// `results.json`: lines of `go test -json`.
    GoEvents,
    /// `e2e.log`: lines of `go test -v`.
    Log,
}

impl ArtifactKind {
    /// The format that a file of this name has to have; none if it is no artifact.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "junit.xml" => Some(Self::Junit),
            "results.json" => Some(Self::GoEvents),
            "e2e.log" => Some(Self::Log),
            _ => None,
        }
    }
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
}

/// What an artifact records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// The last outcome of each test; a failure stays.
    pub tests: BTreeMap<String, TestOutcome>,
    /// Packages that failed although no test did.
    pub failed_packages: Vec<String>,
    /// The first line with a failure, where the format has lines.
    pub first_failure: Option<usize>,
    /// What the log says of the ground it was made on, if that was Plimsoll's own.
    pub mark: Option<String>,
    /// The line in which a Go program panicked, if the log shows one.
    pub panic: Option<usize>,
}

/// An artifact can't be parsed, or holds no results.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ArtifactError {
    /// What is wrong.
    pub reason: String,
    /// The line, where one is to blame.
    pub line: Option<usize>,
}

impl ArtifactError {
    fn new(reason: impl Into<String>, line: Option<usize>) -> Self {
        Self {
            reason: reason.into(),
            line,
        }
    }
}

impl From<io::Error> for ArtifactError {
    fn from(error: io::Error) -> Self {
        Self::new(format!("can't be read: {error}"), None)
    }
}

impl Artifact {
    /// Reads a file as an artifact of this kind. Symbolic links are followed, but nothing is read that could
    /// block or never end.
    ///
    /// # Errors
    /// When it can't be parsed or holds no results.
    pub fn read(path: &Path, kind: ArtifactKind) -> Result<Self, ArtifactError> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(ArtifactError::new("is no regular file", None));
        }
        let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
        Self::parse(&mut input, kind)
    }

    /// Parses an artifact of this kind.
    ///
    /// # Errors
    /// When it can't be parsed or holds no results.
    pub fn parse(input: &mut dyn BufRead, kind: ArtifactKind) -> Result<Self, ArtifactError> {
        let artifact = match kind {
            ArtifactKind::Junit => junit::parse(input)?,
            ArtifactKind::GoEvents => go_events::parse(input)?,
            ArtifactKind::Log => log::parse(input)?,
        };
        if artifact.tests.is_empty() && artifact.failed_packages.is_empty() {
            return Err(ArtifactError::new("holds no test results", None));
        }
        Ok(artifact)
    }

    /// How a test came out. If its name is not recorded, its subtests stand for it.
    #[must_use]
    pub fn outcome(&self, test: &str) -> Option<TestOutcome> {
        if let Some(outcome) = self.tests.get(test) {
            return Some(*outcome);
        }
        let parent = format!("{test}/");
        let mut whole = None;
        for (_, outcome) in self
            .tests
            .range(parent.clone()..)
            .take_while(|(name, _)| name.starts_with(&parent))
        {
            whole = Some(match (whole, outcome) {
                (Some(TestOutcome::Failed), _) | (_, TestOutcome::Failed) => TestOutcome::Failed,
                (None | Some(TestOutcome::Skipped), TestOutcome::Skipped) => TestOutcome::Skipped,
                (_, TestOutcome::Passed | TestOutcome::Skipped) => TestOutcome::Passed,
            });
        }
        whole
    }

    /// The names of all that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        let tests = self
            .tests
            .iter()
            .filter(|(_, outcome)| **outcome == TestOutcome::Failed);
        let packages = self.failed_packages.iter().map(|name| format!("package {name}"));
        tests.map(|(name, _)| name.clone()).chain(packages).collect()
    }

    fn record(
        &mut self,
        test: String,
        outcome: TestOutcome,
        line: Option<usize>,
    ) -> Result<(), ArtifactError> {
        if outcome == TestOutcome::Failed && self.first_failure.is_none() {
            self.first_failure = line;
        }
        if self.tests.len() >= MAX_RESULTS {
            return Err(ArtifactError::new(
                format!("holds more than {MAX_RESULTS} test results"),
                line,
            ));
        }
        self.tests
            .entry(test)
            .and_modify(|known| {
                if *known != TestOutcome::Failed {
                    *known = outcome;
                }
            })
            .or_insert(outcome);
        Ok(())
    }
}

/// Calls `each` with every line and its number; bytes that are no text are replaced.
fn lines(
    input: &mut dyn BufRead,
    mut each: impl FnMut(usize, &str) -> Result<(), ArtifactError>,
) -> Result<(), ArtifactError> {
    let mut buffer = Vec::new();
    let mut number = 0;
    loop {
        buffer.clear();
        number += 1;
        // One more than allowed tells a line of just that length from a longer one.
        let mut limited = io::Read::take(&mut *input, MAX_LINE as u64 + 1);
        if limited.read_until(b'\n', &mut buffer)? == 0 {
            return Ok(());
        }
        if buffer.len() > MAX_LINE {
            return Err(ArtifactError::new("has a line longer than 16 MiB", Some(number)));
        }
        let line = String::from_utf8_lossy(&buffer);
        each(number, line.trim_end_matches(['\n', '\r']))?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(kind: ArtifactKind, text: &str) -> Result<Artifact, ArtifactError> {
        Artifact::parse(&mut text.as_bytes(), kind)
    }

    #[test]
    fn an_artifact_is_one_by_its_name_without_case() {
        assert_eq!(ArtifactKind::of("JUnit.XML"), Some(ArtifactKind::Junit));
        assert_eq!(ArtifactKind::of("junit_01.xml"), None);
    }

    #[test]
    fn a_failure_stays_and_otherwise_the_last_outcome_counts() {
        let log = "--- PASS: A (0s)\n--- SKIP: A\n--- FAIL: B\n  --- PASS: B (1s)\n";
        let artifact = parse(ArtifactKind::Log, log).unwrap();
        assert_eq!(artifact.outcome("A"), Some(TestOutcome::Skipped));
        assert_eq!(artifact.outcome("B"), Some(TestOutcome::Failed));
        assert_eq!(
            (artifact.failed(), artifact.first_failure),
            (vec!["B".to_owned()], Some(3))
        );
    }

    #[test]
    fn subtests_stand_for_a_test_that_is_not_recorded_itself() {
        let log = "--- SKIP: A/1\n--- SKIP: A/2\n--- PASS: B/1\n--- SKIP: B/2\n--- FAIL: C/1\n--- PASS: C/2\n--- PASS: A0/1\n";
        let artifact = parse(ArtifactKind::Log, log).unwrap();
        let outcome = |test| artifact.outcome(test);
        assert_eq!(outcome("A"), Some(TestOutcome::Skipped));
        assert_eq!(outcome("B"), Some(TestOutcome::Passed));
        assert_eq!(outcome("C"), Some(TestOutcome::Failed));
        assert_eq!(outcome("D"), None);
    }

    #[test]
    fn go_events_count_tests_and_packages_that_fail_alone() {
        let line =
            |action: &str, test: &str| format!("{{\"Action\":\"{action}\",\"Package\":\"p\"{test}}}\n");
        let alone = line("pass", ",\"Test\":\"A\"") + "\n" + &line("fail", "");
        assert_eq!(
            parse(ArtifactKind::GoEvents, &alone).unwrap().failed(),
            ["package p"]
        );
        let with_test = line("fail", ",\"test\":\"A\"") + &line("fail", "");
        assert_eq!(parse(ArtifactKind::GoEvents, &with_test).unwrap().failed(), ["A"]);
        let error = parse(ArtifactKind::GoEvents, &(line("run", "") + "[]\n")).unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(parse(ArtifactKind::GoEvents, &line("run", ",\"Test\":\"A\"")).is_err());
    }

    #[test]
    fn junit_is_read_below_any_root() {
        let xml = "<?xml version='1.0'?><!-- c --><r><testsuite><testsuite>\
            <testcase name='A &amp; B'/><testcase name=\"C\"><skipped/></testcase></testsuite>\
            <testcase name='D'><error/><skipped/></testcase></testsuite><properties><testcase name='no'/></properties></r>";
        let artifact = parse(ArtifactKind::Junit, xml).unwrap();
        let names: Vec<_> = artifact
            .tests
            .iter()
            .map(|(name, outcome)| (name.as_str(), *outcome))
            .collect();
        assert_eq!(
            names,
            [
                ("A & B", TestOutcome::Passed),
                ("C", TestOutcome::Skipped),
                ("D", TestOutcome::Failed)
            ]
        );
    }

    #[test]
    fn what_is_no_junit_is_refused() {
        for xml in [
            "",
            "not xml",
            "<a><testcase name='x'/>",
            "<a><testcase name='x'></a></testcase>",
            "<a><testcase name='&self;'/></a>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a><testcase name='x'>&e;</testcase></a>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a><testcase name='x'/></a>",
            "<a><testcase name=x/></a>",
            "<a><testcase name='x'>\u{1}</testcase></a>",
            "<a/>",
        ] {
            assert!(parse(ArtifactKind::Junit, xml).is_err(), "{xml}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "[<>&;/a-c=\"' \n{}:!\\-\\[\\]]{0,80}|.{0,80}") {
            for kind in [ArtifactKind::Junit, ArtifactKind::GoEvents, ArtifactKind::Log] {
                let _ = parse(kind, &text);
                let _ = parse(kind, &format!("<r><testcase name='x'>{text}</testcase></r>"));
            }
        }
    }
}
