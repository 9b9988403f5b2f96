//! Why manifests can't be read.

use std::{fmt, io};

/// Everything that is wrong with the input.
#[derive(Debug)]
pub struct ReadError {
    /// At least one.
    pub faults: Vec<ReadFault>,
}

impl ReadError {
    /// What to do about the first of them.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.faults.first().map_or("", ReadFault::help)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadError {}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// A file or folder can't be read.
    #[error("could not read `{file}`: {source}")]
    Unreadable {
        /// The file or folder.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The bytes are no text.
    #[error("{file}:{line}:1: the document is not valid UTF-8")]
    NotText {
        /// The file.
        file: String,
        /// Where the document begins.
        line: u32,
    },
    /// The text is no YAML.
    #[error("{file}:{line}:{column}: not valid YAML: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// The column.
        column: u32,
        /// What the parser says.
        message: String,
    },
    /// A document is too large to be an object.
    #[error("{file}:{line}:1: the document is larger than {limit} bytes, which no API server stores")]
    DocumentTooLarge {
        /// The file.
        file: String,
        /// Where the document begins.
        line: u32,
        /// How large it may be.
        limit: usize,
    },
    /// All documents together are too large.
    #[error("{file}:{line}:1: all manifests together are larger than {limit} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// Where it became too much.
        line: u32,
        /// How large they may be.
        limit: usize,
    },
    /// A folder without a manifest.
    #[error("no manifest in `{file}`: neither .yaml, .yml nor .json")]
    Empty {
        /// The folder.
        file: String,
    },
}

impl ReadFault {
    fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "-f takes manifests, folders of manifests, and `-` for standard input",
            Self::NotText { .. } => "save the file as UTF-8",
            Self::Syntax { .. } => {
                "YAML is indented with blanks, and text with `: ` or ` #` in it needs quotes"
            }
            Self::DocumentTooLarge { .. } => "separate documents by a line of `---`",
            Self::TooLarge { .. } => "ask about fewer workloads at once",
            Self::Empty { .. } => "a Helm chart or Kustomize folder has to be rendered first",
        }
    }
}
