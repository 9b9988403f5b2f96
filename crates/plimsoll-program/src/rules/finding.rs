//! What a validation says.

use std::fmt;

use crate::checklist::Place;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The submission is invalid.
    Error,
    /// The programme's validator prints it, but accepts the submission.
    Warning,
    /// Advice of ours; the programme's validator says nothing of it.
    Note,
}

impl Severity {
    /// As the machine formats spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's number.
    pub rule: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The metadata field, category, requirement or artifact it is about; empty for the file as a whole.
    pub id: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The file it is in, as the path was given.
    pub file: String,
    /// Where in the file.
    pub place: Place,
}

/// What is said of one product directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The path, as it was given.
    pub path: String,
    /// Errors first, then warnings and notes, each in the order of the file.
    pub findings: Vec<Finding>,
    /// Rules that were not decided, for want of a network or a list.
    pub undecided: Vec<&'static str>,
    /// The text of `PRODUCT.yaml`, which places point into.
    pub text: String,
}

impl Verdict {
    /// Rule R36: whether no finding is an error.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// Adds advice that rests on more than this crate sees, such as a signature; it never decides.
    pub fn advise(&mut self, rule: &'static str, file: &str, message: String) {
        let place = Place {
            line: 1,
            column: 1,
            offset: 0,
            length: 0,
        };
        let file = format!("{}/{file}", self.path.trim_end_matches("/PRODUCT.yaml"));
        let help = super::catalogue::fix(rule).to_owned();
        let message = super::shown::harmless(&message);
        let severity = Severity::Note;
        self.findings.push(Finding {
            rule,
            severity,
            id: String::new(),
            message,
            help,
            file,
            place,
        });
    }

    /// How many findings are of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}
