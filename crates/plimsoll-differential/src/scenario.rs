//! What is done on a platform, step by step.

use std::{fs, io, path::Path, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Steps on a platform, in a namespace of their own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Group and name, from the file's path, such as `objects/dry-run`.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in a sentence.
    pub shows: String,
    /// Labels of its namespace.
    #[serde(default)]
    pub labels: serde_json::Map<String, Value>,
    /// Whether it has the platform to itself: it counts accelerators or nodes.
    #[serde(default)]
    pub exclusive: bool,
    /// The steps.
    pub(crate) steps: Vec<Step>,
}

/// One step. `of` names an object as `PLURAL[.GROUP]/NAME`, or a collection without the name; `$NS` stands for the
/// namespace, `$PROBE` for the probe's image.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub(crate) enum Step {
    /// Creates an object.
    Create {
        object: Value,
        #[serde(default)]
        show: Vec<String>,
        #[serde(default)]
        query: String,
        #[serde(rename = "as")]
        user: Option<String>,
    },
    /// Replaces an object; its resourceVersion is the current one unless it has one.
    Replace {
        object: Value,
        #[serde(default)]
        show: Vec<String>,
        #[serde(default)]
        subresource: Option<String>,
        #[serde(default)]
        query: String,
    },
    /// Applies an object by server-side apply.
    Apply {
        object: Value,
        manager: String,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        show: Vec<String>,
    },
    /// Patches an object; `kind` is `merge`, `json` or `strategic`.
    Patch {
        of: String,
        kind: PatchKind,
        body: Value,
        #[serde(default)]
        subresource: Option<String>,
        #[serde(default)]
        show: Vec<String>,
        #[serde(default)]
        query: String,
    },
    /// Deletes an object or, without a name, a collection; `options` is the body.
    Delete {
        of: String,
        #[serde(default)]
        options: Value,
        #[serde(default)]
        query: String,
        #[serde(rename = "as")]
        user: Option<String>,
    },
    /// Reads an object.
    Get {
        of: String,
        #[serde(default)]
        show: Vec<String>,
        #[serde(default)]
        subresource: Option<String>,
        #[serde(default)]
        query: String,
        #[serde(rename = "as")]
        user: Option<String>,
    },
    /// Lists a collection; shows the names, and of each what `show` says.
    List {
        of: String,
        #[serde(default)]
        query: String,
        #[serde(default)]
        show: Vec<String>,
        #[serde(rename = "as")]
        user: Option<String>,
    },
    /// Waits until an object has come to something.
    Wait {
        of: String,
        until: Until,
        #[serde(default = "minute")]
        within: u64,
        #[serde(default)]
        show: Vec<String>,
    },
    /// Makes sure that it stays like that for some seconds.
    Hold {
        of: String,
        until: Until,
        #[serde(rename = "for")]
        seconds: u64,
    },
    /// Shows which events there are about an object: type, reason, message.
    Events {
        of: String,
        #[serde(default)]
        reasons: Vec<String>,
        #[serde(default)]
        messages: bool,
    },
    /// Asks the API server something directly; shows the answer's code and what `show` says.
    Request {
        method: String,
        path: String,
        #[serde(default)]
        accept: Option<String>,
        #[serde(default)]
        body: Value,
        #[serde(default)]
        show: Vec<String>,
        #[serde(rename = "as")]
        user: Option<String>,
    },
    /// Watches a collection while the inner steps happen; shows the events' types and names.
    Watch {
        of: String,
        #[serde(default)]
        query: String,
        /// Ends once that many events have come.
        events: usize,
        steps: Vec<Step>,
        #[serde(default)]
        show: Vec<String>,
    },
}

fn minute() -> u64 {
    60
}

/// What an object comes to: something at `path`, whatever it is, unless more is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Until {
    /// Where.
    #[serde(default)]
    pub(crate) path: String,
    /// What is there.
    #[serde(default)]
    pub(crate) is: Option<Value>,
    /// Nothing is there.
    #[serde(default)]
    pub(crate) absent: bool,
    /// The object is not there.
    #[serde(default)]
    pub(crate) gone: bool,
}

/// The kinds of patches besides server-side apply.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PatchKind {
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
    /// Kubernetes' own.
    Strategic,
}

impl PatchKind {
    /// Its content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// A scenario can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no scenario.
    #[error("`{}`: {what}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        what: String,
    },
}

impl Scenario {
    /// Reads one.
    ///
    /// # Errors
    /// When the file can't be read or is no scenario.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut scenario: Self = serde_saphyr::from_str(&text).map_err(|error| ScenarioError::Invalid {
            path: path.to_owned(),
            what: error.to_string(),
        })?;
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let group = part(path.parent().and_then(Path::file_name));
        scenario.name = format!("{group}/{}", part(path.file_stem()));
        Ok(scenario)
    }

    /// Reads all of a folder of groups, by name.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn all(folder: &Path) -> Result<Vec<Self>, ScenarioError> {
        let mut scenarios = Vec::new();
        for group in entries(folder)? {
            if !group.is_dir() {
                continue;
            }
            for path in entries(&group)? {
                if path.extension().is_some_and(|extension| extension == "yaml") {
                    scenarios.push(Self::read(&path)?);
                }
            }
        }
        Ok(scenarios)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let unreadable = |source| ScenarioError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    Ok(entries)
}
