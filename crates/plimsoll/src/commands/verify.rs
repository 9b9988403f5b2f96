//! `plimsoll verify`: whether a run's directory is what it was, and who stands for it.

use plimsoll_attestation::{Fault, Signature, Verification, VerifyError, VerifyingKey};
use plimsoll_record::FILE_NAME;
use plimsoll_report::{RecordedRun, differing};
use serde::Serialize;

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
                Failure::input_with_help(&error, "`plimsoll verify` takes the directory of a run")
            }
        })?;
    let mut told: Vec<Told> = verification.faults.iter().map(Told::of).collect();
    if told.is_empty() {
        told.extend(untrue(args)?);
    }
    let holds = told.is_empty();
    match args.format {
        OutputFormat::Json => print_json(&Document::of(&verification, told))?,
        OutputFormat::Text => {
            for fault in &told {
                print(&format!("{}: {}\n", fault.file, fault.problem))?;
            }
            voice.say(conclusion(&verification, holds));
        }
    }
    Ok(u8::from(!holds))
}

/// Reports that are not what the record says. Digests alone do not show it where nobody signed: whoever rewrote a report
/// could have rewritten its digest. Only for records of this version: others may have worded it otherwise.
fn untrue(args: &VerifyArgs) -> Result<Vec<Told>, Failure> {
    let run = RecordedRun::read(&args.dir).map_err(|error| Failure::input(&error))?;
    if run.facts.plimsoll != env!("CARGO_PKG_VERSION") {
        return Ok(Vec::new());
    }
    let files = differing(&args.dir, &run).map_err(|error| Failure::input(&error))?;
    Ok(files
        .into_iter()
        .map(|file| Told {
            file,
            problem: format!("is not what {FILE_NAME} says"),
        })
        .collect())
}

fn conclusion(verification: &Verification, holds: bool) -> String {
    let files = verification
        .statement
        .as_ref()
        .map_or(0, |statement| statement.digests().len());
    if !holds {
        return "not as it was at the end of the run".to_owned();
    }
    let whole = format!("all {files} files are as they were, and the reports are what the record says");
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

/// A fault as it is told.
#[derive(Serialize)]
struct Told {
    file: String,
    problem: String,
}

impl Told {
    fn of(fault: &Fault) -> Self {
        Self {
            file: fault.file.clone(),
            problem: fault.what.to_string(),
        }
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Document {
    /// Whether everything is as it was.
    holds: bool,
    /// `none`, `trusted` (by the key asked for), `unknown` (by the key in the directory) or `broken`.
    signature: &'static str,
    /// The key's id.
    key: Option<String>,
    faults: Vec<Told>,
}

impl Document {
    fn of(verification: &Verification, faults: Vec<Told>) -> Self {
        let (signature, key) = match &verification.signature {
            Signature::None => ("none", None),
            Signature::By { key } => ("trusted", Some(key.clone())),
            Signature::BySomebody { key } => ("unknown", Some(key.clone())),
            Signature::Broken => ("broken", None),
        };
        Self {
            holds: faults.is_empty(),
            signature,
            key,
            faults,
        }
    }
}
