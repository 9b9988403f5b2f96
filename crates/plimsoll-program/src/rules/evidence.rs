//! R24 to R35: evidence, and what artifacts say.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Severity,
    checklists::OfficialRequirement,
    judge::Judge,
    path::{Local, local},
    shown::quoted,
};
use crate::{
    artifact::{Artifact, ArtifactKind, TestOutcome},
    checklist::Status,
    submission::{Claim, Value},
};

/// The tests that the validator looks for in artifacts by itself.
pub(super) const MAPPED_TESTS: [(&str, &str); 3] = [
    ("secure_accelerator_access", "TestSecureAcceleratorAccess"),
    ("gang_scheduling", "TestGangScheduling"),
    ("cluster_autoscaling", "TestAcceleratorClusterAutoscaling"),
];

/// From this minor version on, artifacts are recommended.
const ARTIFACTS_FROM: u32 = 37;

/// The test that is looked for as evidence of a requirement.
pub(super) fn mapped_test(id: &str) -> Option<&'static str> {
    MAPPED_TESTS
        .iter()
        .find(|(requirement, _)| *requirement == id)
        .map(|(_, test)| *test)
}

/// How a path answers a look.
pub(super) enum Look {
    Absent,
    There(PathBuf),
    /// The look failed for another reason; the validator takes that for existing.
    Obstructed(PathBuf, io::Error),
}

pub(super) fn look(path: PathBuf) -> Look {
    match std::fs::metadata(&path) {
        Ok(_) => Look::There(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Absent,
        Err(error) => Look::Obstructed(path, error),
    }
}

impl Judge<'_> {
    pub(super) fn evidence(&mut self, requirement: &OfficialRequirement, claim: &Claim, status: &Status) {
        let id = &requirement.id;
        let mut has_artifact = false;
        for entry in claim.evidence.iter().filter(|entry| !entry.text.is_empty()) {
            if entry.text.starts_with("http://") || entry.text.starts_with("https://") {
                self.unreachable("R25", id, &entry.text, entry.place);
            } else if self.is_current() {
                has_artifact |= self.local_entry(id, entry, status);
            } else {
                self.plain_entry(id, entry);
            }
        }
        if self.is_current()
            && !has_artifact
            && *status == Status::Implemented
            && self.recommends_artifacts()
            && let Some(test) = mapped_test(id)
        {
            let message =
                format!("no test artifact shows `{test}`: they are recommended from v1.{ARTIFACTS_FROM} on");
            self.warning("R35", id, message, claim.place);
        }
    }

    fn recommends_artifacts(&self) -> bool {
        let mut parts = self
            .location
            .version
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
        let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        major > 1 || (major == 1 && minor >= ARTIFACTS_FROM)
    }

    /// June 2026: the entry as it is, below the product directory.
    fn plain_entry(&mut self, id: &str, entry: &Value) {
        let joined = format!("{}/{}", self.location.directory.display(), entry.text);
        if let Look::Absent = look(super::path::cleaned(Path::new(&joined))) {
            self.error(
                "R29",
                id,
                format!("{} does not exist", quoted(&entry.text)),
                entry.place,
            );
        }
    }

    /// Whether the entry is an existing artifact.
    fn local_entry(&mut self, id: &str, entry: &Value, status: &Status) -> bool {
        let (leads, fragment) = local(&entry.text, &self.location);
        let shown = quoted(&entry.text);
        let file = match leads {
            Local::Nothing => {
                self.error("R26", id, format!("{shown} names no file"), entry.place);
                return false;
            }
            Local::OtherProduct => {
                self.error(
                    "R27",
                    id,
                    format!("{shown} is a file of another product"),
                    entry.place,
                );
                return false;
            }
            Local::Outside => {
                self.error(
                    "R28",
                    id,
                    format!("{shown} leaves the product's directory"),
                    entry.place,
                );
                return false;
            }
            Local::File(file) => file,
        };
        let path = match look(self.location.directory.join(&file)) {
            Look::Absent => {
                self.error("R29", id, format!("{shown} does not exist"), entry.place);
                return false;
            }
            Look::There(path) => path,
            Look::Obstructed(path, error) => {
                let message =
                    format!("{shown} can't be looked at ({error}), which the validator takes for existing");
                self.note("N17", id, message, entry.place);
                path
            }
        };
        self.named.insert(file.clone());
        let name = Path::new(&file)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let Some(kind) = name.as_deref().and_then(ArtifactKind::of) else {
            return false;
        };
        self.open(&file, &path, kind);
        let test = fragment.as_deref().or_else(|| mapped_test(id));
        if let (Some(Ok(artifact)), Some(test)) = (self.artifacts.get(&file), test) {
            let outcome = artifact.outcome(test);
            self.outcome(id, entry, status, test, outcome);
        }
        true
    }

    /// Reads an artifact at its first reference and reports what is wrong with all of it.
    pub(super) fn open(&mut self, file: &str, path: &Path, kind: ArtifactKind) {
        if self.artifacts.contains_key(file) {
            return;
        }
        let read = Artifact::read(path, kind);
        match &read {
            Err(error) => {
                let message = format!("the test artifact {}", super::shown::harmless(&error.reason));
                self.find_in("R30", Severity::Error, file, message, error.line);
            }
            Ok(artifact) => {
                let failed = artifact.failed();
                if !failed.is_empty() {
                    let message = format!("the test artifact records failures: {}", listed(&failed));
                    self.find_in("R31", Severity::Error, file, message, artifact.first_failure);
                }
            }
        }
        self.artifacts.insert(file.to_owned(), read);
    }

    fn outcome(
        &mut self,
        id: &str,
        entry: &Value,
        status: &Status,
        test: &str,
        outcome: Option<TestOutcome>,
    ) {
        let (test, file) = (quoted(test), quoted(&entry.text));
        match outcome {
            None => self.error("R32", id, format!("{file} has no result of {test}"), entry.place),
            Some(TestOutcome::Failed) => {
                self.error("R33", id, format!("{test} failed, says {file}"), entry.place);
            }
            Some(TestOutcome::Skipped) if *status == Status::Implemented => {
                self.error("R34", id, format!("{test} was skipped, says {file}"), entry.place);
            }
            Some(TestOutcome::Skipped | TestOutcome::Passed) => {}
        }
    }
}

/// The first few of many names.
pub(super) fn listed(names: &[String]) -> String {
    const FEW: usize = 5;
    let mut shown: Vec<String> = names.iter().take(FEW).map(|name| quoted(name)).collect();
    if names.len() > FEW {
        shown.push(format!("and {} more", names.len() - FEW));
    }
    shown.join(", ")
}
