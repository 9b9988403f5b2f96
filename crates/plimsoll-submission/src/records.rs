//! The records that a submission rests on.

use std::path::{Path, PathBuf};

use plimsoll_attestation::{DigestError, digest_file};
use plimsoll_program::{ProgrammeVersion, RequirementId};
use plimsoll_record::{FILE_NAME, PlatformKind, Verdict};
use plimsoll_report::{ReadRunError, RecordedCheck, RecordedRun};

/// One or more runs of one product: on each accelerator type, say.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The runs, in the order they were given.
    pub(crate) runs: Vec<RecordedRun>,
    /// The SHA-256 of each one's record.
    pub(crate) digests: Vec<String>,
}

/// The records can't be submitted.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RecordsError {
    /// One can't be read.
    #[error("could not read the record of a run")]
    Unreadable(#[from] ReadRunError),
    /// It has no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It was made on Plimsoll's own ground.
    #[error("the record in `{}` was made on {ground}, and says nothing about any product", path.display())]
    #[diagnostic(help(
        "run on the product's own cluster; --sample shows what a submission would look like, and marks it"
    ))]
    NotAProduct {
        /// The record.
        path: PathBuf,
        /// What it was made on.
        ground: &'static str,
    },
    /// The run never ended.
    #[error("the run recorded in `{}` {how}", path.display())]
    #[diagnostic(help("go on with it: plimsoll run --resume DIR"))]
    Unfinished {
        /// The record.
        path: PathBuf,
        /// How it ended.
        how: &'static str,
    },
    /// Two are not about the same thing.
    #[error("the records in `{}` and `{}` differ in their {what}: {one} and {other}", first.display(), second.display())]
    #[diagnostic(help(
        "a submission is about one product in one version; its records are made by one version of the programme"
    ))]
    Differ {
        /// A record.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// In what they differ.
        what: &'static str,
        /// The first one's.
        one: String,
        /// The other's.
        other: String,
    },
    /// The same run twice.
    #[error("`{}` is the record of the run `{run}`, which was given already", path.display())]
    Twice {
        /// The record.
        path: PathBuf,
        /// The run.
        run: String,
    },
}

impl Records {
    /// Reads the records in these directories. `sample` allows those of Plimsoll's own ground.
    ///
    /// # Errors
    /// When one can't be read or submitted, or they don't belong together.
    pub fn read(directories: &[PathBuf], sample: bool) -> Result<Self, RecordsError> {
        let mut records = Self::default();
        for (index, path) in directories.iter().enumerate() {
            let run = RecordedRun::read(path)?;
            submittable(path, &run, sample)?;
            if records.runs.iter().any(|known| known.facts.run == run.facts.run) {
                return Err(RecordsError::Twice {
                    path: path.clone(),
                    run: run.facts.run,
                });
            }
            if let Some(first) = records.runs.first() {
                same(&directories[0], first, &directories[index], &run)?;
            }
            records.digests.push(digest_file(&path.join(FILE_NAME))?);
            records.runs.push(run);
        }
        Ok(records)
    }

    /// The version of the programme; none without a record.
    pub(crate) fn programme(&self) -> Option<ProgrammeVersion> {
        self.runs.first().map(|run| run.facts.programme)
    }

    /// The mark of records from Plimsoll's own ground.
    pub(crate) fn mark(&self) -> Option<&'static str> {
        let ground = |kind| self.runs.iter().any(|run| run.facts.platform.kind == kind);
        if ground(PlatformKind::Simulated) {
            Some("made on Plimsoll's simulated platform, no statement about any product")
        } else if ground(PlatformKind::Lab) {
            Some("made on Plimsoll's own lab, no statement about any product")
        } else {
            None
        }
    }

    /// What each run says of a requirement.
    pub(crate) fn checks(&self, id: &RequirementId) -> Vec<(&RecordedRun, &RecordedCheck)> {
        self.runs
            .iter()
            .filter_map(|run| Some((run, run.check(id)?)))
            .collect()
    }

    /// The verdict over all runs: a failure anywhere fails, a doubt anywhere leaves it open, and who did not
    /// look says nothing. None: nobody looked.
    pub(crate) fn verdict(&self, id: &RequirementId) -> Option<Verdict> {
        let said: Vec<Verdict> = self.checks(id).iter().map(|(_, check)| check.verdict()).collect();
        [
            Verdict::Failed,
            Verdict::Inconclusive,
            Verdict::Passed,
            Verdict::NotApplicable,
        ]
        .into_iter()
        .find(|verdict| said.contains(verdict))
    }
}

fn submittable(path: &Path, run: &RecordedRun, sample: bool) -> Result<(), RecordsError> {
    let ground = match run.facts.platform.kind {
        PlatformKind::Cluster => None,
        PlatformKind::Lab => Some("Plimsoll's own lab"),
        PlatformKind::Simulated => Some("the simulated platform"),
    };
    if let Some(ground) = ground.filter(|_| !sample) {
        return Err(RecordsError::NotAProduct {
            path: path.to_owned(),
            ground,
        });
    }
    let how = match (run.interrupted, run.finished) {
        (true, _) => "was interrupted",
        (false, None) => "never came to its end",
        (false, Some(_)) => return Ok(()),
    };
    Err(RecordsError::Unfinished {
        path: path.to_owned(),
        how,
    })
}

fn same(first: &Path, one: &RecordedRun, second: &Path, other: &RecordedRun) -> Result<(), RecordsError> {
    let minor = |run: &RecordedRun| {
        let version = run.facts.platform.kubernetes.trim_start_matches('v');
        version.split('.').take(2).collect::<Vec<_>>().join(".")
    };
    let facts = [
        (
            "version of the programme",
            one.facts.programme.to_string(),
            other.facts.programme.to_string(),
        ),
        ("version of Kubernetes", minor(one), minor(other)),
        (
            "kind of platform",
            format!("{:?}", one.facts.platform.kind),
            format!("{:?}", other.facts.platform.kind),
        ),
    ];
    match facts.into_iter().find(|(_, one, other)| one != other) {
        Some((what, one, other)) => Err(RecordsError::Differ {
            first: first.to_owned(),
            second: second.to_owned(),
            what,
            one,
            other,
        }),
        None => Ok(()),
    }
}
