//! Evidence of the answers: links, files of the vendor, and what the runs show.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

use plimsoll_program::{RequirementId, checklist::Status};
use plimsoll_record::Verdict;
use plimsoll_report::{Evidence, RecordedRun, ReportError, Reporter};

use crate::{
    answer::{Answer, Source},
    artifacts::artifacts,
    product::Product,
    records::Records,
};

/// The files of a submission besides `PRODUCT.yaml` and `README.md`, by their path in it.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The largest file that a vendor can attach.
const MAX_FILE: u64 = 64 << 20;

/// The evidence can't be put together.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EvidenceError {
    /// A report can't be made.
    #[error("could not write the reports of a run")]
    Report(#[from] ReportError),
    /// A file of the vendor can't be attached.
    #[error("could not attach `{entry}`, the evidence of `{requirement}`: {why}")]
    #[diagnostic(help("name a link, or a file beside the product's file"))]
    File {
        /// What the product's file says.
        entry: String,
        /// The requirement.
        requirement: RequirementId,
        /// Why not.
        why: String,
    },
}

/// Adds evidence to the answers, and gives the files it refers to. `prefix` is the product's own, such as
/// `v1.37/acme/`.
pub(crate) fn evidence(
    answers: &mut [Answer],
    records: &Records,
    product: Option<&Product>,
    prefix: &str,
) -> Result<Files, EvidenceError> {
    let mut files = Files::new();
    let claimed: BTreeSet<RequirementId> = answers
        .iter()
        .filter(|answer| answer.status == Status::Implemented && answer.verdict == Some(Verdict::Passed))
        .map(|answer| answer.id.clone())
        .collect();
    for run in &records.runs {
        of_run(run, &folder(run, records), &claimed, answers, prefix, &mut files)?;
    }
    for answer in answers {
        let entries =
            product.and_then(|product| Some((product, product.requirements.get(answer.id.as_str())?)));
        let Some((product, statement)) = entries else {
            continue;
        };
        for entry in &statement.evidence {
            let entry = entry.trim();
            if !(entry.starts_with("http://") || entry.starts_with("https://")) {
                let (name, content) = attach(&product.base, entry).map_err(|why| EvidenceError::File {
                    entry: entry.to_owned(),
                    requirement: answer.id.clone(),
                    why,
                })?;
                files.insert(name.clone(), content);
                answer.evidence.push(name);
            } else {
                answer.evidence.push(entry.to_owned());
            }
        }
    }
    Ok(files)
}

/// Where a run's files lie in the submission: beside `PRODUCT.yaml`, or in folders of their own if there are several.
fn folder(run: &RecordedRun, records: &Records) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
            c
        } else {
            '_'
        }
    };
    if records.runs.len() == 1 {
        String::new()
    } else {
        format!("runs/{}/", run.facts.run.chars().map(plain).collect::<String>())
    }
}

fn of_run(
    run: &RecordedRun,
    folder: &str,
    claimed: &BTreeSet<RequirementId>,
    answers: &mut [Answer],
    prefix: &str,
    files: &mut Files,
) -> Result<(), EvidenceError> {
    let artifacts = artifacts(run, claimed)?;
    for answer in answers {
        let Some(check) = run.check(&answer.id) else {
            continue;
        };
        // What the vendor states otherwise than the run is not shown by the run.
        let shown = match &answer.source {
            Source::Runs => check.verdict() != Verdict::Skipped,
            Source::Vendor(_) => answer.status == Status::Implemented && check.verdict() == Verdict::Passed,
            Source::Kept | Source::Nobody => false,
        };
        if !shown {
            continue;
        }
        if check.verdict() == Verdict::Passed && claimed.contains(&answer.id) {
            let tests = &check.planned.upstream_tests;
            let test = tests.first().map_or(answer.id.as_str(), String::as_str);
            for file in ["junit.xml", "results.json", "e2e.log"] {
                answer
                    .evidence
                    .push(format!("file://{prefix}{folder}{file}#{test}"));
            }
        }
        let page = format!("{folder}evidence/{}.md", answer.id);
        let mut text = Vec::new();
        Evidence {
            id: answer.id.clone(),
        }
        .write(run, &mut text)?;
        files.insert(page.clone(), text);
        answer.evidence.push(format!("file://{prefix}{page}"));
    }
    if let Some(artifacts) = artifacts {
        files.insert(format!("{folder}junit.xml"), artifacts.junit);
        files.insert(format!("{folder}results.json"), artifacts.go_events);
        files.insert(format!("{folder}e2e.log"), artifacts.log);
    }
    Ok(())
}

/// Reads a vendor's file; its path in the submission is the one below the product's file.
fn attach(base: &Path, entry: &str) -> Result<(String, Vec<u8>), String> {
    let relative = PathBuf::from(entry);
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Err("it must lie beside the product's file, or below it".to_owned());
    }
    let path = base.join(&relative);
    let facts = fs::metadata(&path).map_err(|error: io::Error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is no file".to_owned());
    }
    if facts.len() > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    // A link that leaves the folder would publish who knows what.
    let (home, real) = (
        fs::canonicalize(if base.as_os_str().is_empty() {
            Path::new(".")
        } else {
            base
        }),
        fs::canonicalize(&path),
    );
    match (home, real) {
        (Ok(home), Ok(real)) if real.starts_with(&home) => {}
        _ => return Err("it is a link to somewhere else".to_owned()),
    }
    let content = fs::read(&path).map_err(|error| error.to_string())?;
    Ok((format!("attached/{}", relative.display()), content))
}
