//! What can be wrong with a checklist file, and where.

use std::{fmt, io, path::PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::Place;

/// A checklist could not be loaded.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadError {
    /// The file can't be read.
    #[error("could not read the checklist `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no checklist.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Faulty(#[from] Box<FaultyChecklist>),
}

/// A file that is no checklist, with all that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{file}` is not a checklist: {}", Listed(.faults))]
pub struct FaultyChecklist {
    /// The file's name.
    pub file: String,
    /// Its text, which the faults' spans point into.
    #[source_code]
    pub text: NamedSource<String>,
    /// The faults, in the order of the file; at least one.
    #[related]
    pub faults: Vec<Fault>,
}

/// For where only one line is shown: the first fault in full.
struct Listed<'a>(&'a [Fault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no fault"),
            [only] => only.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{file}:{}:{}: {}{kind}", place.line, place.column, InField(field))]
#[diagnostic(help("{}", kind.help()))]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// Where.
    pub place: Place,
    /// The field, such as `spec.networking[0].level`; empty where it is not known.
    pub field: String,
    /// What is wrong.
    pub kind: FaultKind,
    /// The place once more, as `miette` wants it.
    #[label("here")]
    pub(super) span: SourceSpan,
}

impl Fault {
    pub(super) fn new(file: &str, place: Place, field: impl Into<String>, kind: FaultKind) -> Self {
        let span = SourceSpan::from((place.offset, place.length));
        Self {
            file: file.to_owned(),
            place,
            field: field.into(),
            kind,
            span,
        }
    }
}

struct InField<'a>(&'a str);

impl fmt::Display for InField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, "`{}` ", self.0)
        }
    }
}

/// What is wrong at a place; reads on after the field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The file is not text.
    #[error("is not valid UTF-8")]
    NotText,
    /// The text is not YAML.
    #[error("is not valid YAML: {message}")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// A key stands twice in one mapping.
    #[error("has the key `{key}` twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A value is of the wrong kind.
    #[error("must be {expected}, found {found}")]
    WrongKind {
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A field is absent, null or empty.
    #[error("is missing")]
    Missing,
    /// A level that is none.
    #[error("must be MUST or SHOULD, found `{found}`")]
    UnknownLevel {
        /// What stands there.
        found: String,
    },
    /// An id stands twice.
    #[error("repeats the id `{id}` of line {first}")]
    DuplicateId {
        /// The id.
        id: String,
        /// The line where it stands first.
        first: usize,
    },
}

impl FaultKind {
    fn help(&self) -> &'static str {
        match self {
            Self::NotText => "save the file as UTF-8",
            Self::Syntax { .. } => {
                "YAML is indented with blanks, and text with `: ` or ` #` in it needs quotes"
            }
            Self::DuplicateKey { .. } => "keep one of the two",
            Self::WrongKind { .. } | Self::Missing => {
                "the official checklist of the version shows the shape: docs/AIConformance-<version>.yaml"
            }
            Self::UnknownLevel { .. } => "the level is the official checklist's and must not be changed",
            Self::DuplicateId { .. } => "each requirement stands once, in its own section",
        }
    }
}
