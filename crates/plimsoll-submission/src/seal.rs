//! The seal of a submission: what came out of which records, and the digest of each file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use plimsoll_attestation::{
    Configuration, Digest, DigestError, ENVELOPE_FILE, KEY_FILE, Outcome, STATEMENT_FILE, Statement,
    TestResult, digest_file, is_own_file, plain_files, verify,
};
use plimsoll_program::{Level, RequirementId, checklist::digest};
use plimsoll_record::{FILE_NAME, Verdict};
use plimsoll_report::test_result;

use crate::{evidence::Files, existing::is_written_here, records::Records};

/// What an update does with the files that are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The digests of those that stay as they are.
    kept: BTreeMap<String, String>,
    /// Those that an earlier call wrote, that nobody touched since, and that say nothing any more.
    pub(crate) dropped: BTreeSet<String>,
}

impl Standing {
    /// Looks at the submission in `directory`, into which `files` are about to be written.
    pub(crate) fn of(directory: &Path, files: &Files) -> Result<Self, DigestError> {
        let untouched = untouched(directory);
        let mut standing = Self {
            // Signed was what was there before.
            dropped: BTreeSet::from([ENVELOPE_FILE.to_owned(), KEY_FILE.to_owned()]),
            ..Self::default()
        };
        for name in plain_files(directory)? {
            if files.contains_key(&name) || is_own_file(&name) {
                continue;
            }
            if untouched.contains(&name) && is_written_here(&name) {
                standing.dropped.insert(name);
            } else {
                let digest = digest_file(&directory.join(&name))?;
                standing.kept.insert(name, digest);
            }
        }
        Ok(standing)
    }
}

/// The files that still are what the seal says. None without one that can be read.
fn untouched(directory: &Path) -> BTreeSet<String> {
    let Ok(verification) = verify(directory, None) else {
        return BTreeSet::new();
    };
    let mut names: BTreeSet<String> = verification
        .statement
        .iter()
        .flat_map(Statement::digests)
        .map(|(name, _)| name.to_owned())
        .collect();
    for fault in &verification.faults {
        names.remove(&fault.file);
    }
    names
}

/// Adds a statement on the bytes of all files, on the records behind them, and on what came out, so that a later change
/// shows.
pub(crate) fn seal(records: &Records, standing: &Standing, files: &mut Files) {
    let mut digests = standing.kept.clone();
    digests.extend(
        files
            .iter()
            .map(|(name, content)| (name.clone(), digest(content))),
    );
    if let Ok(mut statement) = serde_json::to_vec_pretty(&Statement::new(result(records), digests)) {
        statement.push(b'\n');
        files.insert(STATEMENT_FILE.to_owned(), statement);
    }
}

/// What came out of all runs together: a failure in one is a failure, a doubt in one a doubt.
fn result(records: &Records) -> TestResult {
    let mut asked: BTreeMap<&RequirementId, Level> = BTreeMap::new();
    let mut configuration = Vec::new();
    for (run, digest) in records.runs.iter().zip(&records.digests) {
        asked.extend(run.checks.iter().map(|check| (&check.id, check.planned.level)));
        configuration.extend(test_result(run).configuration);
        configuration.push(Configuration {
            name: FILE_NAME.to_owned(),
            uri: String::new(),
            digest: Some(Digest {
                sha256: digest.clone(),
            }),
            annotations: BTreeMap::from([("run".to_owned(), run.facts.run.clone())]),
        });
    }
    let decided: Vec<(&RequirementId, Level, Verdict)> = asked
        .into_iter()
        .filter_map(|(id, level)| Some((id, level, records.verdict(id)?)))
        .collect();
    let of = |wanted: Verdict| -> Vec<String> {
        decided
            .iter()
            .filter(|(_, _, verdict)| *verdict == wanted)
            .map(|(id, _, _)| id.to_string())
            .collect()
    };
    TestResult {
        result: outcome(&decided),
        configuration,
        passed_tests: of(Verdict::Passed),
        warned_tests: of(Verdict::Inconclusive),
        failed_tests: of(Verdict::Failed),
    }
}

/// As a run's exit code: MUSTs decide, or all where there are none; nothing is passed for want of data.
fn outcome(decided: &[(&RequirementId, Level, Verdict)]) -> Outcome {
    let musts = decided.iter().any(|(_, level, _)| *level == Level::Must);
    let any = |wanted: Verdict| {
        decided
            .iter()
            .any(|(_, level, verdict)| (!musts || *level == Level::Must) && *verdict == wanted)
    };
    if any(Verdict::Passed) && !any(Verdict::Failed) && !any(Verdict::Inconclusive) {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}
