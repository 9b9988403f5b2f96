//! What else of its surroundings a container shows: selected variables, mounts and files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Environment variables by which runtimes and libraries select devices. No other variable is ever reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Environment {
    /// Values by name.
    pub variables: BTreeMap<String, String>,
}

/// A mount at, or of, something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is in the container.
    pub mount_point: String,
    /// What of the file system it shows.
    pub root: String,
    /// What is mounted.
    pub source: String,
    /// The file system's type.
    pub filesystem: String,
    /// Options of the mount.
    pub options: Vec<String>,
}

/// A small text file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextFile {
    /// Where it is.
    pub path: String,
    /// Its beginning; absent where it is not there, or can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Files that were looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FoundFiles {
    /// The pattern.
    pub pattern: String,
    /// Those that are there, sorted.
    pub paths: Vec<String>,
}
