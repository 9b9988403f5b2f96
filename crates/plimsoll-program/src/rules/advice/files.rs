//! Advice on the product's files: artifacts that nobody reads, links that leave the directory, sizes.

use std::{fs, path::Path};

use super::super::{
    Severity,
    evidence::{MAPPED_TESTS, listed, mapped_test},
    judge::Judge,
    path::{Local, local},
    shown::quoted,
};
use crate::{
    artifact::{Artifact, ArtifactKind, TestOutcome},
    checklist::Place,
    submission::{Submission, Value},
};

/// Evidence that is larger is hard to review.
const LARGE: u64 = 10 << 20;
/// What is larger is not looked into for results under a name of its own.
const GLANCE: u64 = 16 << 20;

/// The beginning of the comment line with which `plimsoll submission --sample` marks a file.
pub const SAMPLE: &str = "# SAMPLE: ";

fn sample_mark(text: &str) -> Option<(Place, &str)> {
    let mut offset = 0;
    for (index, line) in text.split('\n').enumerate() {
        if line.starts_with(SAMPLE) {
            let place = Place {
                line: index + 1,
                column: 1,
                offset,
                length: line.len(),
            };
            return Some((place, line));
        }
        offset += line.len() + 1;
    }
    None
}

impl Judge<'_> {
    pub(super) fn advise_on_files(&mut self, submission: &Submission) {
        self.product_file();
        if !self.is_current() {
            return;
        }
        for (_, claim) in submission.claims() {
            for entry in &claim.evidence {
                self.entry(&claim.id.text, entry);
            }
        }
        self.panics();
        self.unnamed_artifacts();
    }

    /// N16: what was made on Plimsoll's own ground says nothing of a product.
    pub(super) fn advise_on_marks(&mut self, text: &str) {
        if let Some((place, line)) = sample_mark(text) {
            self.note("N16", "", format!("this is a sample: {}", quoted(line)), place);
            return;
        }
        let marked: Vec<(String, String)> = self
            .artifacts
            .iter()
            .filter_map(|(file, read)| Some((file.clone(), read.as_ref().ok()?.mark.clone()?)))
            .collect();
        for (file, mark) in marked {
            let message = format!("the log was not made on a product: {}", quoted(&mark));
            self.find_in("N16", Severity::Note, &file, message, Some(2));
        }
    }

    fn product_file(&mut self) {
        if self.leaves(&self.product.file.clone()) {
            let message = "PRODUCT.yaml is a symbolic link out of the product's directory";
            self.note("N13", "", message, super::super::judge::FILE);
        }
    }

    /// Whether a path leads out of the product's directory by way of symbolic links.
    fn leaves(&self, path: &Path) -> bool {
        let home = fs::canonicalize(&self.location.directory);
        match (home, fs::canonicalize(path)) {
            (Ok(home), Ok(path)) => !path.starts_with(home),
            _ => false,
        }
    }

    fn entry(&mut self, id: &str, entry: &Value) {
        let text = entry.text.as_str();
        if text.starts_with("http://") || text.starts_with("https://") || text.is_empty() {
            return;
        }
        let (Local::File(file), fragment) = local(text, &self.location) else {
            return;
        };
        if !self.named.contains(&file) {
            return;
        }
        let path = self.location.directory.join(&file);
        let Ok(facts) = fs::metadata(&path) else { return };
        if self.leaves(&path) {
            let message = format!(
                "{} is a symbolic link out of the product's directory",
                quoted(text)
            );
            self.note("N13", id, message, entry.place);
        }
        if facts.is_dir() {
            self.note(
                "N12",
                id,
                format!("{} is a directory; name the file", quoted(text)),
                entry.place,
            );
        } else if facts.len() > LARGE {
            let size = facts.len() >> 20;
            self.note(
                "N11",
                id,
                format!("{} has {size} MiB; reviewers read it", quoted(text)),
                entry.place,
            );
        }
        let name = Path::new(&file)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        match name.as_deref().and_then(ArtifactKind::of) {
            Some(_) => self.borrowed(id, entry, fragment.as_deref()),
            None if facts.is_file() && facts.len() <= GLANCE => self.misnamed(id, entry, &path),
            None => {}
        }
    }

    /// Q10: the test of another requirement as evidence.
    fn borrowed(&mut self, id: &str, entry: &Value, fragment: Option<&str>) {
        let Some(fragment) = fragment else { return };
        let test = fragment.split('/').next().unwrap_or_default();
        let other = MAPPED_TESTS
            .iter()
            .find(|(other, mapped)| *other != id && *mapped == test);
        if let Some((other, _)) = other {
            let message = format!("{} is the test of `{other}`", quoted(fragment));
            self.note("Q10", id, message, entry.place);
        } else if let (Some(own), true) = (mapped_test(id), mapped_test(id) != Some(test)) {
            let message = format!(
                "{} is not the test that the programme maps to it, `{own}`",
                quoted(fragment)
            );
            self.note("Q10", id, message, entry.place);
        }
    }

    /// P13: results under a name that the validator does not look into.
    fn misnamed(&mut self, id: &str, entry: &Value, path: &Path) {
        let kind = match path.extension().and_then(|ending| ending.to_str()) {
            Some("xml") => ArtifactKind::Junit,
            Some("json" | "jsonl") => ArtifactKind::GoEvents,
            Some("log" | "txt") => ArtifactKind::Log,
            _ => return,
        };
        let Ok(artifact) = Artifact::read(path, kind) else {
            return;
        };
        let failed = artifact.failed();
        let bad = if failed.is_empty() {
            String::new()
        } else {
            format!(", and records failures: {}", listed(&failed))
        };
        let message = format!(
            "{} holds test results under a name that the validator does not look into{bad}",
            quoted(&entry.text)
        );
        self.note("P13", id, message, entry.place);
    }

    /// N19: a log that ends in a panic after its last result.
    fn panics(&mut self) {
        let panics: Vec<(String, usize)> = self
            .artifacts
            .iter()
            .filter_map(|(file, read)| Some((file.clone(), read.as_ref().ok()?.panic?)))
            .collect();
        for (file, line) in panics {
            let message = "the log shows a panic, so tests may be missing from it".to_owned();
            self.find_in("N19", Severity::Note, &file, message, Some(line));
        }
    }

    /// N18: artifacts that no evidence entry names.
    fn unnamed_artifacts(&mut self) {
        let Ok(entries) = fs::read_dir(&self.location.directory) else {
            return;
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| ArtifactKind::of(name).is_some() && !self.named.contains(name))
            .collect();
        names.sort();
        for name in names {
            let path = self.location.directory.join(&name);
            let Some(kind) = ArtifactKind::of(&name) else {
                continue;
            };
            if fs::metadata(&path).is_ok_and(|facts| facts.len() > GLANCE) {
                continue;
            }
            let says = match Artifact::read(&path, kind) {
                Err(error) => format!(", and it {}", super::super::shown::harmless(&error.reason)),
                Ok(artifact) if artifact.failed().is_empty() => {
                    let passed = artifact
                        .tests
                        .values()
                        .filter(|outcome| **outcome == TestOutcome::Passed)
                        .count();
                    format!(" ({passed} tests passed)")
                }
                Ok(artifact) => format!(", and it records failures: {}", listed(&artifact.failed())),
            };
            let message = format!("no evidence entry names this test artifact{says}");
            self.find_in("N18", Severity::Note, &name, message, None);
        }
    }
}
