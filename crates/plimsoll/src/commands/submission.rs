//! `plimsoll submission`: from the records of runs to a directory ready for a pull request.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use plimsoll_program::{
    checklist::Status,
    rules::{
        Severity,
        format::{Terminal, terminal},
    },
};
use plimsoll_submission::{Composed, Product, Records, Request, Source, TEMPLATE, compose};

use super::{Ended, Voice, print};
use crate::{failure::Failure, submission_args::SubmissionArgs};

pub(crate) fn submission(args: &SubmissionArgs, voice: Voice) -> Ended {
    if args.init {
        return init(
            args.product.as_deref().unwrap_or(Path::new("product.toml")),
            voice,
        );
    }
    let records = Records::read(&args.runs, args.sample).map_err(Failure::in_file)?;
    let product = args
        .product
        .as_deref()
        .map(Product::read)
        .transpose()
        .map_err(Failure::in_file)?;
    // The command line demands one.
    let checklist = args.checklist.as_deref().unwrap_or(Path::new(""));
    let request = Request {
        records: &records,
        product: product.as_ref(),
        checklist,
        root: &args.out,
        update: args.update,
    };
    let composed = compose(&request).map_err(Failure::in_file)?;
    tell(&composed, checklist, voice);
    print(&format!("{}\n", composed.directory.display()))?;
    Ok(u8::from(!composed.verdict.valid()))
}

/// The file to begin with can't be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`", path.display())]
struct NoTemplate {
    path: PathBuf,
    source: io::Error,
}

fn init(path: &Path, voice: Voice) -> Ended {
    File::create_new(path)
        .and_then(|mut file| file.write_all(TEMPLATE.as_bytes()))
        .map_err(|source| {
            Failure::input(&NoTemplate {
                path: path.to_owned(),
                source,
            })
        })?;
    voice.say(format!(
        "wrote {}: fill it in, then give it with --product",
        path.display()
    ));
    Ok(0)
}

/// What was answered, what is open, and what the rules say of it.
fn tell(composed: &Composed, checklist: &Path, voice: Voice) {
    if !composed.official {
        voice.say(format!(
            "{} is not the official checklist to the byte",
            checklist.display()
        ));
    }
    for answer in &composed.answers {
        let status = if answer.status == Status::Blank {
            "blank"
        } else {
            answer.status.as_str()
        };
        let why = match (&answer.source, answer.verdict) {
            (Source::Runs, Some(verdict)) => verdict.to_string(),
            (Source::Vendor(_), Some(verdict)) => format!("stated by the vendor, runs say {verdict}"),
            (Source::Vendor(_), None) => "stated by the vendor".to_owned(),
            (Source::Kept, _) => "kept".to_owned(),
            (Source::Nobody, Some(verdict)) => verdict.to_string(),
            (Source::Runs | Source::Nobody, None) => "nobody says anything".to_owned(),
        };
        voice.say(format!("{:<28} {:<6} {status} ({why})", answer.id, answer.level));
    }
    let mut verdict = composed.verdict.clone();
    // What --members would decide is no news here.
    verdict
        .findings
        .retain(|finding| !(finding.rule == "R15" && finding.severity == Severity::Note));
    if !verdict.findings.is_empty() {
        voice.say(terminal(&[verdict], Terminal::default()).trim_end());
    }
}
