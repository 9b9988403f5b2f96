//! `plimsoll validate`: submissions by the programme's rules.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use plimsoll_attestation::{ENVELOPE_FILE, STATEMENT_FILE, verify};
use plimsoll_links::{Cache, OnlineLinks};
use plimsoll_program::{
    read_text_bounded,
    rules::{
        Checklists, DiscoverError, Links, Members, Product, Validator, Verdict, discover,
        format::{Terminal, github, json, sarif, terminal, undecided},
    },
};

use super::{Ended, Voice, print, print_json, report, sign::by_hand};
use crate::{
    failure::Failure,
    submission_args::{ValidateArgs, ValidateFormat},
};

pub(crate) fn validate(args: &ValidateArgs, voice: Voice) -> Ended {
    let products = find(&args.paths, voice)?;
    let online = args.online.then(|| online(args)).transpose()?;
    let validator = Validator {
        generation: args.rules,
        checklists: checklists(args, voice)?,
        members: args.members.as_deref().map(members).transpose()?,
        links: online.clone().map(|links| links as Arc<dyn Links>),
    };
    let mut verdicts = validator.validate_all(&products);
    if let Some(Err(error)) = online.map(|links| links.save()) {
        voice.say(format!("what links answered could not be kept: {error}"));
    }
    for (product, verdict) in products.iter().zip(&mut verdicts) {
        seal(product, verdict);
    }
    match args.format {
        ValidateFormat::Text => {
            let colour = report::colour(&io::stdout()) == plimsoll_report::Colour::Always;
            print(&terminal(
                &verdicts,
                Terminal {
                    colour,
                    quiet: voice.quiet,
                },
            ))?;
        }
        ValidateFormat::Json => print_json(&json(&verdicts))?,
        ValidateFormat::Sarif => print_json(&sarif(&verdicts, env!("CARGO_PKG_VERSION")))?,
        ValidateFormat::Github => print(&github(&verdicts))?,
    }
    if let Some(rules) = undecided(&verdicts) {
        voice.say(rules);
    }
    Ok(u8::from(!verdicts.iter().all(Verdict::valid)))
}

/// A line for each of many thousand members.
const MOST_BYTES: u64 = 4 << 20;

fn find(paths: &[PathBuf], voice: Voice) -> Result<Vec<Product>, Failure> {
    let mut products = Vec::new();
    for path in paths {
        let found = discover(path).map_err(|error| match error {
            DiscoverError::Nothing(_) => Failure::in_file(error),
            DiscoverError::Unreadable { .. } => Failure::input(&error),
        })?;
        for notice in found.notices {
            voice.say(format!("notice: {} {}", notice.path, notice.message));
        }
        products.extend(found.products);
    }
    Ok(products)
}

fn checklists(args: &ValidateArgs, voice: Voice) -> Result<Checklists, Failure> {
    let beside = || args.paths.iter().find_map(|path| Checklists::beside(path));
    let here = || Checklists::beside(Path::new("."));
    match args.checklists.clone().or_else(beside).or_else(here) {
        Some(directory) => Checklists::read(&directory).map_err(Failure::in_file),
        None => {
            voice.say("no official checklists were found, so texts are not compared; name their folder with --checklists");
            Ok(Checklists::built_in())
        }
    }
}

/// The list of members can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not read the list of members `{}`", path.display())]
struct NoMembers {
    path: PathBuf,
    source: io::Error,
}

fn members(path: &Path) -> Result<Members, Failure> {
    let text = read_text_bounded(path, MOST_BYTES).map_err(|source| {
        Failure::input(&NoMembers {
            path: path.to_owned(),
            source,
        })
    })?;
    Ok(Members::from_lines(&text))
}

fn online(args: &ValidateArgs) -> Result<Arc<OnlineLinks>, Failure> {
    let links = OnlineLinks::new().map_err(|error| Failure::input(&error))?;
    let file = Cache::usual_file().filter(|_| !args.no_cache);
    Ok(Arc::new(match file {
        Some(file) => links.cached(Cache::open(file)),
        None => links,
    }))
}

/// Whether a sealed submission still is what it was sealed as. What came later is no matter, nor are the two files that
/// vendors go on writing by hand.
fn seal(product: &Product, verdict: &mut Verdict) {
    if ![STATEMENT_FILE, ENVELOPE_FILE]
        .iter()
        .any(|name| product.directory.join(name).is_file())
    {
        return;
    }
    match verify(&product.directory, None) {
        Ok(verification) => {
            for fault in verification.faults.iter().filter(|fault| !by_hand(fault)) {
                verdict.advise("N16", &fault.file, format!("since the run was sealed, {fault}"));
            }
        }
        Err(error) => verdict.advise(
            "N16",
            STATEMENT_FILE,
            format!("the seal can't be checked: {error}"),
        ),
    }
}
