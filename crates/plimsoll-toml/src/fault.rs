//! What can be wrong at a place of a file.

use std::{fmt, ops::Range};

use miette::{Diagnostic, SourceSpan};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("{file}:{line}:{column}: {}{kind}", InField(field))]
#[diagnostic(help("{}", kind.help(hint)))]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The field, such as `nodes[0].count`; empty where the whole file is meant.
    pub field: String,
    /// What is wrong.
    pub kind: FaultKind,
    /// Where the file's keys are described.
    hint: &'static str,
    /// The place once more, as `miette` wants it.
    #[label("here")]
    span: SourceSpan,
}

impl Fault {
    pub(crate) fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        field: String,
        kind: FaultKind,
        hint: &'static str,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            field,
            kind,
            hint,
            span: span.into(),
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.span.offset()
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
    /// The text is not TOML.
    #[error("is not valid TOML: {0}")]
    Syntax(String),
    /// A key that a table doesn't have.
    #[error("is no key here")]
    UnknownKey {
        /// The known one most like it.
        nearest: Option<String>,
        /// Those that are known.
        known: Vec<&'static str>,
    },
    /// A value is of the wrong kind.
    #[error("must be {expected}, found {found}")]
    WrongKind {
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A number that can't be.
    #[error("must be a whole number from {min} to {max}, found {found}")]
    OutOfRange {
        /// What stands there.
        found: String,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A field is absent.
    #[error("is missing")]
    Missing,
    /// A name of something that there is not.
    #[error("`{found}` is no {what}")]
    UnknownName {
        /// What should be named.
        what: &'static str,
        /// What stands there.
        found: String,
        /// The known name most like it.
        nearest: Option<String>,
        /// Those that are known.
        known: Vec<String>,
    },
    /// Well-formed, but nothing can be like that.
    #[error("can't be: {why}")]
    Impossible {
        /// Why not.
        why: String,
        /// What to do about it.
        help: &'static str,
    },
}

impl FaultKind {
    fn help(&self, hint: &str) -> String {
        match self {
            Self::Syntax(_) => {
                "text stands in quotes, and a table begins with `[name]` or `[[name]]`".to_owned()
            }
            Self::UnknownKey { nearest, known } => did_you_mean(nearest.as_deref(), known),
            Self::UnknownName { nearest, known, .. } => did_you_mean(nearest.as_deref(), known),
            Self::WrongKind { .. } | Self::OutOfRange { .. } | Self::Missing => hint.to_owned(),
            Self::Impossible { help, .. } => (*help).to_owned(),
        }
    }
}

fn did_you_mean<S: AsRef<str>>(nearest: Option<&str>, known: &[S]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => {
            let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
            format!("known: {}", known.join(", "))
        }
    }
}

/// The name most like `wanted`, if any is like it at all.
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, name), name))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
