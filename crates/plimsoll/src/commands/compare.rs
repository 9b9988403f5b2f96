//! `plimsoll compare`: two runs side by side, or the claims of a submission beside a run.

use std::{
    io,
    path::{Path, PathBuf},
};

use plimsoll_program::submission::Submission;
use plimsoll_record::FILE_NAME;
use plimsoll_report::{Comparison, ComparisonDocument, ComparisonText, RecordedRun};

use super::{Ended, print, print_json, report, sign};
use crate::{
    cli::{CompareArgs, OutputFormat},
    failure::Failure,
};

pub(crate) fn compare(args: &CompareArgs) -> Ended {
    let comparison = match submission(&args.before) {
        Some(file) => {
            Comparison::of_claims(&file.display().to_string(), &claims(&file)?, &read(&args.after)?)
        }
        None => Comparison::of(&read(&args.before)?, &read(&args.after)?),
    };
    match args.format {
        OutputFormat::Json => print_json(&ComparisonDocument::of(&comparison))?,
        OutputFormat::Text => {
            let mut text = Vec::new();
            let colour = report::colour(&io::stdout());
            ComparisonText { colour }
                .write(&comparison, &mut text)
                .map_err(|error| Failure::input(&error))?;
            print(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(comparison.exit_code())
}

/// The submission that `path` is, or holds, if it is none of a run.
fn submission(path: &Path) -> Option<PathBuf> {
    let within = path.join("PRODUCT.yaml");
    if within.is_file() && !path.join(FILE_NAME).is_file() {
        return Some(within);
    }
    let is_yaml = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    (is_yaml && path.is_file()).then(|| path.to_owned())
}

fn claims(file: &Path) -> Result<Submission, Failure> {
    let bytes = sign::read(file)?;
    let unusable = |reason| {
        Failure::input(&Unusable {
            file: file.to_owned(),
            reason,
        })
    };
    if bytes.len() > MOST_BYTES {
        return Err(unusable("it is larger than any submission".to_owned()));
    }
    Submission::read(&bytes).map_err(unusable)
}

/// A submission larger than this is none.
const MOST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("`{}` is no submission: {reason}", file.display())]
struct Unusable {
    file: PathBuf,
    reason: String,
}

fn read(path: &Path) -> Result<RecordedRun, Failure> {
    RecordedRun::read(path).map_err(|error| {
        Failure::input_with_help(
            &error,
            "`plimsoll compare` takes the directories of two runs, or a submission and a run",
        )
    })
}
