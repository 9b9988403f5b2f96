//! When submissions were merged.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::civil::Date;
use plimsoll_program::read_text_bounded;

use crate::DateSource;

/// A line for each of thousands of submissions.
const MOST_BYTES: u64 = 1 << 20;

/// The days on which submissions were merged, by their ids such as `v1.37/acme`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    days: BTreeMap<String, (Date, DateSource)>,
}

/// A file of dates can't be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DatesError {
    /// It can't be read.
    #[error("could not read the dates `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is none.
    #[error("{}:{line}: `{text}` is no line of dates", path.display())]
    #[diagnostic(help("each line is a submission and the day of its merge: v1.37/acme 2026-11-02"))]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What it says.
        text: String,
    },
}

impl Dates {
    /// Reads a file of dates: each line a submission and a day; `#` begins a comment.
    ///
    /// # Errors
    /// When it can't be read, or a line is none.
    pub fn read(path: &Path) -> Result<Self, DatesError> {
        let text = read_text_bounded(path, MOST_BYTES).map_err(|source| DatesError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut days = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let said = line.split('#').next().unwrap_or_default().trim();
            if said.is_empty() {
                continue;
            }
            let fault = || DatesError::Line {
                path: path.to_owned(),
                line: index + 1,
                text: line.chars().take(80).collect(),
            };
            let (id, day) = said.split_once(char::is_whitespace).ok_or_else(fault)?;
            let day: Date = day.trim().parse().map_err(|_| fault())?;
            days.insert(id.to_owned(), (day, DateSource::Given));
        }
        Ok(Self { days })
    }

    /// Asks the history of a checkout when each `PRODUCT.yaml` came into the branch. Without `git`, or where there is
    /// no history, nothing is known.
    #[must_use]
    pub fn of_history(checkout: &Path) -> Self {
        let output = Command::new("git")
            .arg("-C")
            .arg(checkout)
            // Neither hooks nor settings of a checkout are to run anything.
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
            .args(["-c", "log.showSignature=false"])
            .args([
                "log",
                "--first-parent",
                "-m",
                "--diff-filter=A",
                "--name-only",
                "--relative",
                "--format=@%cs",
            ])
            .args(["--", "*PRODUCT.yaml"])
            .output();
        match output {
            Ok(output) if output.status.success() => Self::of_log(&String::from_utf8_lossy(&output.stdout)),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// Lines of days (`@2026-11-02`) and of the files that came on them, the newest first.
    fn of_log(log: &str) -> Self {
        let mut days = BTreeMap::new();
        let mut day = None;
        for line in log.lines() {
            if let Some(text) = line.strip_prefix('@') {
                day = text.parse::<Date>().ok();
            } else if let (Some(id), Some(day)) = (line.strip_suffix("/PRODUCT.yaml"), day) {
                // The oldest stays: one that came again was not away for the programme.
                days.insert(id.to_owned(), (day, DateSource::History));
            }
        }
        Self { days }
    }

    /// Takes what is given first, and what else is known from `other`.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (id, day) in other.days {
            self.days.entry(id).or_insert(day);
        }
        self
    }

    pub(crate) fn get(&self, id: &str) -> Option<(Date, DateSource)> {
        self.days.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_tells_when_a_submission_came_first() {
        let log = "@2026-11-02\n\nv1.37/acme/PRODUCT.yaml\n@2026-01-05\n\nv1.35/acme/PRODUCT.yaml\nv1.37/acme/PRODUCT.yaml\n";
        let dates = Dates::of_log(log);
        assert_eq!(dates.get("v1.37/acme").unwrap().0.to_string(), "2026-01-05");
        assert_eq!(
            dates.get("v1.35/acme"),
            Some(("2026-01-05".parse().unwrap(), DateSource::History))
        );
    }

    #[test]
    fn a_file_of_dates_is_read_line_by_line_and_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dates");
        std::fs::write(&path, "# days\nv1.37/acme  2026-11-03 # late\n\n").unwrap();
        let dates = Dates::read(&path)
            .unwrap()
            .or(Dates::of_log("@2026-01-01\nv1.37/acme/PRODUCT.yaml\n"));
        assert_eq!(dates.get("v1.37/acme").unwrap().0.to_string(), "2026-11-03");
        std::fs::write(&path, "v1.37/acme\n").unwrap();
        assert!(
            Dates::read(&path)
                .unwrap_err()
                .to_string()
                .contains(":1: `v1.37/acme`")
        );
    }
}
