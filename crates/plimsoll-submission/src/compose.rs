//! The submission as a whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use plimsoll_attestation::DigestError;
use plimsoll_program::{
    Checklist, Level, ProgrammeVersion, RequirementId,
    checklist::{LoadError, official_version},
    read_bounded, read_text_bounded,
    rules::{self, Checklists, Validator, Verdict},
    submission::Submission,
};

use crate::{
    answer::{Answer, answer},
    directory,
    evidence::{EvidenceError, evidence},
    existing::keep,
    product::Product,
    readme::readme,
    records::Records,
    seal::{Standing, seal},
    text::fill_in,
};

/// As much as the programme's validator would read of a `PRODUCT.yaml`.
const MOST_BYTES: u64 = 4 << 20;

/// What a submission is made of.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The runs.
    pub records: &'a Records,
    /// The vendor's part; may be absent where a submission is updated.
    pub product: Option<&'a Product>,
    /// The official checklist file.
    pub checklist: &'a Path,
    /// Where `v<major>.<minor>/<product>/` goes: a checkout of the programme's repository, say. Where a submission
    /// without `product` is updated: its directory.
    pub root: &'a Path,
    /// Refresh the submission that is there.
    pub update: bool,
}

/// A submission that was written.
#[derive(Debug)]
pub struct Composed {
    /// Its directory.
    pub directory: PathBuf,
    /// The answers, in the order of the checklist.
    pub answers: Vec<Answer>,
    /// What the rules say of it, offline and without a list of members.
    pub verdict: Verdict,
    /// Whether the checklist is the official file to the byte.
    pub official: bool,
}

/// A submission could not be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ComposeError {
    /// The checklist can't be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Checklist(#[from] LoadError),
    /// The checklist is for no version of the programme.
    #[error("the checklist `{}` names no version of the programme as its `kubernetesVersion`", .0.display())]
    NoVersion(PathBuf),
    /// The checklist is for another version than the runs.
    #[error("the checklist `{}` is that of {checklist}, but the runs were made by the levels of {records}", path.display())]
    #[diagnostic(help("give AIConformance-{records}.yaml, or run with --program {checklist}"))]
    OtherVersion {
        /// The checklist.
        path: PathBuf,
        /// Its version.
        checklist: ProgrammeVersion,
        /// The runs'.
        records: ProgrammeVersion,
    },
    /// A file can't be read.
    #[error("could not read `{}`: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Nobody says what the product is.
    #[error("nobody says what the product is")]
    #[diagnostic(help("give --product product.toml; `plimsoll submission --init` writes one to begin with"))]
    NoProduct,
    /// There is a submission already.
    #[error("there is a submission in `{}` already", .0.display())]
    #[diagnostic(help("refresh it with --update, which keeps what was written by hand"))]
    Exists(PathBuf),
    /// There is none yet.
    #[error("there is no submission in `{}` to update", .0.display())]
    #[diagnostic(help("leave --update out"))]
    Absent(PathBuf),
    /// The evidence can't be put together.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Evidence(#[from] EvidenceError),
    /// The submission that is there can't be read.
    #[error(transparent)]
    Standing(#[from] DigestError),
    /// The directory can't be written.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes a submission, or refreshes one.
///
/// # Errors
/// When something it is made of can't be used, or the directory can't be written; then it is as it was.
pub fn compose(request: &Request<'_>) -> Result<Composed, ComposeError> {
    let (checklist, bytes) = official(request)?;
    let version = checklist
        .programme()
        .ok_or_else(|| ComposeError::NoVersion(request.checklist.to_owned()))?;
    if let Some(records) = request.records.programme().filter(|records| *records != version) {
        let path = request.checklist.to_owned();
        return Err(ComposeError::OtherVersion {
            path,
            checklist: version,
            records,
        });
    }
    let (target, name) = target(request, version)?;
    let file = target.join("PRODUCT.yaml");
    let existing = match (file.is_file(), request.update) {
        (true, true) => Some(text_of(&file)?),
        (false, true) => return Err(ComposeError::Absent(target)),
        (_, false) if target.exists() => return Err(ComposeError::Exists(target)),
        (_, false) => None,
    };
    let prefix = format!("v{version}/{name}/");
    let mut answers: Vec<Answer> = listed(&checklist)
        .map(|(id, level)| answer(id, level, request.records, request.product))
        .collect();
    let mut files = evidence(&mut answers, request.records, request.product, &prefix)?;
    let official_text = String::from_utf8_lossy(&bytes).into_owned();
    let (base, base_path) = match &existing {
        Some(text) => (text.as_str(), file.as_path()),
        None => (official_text.as_str(), request.checklist),
    };
    // Places are counted without a byte order mark.
    let base = base.strip_prefix('\u{feff}').unwrap_or(base);
    let read = Submission::read(base.as_bytes()).map_err(|why| ComposeError::Unreadable {
        path: base_path.to_owned(),
        why,
    })?;
    if existing.is_some() {
        keep(&mut answers, &read, &prefix);
    }
    let mark = request.records.mark();
    let metadata = request
        .product
        .map(|product| product.metadata.clone())
        .unwrap_or_default();
    files.insert(
        "PRODUCT.yaml".to_owned(),
        fill_in(base, &read, &metadata, &answers, mark).into_bytes(),
    );
    let old = fs::read_to_string(target.join("README.md"))
        .ok()
        .filter(|_| existing.is_some());
    let text = readme(request.product, request.records, &answers, mark, old.as_deref());
    files.insert("README.md".to_owned(), text.into_bytes());
    let standing = match &existing {
        Some(_) => Some(Standing::of(&target, &files)?),
        None => None,
    };
    seal(request.records, &standing.clone().unwrap_or_default(), &mut files);
    directory::write(
        &target,
        &files,
        standing.as_ref().map(|standing| &standing.dropped),
    )
    .map_err(|source| ComposeError::Write {
        path: target.clone(),
        source,
    })?;
    let validator = Validator {
        checklists: Checklists::of(version, &checklist),
        ..Validator::default()
    };
    let verdict = validator.validate(&rules::Product::in_directory(&target));
    Ok(Composed {
        directory: target,
        answers,
        verdict,
        official: official_version(&bytes) == Some(version),
    })
}

fn official(request: &Request<'_>) -> Result<(Checklist, Vec<u8>), ComposeError> {
    let checklist = Checklist::read(request.checklist)?;
    let bytes = read_bounded(request.checklist, MOST_BYTES).map_err(|source| ComposeError::Unreadable {
        path: request.checklist.to_owned(),
        why: source.to_string(),
    })?;
    Ok((checklist, bytes))
}

fn listed(checklist: &Checklist) -> impl Iterator<Item = (&RequirementId, Level)> {
    checklist.entries().map(|(_, entry)| (&entry.id, entry.level))
}

/// The submission's directory, and its name.
fn target(request: &Request<'_>, version: ProgrammeVersion) -> Result<(PathBuf, String), ComposeError> {
    if let Some(product) = request.product {
        let name = product.directory.clone();
        return Ok((request.root.join(format!("v{version}")).join(&name), name));
    }
    if !request.update {
        return Err(ComposeError::NoProduct);
    }
    let directory = std::path::absolute(request.root).unwrap_or_else(|_| request.root.to_owned());
    match directory.file_name() {
        Some(name) => Ok((request.root.to_owned(), name.to_string_lossy().into_owned())),
        None => Err(ComposeError::NoProduct),
    }
}

fn text_of(path: &Path) -> Result<String, ComposeError> {
    read_text_bounded(path, MOST_BYTES).map_err(|source| ComposeError::Unreadable {
        path: path.to_owned(),
        why: source.to_string(),
    })
}
