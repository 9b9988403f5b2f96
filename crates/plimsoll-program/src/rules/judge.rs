//! One product directory on trial: the rules that end a file at once, then the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Finding, Generation, Product, Reach, Severity, Validator, Verdict, catalogue, checklists::Official,
    path::Location, shown::quoted, validator::Unread,
};
use crate::{
    artifact::{Artifact, ArtifactError},
    checklist::Place,
    submission::{Broken, BrokenKind, Submission, decode},
};

/// What is known of a product while it is judged.
pub(super) struct Judge<'a> {
    pub(super) validator: &'a Validator,
    pub(super) product: &'a Product,
    pub(super) location: Location,
    pub(super) findings: Vec<Finding>,
    undecided: BTreeSet<&'static str>,
    /// The artifacts that were read, by their path in the product directory.
    pub(super) artifacts: BTreeMap<String, Result<Artifact, ArtifactError>>,
    /// Every file that an evidence entry names.
    pub(super) named: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(validator: &'a Validator, product: &'a Product) -> Self {
        let location = Location {
            version: String::new(),
            prefix: String::new(),
            directory: product.directory.clone(),
        };
        Self {
            validator,
            product,
            location,
            findings: Vec::new(),
            undecided: BTreeSet::new(),
            artifacts: BTreeMap::new(),
            named: BTreeSet::new(),
        }
    }

    pub(super) fn judge(mut self, read: Result<Vec<u8>, Unread>) -> Verdict {
        if self.validator.members.is_none() {
            self.undecided.extend(["R01", "R15"]);
        }
        let text = self.file(read);
        let rank = |finding: &Finding| {
            (
                finding.severity,
                finding.file.clone(),
                finding.place,
                finding.rule,
            )
        };
        self.findings.sort_by_cached_key(rank);
        Verdict {
            path: self.product.path.clone(),
            findings: self.findings,
            undecided: self.undecided.into_iter().collect(),
            text,
        }
    }

    /// R02 to R06, each of which ends the file; then the rest. Gives the text.
    fn file(&mut self, read: Result<Vec<u8>, Unread>) -> String {
        let Some(location) = Location::of(&self.product.directory) else {
            self.error("R02", "", "the path has no directory `v<major>.<minor>`", FILE);
            return String::new();
        };
        self.location = location;
        let version = self.location.version.clone();
        let Some(official) = self.validator.checklists.get(&version) else {
            self.error(
                "R03",
                "",
                format!("there is no checklist `AIConformance-{version}.yaml`"),
                FILE,
            );
            return String::new();
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(unread) => {
                let why = match unread {
                    Unread::Io(error) => format!("can't be read: {error}"),
                    Unread::NotRegular => "is no regular file".to_owned(),
                    Unread::TooLarge(bytes) => {
                        format!(
                            "is not read: it has {bytes} bytes, and more than {} are none of a checklist's",
                            crate::yaml::MAX_BYTES
                        )
                    }
                };
                self.error("R04", "", format!("the file {why}"), FILE);
                return String::new();
            }
        };
        let (text, document) = crate::yaml::read(&bytes);
        match document {
            Err(fault) => self.error("R04", "", format!("the file {}", fault.message), fault.place),
            Ok(document) => match decode(&document) {
                Ok(submission) => self.submission(&text, &submission, &official),
                Err(broken) => broken.into_iter().for_each(|broken| self.broken(broken)),
            },
        }
        text
    }

    fn broken(&mut self, broken: Broken) {
        let Broken { kind, place, message } = broken;
        let rule = match kind {
            BrokenKind::Yaml => "R04",
            BrokenKind::DuplicateKey => "R05",
            BrokenKind::WrongKind => "R06",
        };
        let message = match kind {
            BrokenKind::Yaml | BrokenKind::DuplicateKey => format!("the file {message}"),
            BrokenKind::WrongKind => message,
        };
        self.error(rule, "", super::shown::harmless(&message), place);
    }

    fn submission(&mut self, text: &str, submission: &Submission, official: &Official) {
        self.metadata(submission);
        self.claims(submission, official);
        self.advice(text, submission, official);
    }

    /// Whether the generation of autumn 2026 is asked for.
    pub(super) fn is_current(&self) -> bool {
        self.validator.generation == Generation::Current
    }

    /// Whether a link can be reached, for the rule that asks; what nobody may ask stays undecided.
    pub(super) fn unreachable(&mut self, rule: &'static str, id: &str, url: &str, place: Place) {
        let Some(links) = &self.validator.links else {
            self.undecided.insert(rule);
            return;
        };
        match links.reach(url) {
            Reach::Reachable => {}
            Reach::Unreachable(why) => {
                self.error(
                    rule,
                    id,
                    format!("{} can't be reached: {why}", quoted(url)),
                    place,
                );
            }
            Reach::NotAsked(why) => {
                self.undecided.insert(rule);
                self.note(
                    rule,
                    id,
                    format!("not decided: {} was not asked: {why}", quoted(url)),
                    place,
                );
            }
        }
    }

    pub(super) fn error(&mut self, rule: &'static str, id: &str, message: impl Into<String>, place: Place) {
        self.find(rule, Severity::Error, id, message.into(), place);
    }

    pub(super) fn warning(&mut self, rule: &'static str, id: &str, message: impl Into<String>, place: Place) {
        self.find(rule, Severity::Warning, id, message.into(), place);
    }

    pub(super) fn note(&mut self, rule: &'static str, id: &str, message: impl Into<String>, place: Place) {
        self.find(rule, Severity::Note, id, message.into(), place);
    }

    fn find(&mut self, rule: &'static str, severity: Severity, id: &str, message: String, place: Place) {
        let file = self.product.shown_file.clone();
        self.push(rule, severity, id, message, file, place);
    }

    /// A finding in another file of the product, at a line of it.
    pub(super) fn find_in(
        &mut self,
        rule: &'static str,
        severity: Severity,
        file: &str,
        message: String,
        line: Option<usize>,
    ) {
        let place = Place {
            line: line.unwrap_or(1),
            ..FILE
        };
        let path = format!("{}/{file}", self.product.shown_directory);
        self.push(rule, severity, file, message, path, place);
    }

    fn push(
        &mut self,
        rule: &'static str,
        severity: Severity,
        id: &str,
        message: String,
        file: String,
        place: Place,
    ) {
        let help = catalogue::fix(rule).to_owned();
        self.findings.push(Finding {
            rule,
            severity,
            id: id.to_owned(),
            message,
            help,
            file,
            place,
        });
    }
}

/// The file as a whole.
pub(super) const FILE: Place = Place {
    line: 1,
    column: 1,
    offset: 0,
    length: 0,
};
