//! From a record to its reports.
//!
//! [`RecordedRun`] is what a record says, put in order; each format is one [`Reporter`] over it, so a report
//! made again years later is the one made at the end of the run, to the byte. [`Live`] shows a run while it
//! happens, from the same events. Nothing here touches a cluster, and no reporter decides a verdict.
//!
//! | for | reporter |
//! |---|---|
//! | programs | [`ResultsJson`] |
//! | CI systems and the programme's validator | [`Junit`], [`TestLog`] |
//! | pipelines | [`Sarif`], [`GithubSummary`] |
//! | reviewers | [`Evidence`] (one requirement), [`Markdown`] (all of them) |
//! | people at a terminal | [`VerdictTable`] |
//! | people with a browser | [`Html`] |
//!
//! [`Comparison`] sets two runs side by side. [`write_all`] writes them into a run's directory; [`exit_code()`] is the run's answer to a script. Whatever
//! was not made on somebody's own cluster says so in every format.

mod cases;
mod compare;
mod conclusion;
mod directory;
mod duration_text;
mod evidence;
mod exit_code;
mod github;
mod html;
mod junit;
mod live;
mod mark;
mod markdown_text;
mod moments;
mod one_line;
mod recorded_run;
mod results;
mod sarif;
mod test_log;
mod test_result;
mod verdict_table;

use std::io;

pub use compare::{
    COMPARISON_SCHEMA, Change, Comparison, ComparisonDocument, ComparisonText, Difference, comparison_schema,
};
pub use directory::{WriteAllError, differing, files_of, write_all};
pub use evidence::{Evidence, Markdown};
pub use exit_code::{ExitCode, exit_code};
pub use github::GithubSummary;
pub use html::Html;
pub use junit::Junit;
pub use live::Live;
pub use recorded_run::{
    ControlRecord, ObjectRecord, ObservationRecord, ReadRunError, RecordedCheck, RecordedRun, RunError,
    WaitRecord,
};
pub use results::{RESULTS_SCHEMA, Results, ResultsJson, results_schema};
pub use sarif::Sarif;
pub use test_log::TestLog;
pub use test_result::test_result;
pub use verdict_table::{Colour, VerdictTable};

/// One format of report.
///
/// # Guarantees
/// The same run gives the same bytes: no clock, no environment, no order of a hash.
pub trait Reporter {
    /// Writes the report of `run`.
    ///
    /// # Errors
    /// When `out` can't be written to.
    fn write(&self, run: &RecordedRun, out: &mut dyn io::Write) -> Result<(), ReportError>;
}

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The output refused it.
    #[error("could not write the report")]
    Write(#[from] io::Error),
    /// The JSON could not be written.
    #[error("could not write the report as JSON")]
    Json(#[from] serde_json::Error),
    /// The XML could not be written.
    #[error("could not write the report as XML")]
    Xml(#[from] quick_junit::SerializeError),
    /// The report is about a requirement that the run did not plan.
    #[error("the run has no requirement `{id}`")]
    NoSuchRequirement {
        /// The requirement asked for.
        id: plimsoll_program::RequirementId,
    },
}
