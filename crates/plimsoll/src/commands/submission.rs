//! `plimsoll submission`: from the records of runs to a directory ready for a pull request.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use plimsoll_submission::{Product, Records, Request, TEMPLATE, compose, summary};

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
    voice.say(summary(&composed, checklist).trim_end());
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
