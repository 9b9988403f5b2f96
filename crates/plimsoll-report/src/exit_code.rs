//! The answer of a run to a script.

use plimsoll_program::Level;
use plimsoll_record::Verdict;

use crate::{RecordedCheck, RecordedRun};

/// How the process should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: what decides passed.
    Passed,
    /// 1: something that decides failed.
    Failed,
    /// 2: nothing failed, but something that decides could not be decided, or nothing was decided at all.
    CannotTell,
}

impl ExitCode {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::CannotTell => 2,
        }
    }
}

/// The exit code of a run.
///
/// Of the selected requirements those of level MUST decide: SHOULDs and pillars never change the code of a
/// run that has a MUST. A run that selected none was asked for just what it selected (`--only` with pillars,
/// say), so there the selected ones decide instead: else it would end with 0 whatever came out.
///
/// A failure outweighs a doubt. What is not applicable neither passes nor fails. There is no default that
/// means success: a run in which nothing passed and nothing failed cannot tell.
#[must_use]
pub fn exit_code(run: &RecordedRun) -> ExitCode {
    let deciding = deciding(run);
    let any = |verdict| deciding.iter().any(|check| check.verdict() == verdict);
    if any(Verdict::Failed) {
        ExitCode::Failed
    } else if any(Verdict::Inconclusive) || !any(Verdict::Passed) {
        ExitCode::CannotTell
    } else {
        ExitCode::Passed
    }
}

/// The requirements that decide.
pub(crate) fn deciding(run: &RecordedRun) -> Vec<&RecordedCheck> {
    let selected = || {
        run.checks
            .iter()
            .filter(|check| check.verdict() != Verdict::Skipped)
    };
    let musts: Vec<&RecordedCheck> = selected()
        .filter(|check| check.planned.level == Level::Must)
        .collect();
    if musts.is_empty() {
        selected().collect()
    } else {
        musts
    }
}
