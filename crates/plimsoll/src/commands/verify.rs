//! `plimsoll verify`: whether a run's directory or a submission is what it was, and who stands for it.

use std::path::Path;

use plimsoll_attestation::{
    DigestError, Signature, Verification, VerifyError, VerifyingKey, digest_file,
    document::{FaultEntry, VerificationDocument},
};
use plimsoll_record::FILE_NAME;
use plimsoll_report::{RecordedRun, differing};

use super::{Ended, Voice, print, print_json, sign};
use crate::{
    cli::{OutputFormat, VerifyArgs},
    failure::Failure,
};

pub(crate) fn verify(args: &VerifyArgs, voice: Voice) -> Ended {
    let key = args
        .key
        .as_ref()
        .map(|path| VerifyingKey::from_pem(&sign::read(path)?).map_err(|source| sign::unusable(path, source)))
        .transpose()?;
    let verification =
        plimsoll_attestation::verify(&args.dir, key.as_ref()).map_err(|error| match &error {
            VerifyError::NotSealed { .. } if args.dir.join(FILE_NAME).is_file() => {
                Failure::input_with_help(&error, "it was taken away, or the run is of a version without it")
            }
            VerifyError::NotSealed { .. } | VerifyError::Digest(_) | VerifyError::Unreadable { .. } => {
                Failure::input_with_help(
                    &error,
                    "`plimsoll verify` takes the directory of a run or a submission",
                )
            }
        })?;
    let faults: Vec<FaultEntry> = verification.faults.iter().map(FaultEntry::from).collect();
    let mut document = VerificationDocument::of(&verification, faults);
    let foreign = foreign(&args.records, &document)?;
    document.faults.extend(foreign);
    let record = holds_record(&verification);
    if document.faults.is_empty() && record {
        document.faults = untrue(&args.dir)?;
    }
    document.holds = document.faults.is_empty();
    match args.format {
        OutputFormat::Json => print_json(&document)?,
        OutputFormat::Text => {
            for fault in &document.faults {
                print(&format!("{}: {}\n", fault.file, fault.problem))?;
            }
            voice.say(conclusion(&verification, &document));
        }
    }
    Ok(u8::from(!document.holds))
}

/// Whether the record itself is among the files: it is in a run's directory, and not in a submission.
fn holds_record(verification: &Verification) -> bool {
    let statement = verification.statement.as_ref();
    statement.is_some_and(|statement| statement.digests().contains_key(FILE_NAME))
}

/// Reports that are not what the record says. Digests alone do not show it where nobody signed: whoever rewrote a report
/// could have rewritten its digest. Only for records of this version: others may have worded it otherwise.
fn untrue(directory: &Path) -> Result<Vec<FaultEntry>, Failure> {
    let run = RecordedRun::read(directory).map_err(|error| Failure::input(&error))?;
    if run.facts.plimsoll != env!("CARGO_PKG_VERSION") {
        return Ok(Vec::new());
    }
    let files = differing(directory, &run).map_err(|error| Failure::input(&error))?;
    Ok(files
        .into_iter()
        .map(|file| FaultEntry {
            file,
            problem: format!("is not what {FILE_NAME} says"),
        })
        .collect())
}

/// Those of the given records that the submission was not made from.
fn foreign(
    given: &[std::path::PathBuf],
    document: &VerificationDocument,
) -> Result<Vec<FaultEntry>, Failure> {
    let mut foreign = Vec::new();
    for directory in given {
        let path = directory.join(FILE_NAME);
        let digest = digest_file(&path).map_err(|error: DigestError| Failure::input(&error))?;
        if document.records.iter().all(|record| record.sha256 != digest) {
            foreign.push(FaultEntry {
                file: path.display().to_string(),
                problem: "is no record that this was made from".to_owned(),
            });
        }
    }
    Ok(foreign)
}

fn conclusion(verification: &Verification, document: &VerificationDocument) -> String {
    let files = verification
        .statement
        .as_ref()
        .map_or(0, |statement| statement.digests().len());
    if !document.holds {
        return "not as it was when it was sealed".to_owned();
    }
    let mut whole = format!("all {files} files are as they were");
    let runs: Vec<&str> = document
        .records
        .iter()
        .map(|record| record.run.as_str())
        .collect();
    if holds_record(verification) {
        whole.push_str(", and the reports are what the record says");
    } else if !runs.is_empty() {
        whole.push_str(&format!(
            "; made from the record of {} (--record compares)",
            runs.join(", ")
        ));
    }
    match &verification.signature {
        Signature::By { key } => format!("{whole}; signed by the key asked for, {key}"),
        Signature::BySomebody { key } => format!(
            "{whole}; signed by key {key}, which lies in the directory itself: name the one you trust with --key"
        ),
        Signature::None => format!(
            "{whole}; NOT SIGNED, so whoever changed a file could have changed its digest as well (`plimsoll sign`)"
        ),
        Signature::Broken => whole,
    }
}
