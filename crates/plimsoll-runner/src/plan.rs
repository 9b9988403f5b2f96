//! Which checks a run consists of.

use plimsoll_checks::Check;
use plimsoll_program::{ProgrammeVersion, RequirementId, UnknownRequirement, find};
use plimsoll_record::CheckPlanned;

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; empty means all.
    pub only: Vec<String>,
    /// All but these.
    pub skip: Vec<String>,
}

/// The choice can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// No requirement of that id exists.
    #[error(transparent)]
    Unknown(#[from] UnknownRequirement),
    /// The requirement exists, but this version has no check for it.
    #[error("there is no check for `{id}` yet; there are checks for {}", .available.join(", "))]
    NoCheck {
        /// The requirement.
        id: String,
        /// What can be chosen.
        available: Vec<String>,
    },
    /// The choice leaves nothing to run.
    #[error("nothing is left to run: every check is skipped")]
    Empty,
}

/// The checks of a run, in the order of their ids.
pub struct Plan {
    /// One entry for each check there is, also for those that are not run.
    pub checks: Vec<Planned>,
}

/// One check's place in a run.
pub struct Planned {
    /// The check.
    pub check: &'static dyn Check,
    /// What the record says of it.
    pub facts: CheckPlanned,
}

impl Planned {
    /// The requirement it decides.
    #[must_use]
    pub fn id(&self) -> &'static RequirementId {
        &self.check.declaration().id
    }
}

impl Plan {
    /// Plans `checks` for a version of the programme.
    ///
    /// # Errors
    /// When the selection names what doesn't exist, or leaves nothing.
    pub fn new(
        checks: &[&'static dyn Check],
        programme: ProgrammeVersion,
        selection: &Selection,
    ) -> Result<Self, SelectionError> {
        for id in selection.only.iter().chain(&selection.skip) {
            find(id)?;
            if !checks.iter().any(|check| check.declaration().id.as_str() == id) {
                let available = checks
                    .iter()
                    .map(|check| check.declaration().id.to_string())
                    .collect();
                return Err(SelectionError::NoCheck {
                    id: id.clone(),
                    available,
                });
            }
        }
        let checks = checks
            .iter()
            .map(|&check| {
                let id = check.declaration().id.as_str();
                let requirement = find(id)?;
                let skipped = if selection.skip.iter().any(|skip| skip == id) {
                    Some("left out by --skip".to_owned())
                } else if !selection.only.is_empty() && !selection.only.iter().any(|only| only == id) {
                    Some("not among --only".to_owned())
                } else {
                    None
                };
                let facts = CheckPlanned {
                    title: requirement.title.clone(),
                    level: requirement.level(programme),
                    kar: requirement.kar,
                    upstream_tests: requirement.upstream_tests.clone(),
                    skipped,
                };
                Ok(Planned { check, facts })
            })
            .collect::<Result<Vec<_>, UnknownRequirement>>()?;
        if checks.iter().all(|planned| planned.facts.skipped.is_some()) {
            return Err(SelectionError::Empty);
        }
        Ok(Self { checks })
    }

    /// The checks that are to run.
    pub fn selected(&self) -> impl Iterator<Item = &Planned> {
        self.checks
            .iter()
            .filter(|planned| planned.facts.skipped.is_none())
    }
}
