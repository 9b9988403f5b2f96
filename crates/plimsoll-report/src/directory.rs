//! All reports of a run in its directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use plimsoll_record::FILE_NAME;

use crate::{Evidence, Html, Junit, RecordedRun, ReportError, Reporter, ResultsJson, TestLog, evidence};

/// The reports could not be written into the directory.
#[derive(Debug, thiserror::Error)]
pub enum WriteAllError {
    /// A directory can't be made.
    #[error("could not make the directory `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file can't be written.
    #[error("could not write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file can't be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A report can't be made.
    #[error("could not make the report `{}`", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ReportError,
    },
}

/// All reports of a run by their names in its directory.
fn all(run: &RecordedRun) -> Vec<(String, Box<dyn Reporter>)> {
    let mut reports: Vec<(String, Box<dyn Reporter>)> = vec![
        ("results.json".to_owned(), Box::new(ResultsJson)),
        ("junit.xml".to_owned(), Box::new(Junit)),
        ("e2e.log".to_owned(), Box::new(TestLog)),
        ("report.html".to_owned(), Box::new(Html)),
    ];
    reports.extend(run.checks.iter().filter_map(|check| {
        let reporter: Box<dyn Reporter> = Box::new(Evidence { id: check.id.clone() });
        Some((evidence::path(check)?, reporter))
    }));
    reports
}

/// The files in `directory` that belong to `run`, by their names below it: its record, those of earlier runs that were kept,
/// and its reports.
///
/// # Errors
/// When the directory can't be read.
pub fn files_of(directory: &Path, run: &RecordedRun) -> io::Result<Vec<String>> {
    let mut files: Vec<String> = all(run).into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == FILE_NAME || is_kept_record(&name) {
            files.push(name);
        }
    }
    files.retain(|name| directory.join(name).is_file());
    files.sort();
    Ok(files)
}

/// `record.1.jsonl` and the like.
fn is_kept_record(name: &str) -> bool {
    name.strip_prefix("record.")
        .and_then(|rest| rest.strip_suffix(".jsonl"))
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The reports in `directory` that are not what the record says, by name. Those of another version of Plimsoll may differ
/// without having been touched.
///
/// # Errors
/// When a report can't be made, or one that is there can't be read.
pub fn differing(directory: &Path, run: &RecordedRun) -> Result<Vec<String>, WriteAllError> {
    let mut differing = Vec::new();
    for (name, reporter) in all(run) {
        let path = directory.join(&name);
        let mut report = Vec::new();
        reporter
            .write(run, &mut report)
            .map_err(|source| WriteAllError::Report {
                path: path.clone(),
                source,
            })?;
        if fs::read(&path).map_err(|source| WriteAllError::Unreadable { path, source })? != report {
            differing.push(name);
        }
    }
    Ok(differing)
}

/// Writes `results.json`, `junit.xml`, `e2e.log`, `report.html` and `evidence/<id>.md` into `directory`, beside the record;
/// returns the files it wrote.
///
/// # Guarantees
/// Each file is there whole, old or new, at any moment: it is written beside its place and then renamed.
///
/// # Errors
/// When a directory or file can't be written. One report that can't be made does not keep the others from
/// being written; the first error is returned.
pub fn write_all(directory: &Path, run: &RecordedRun) -> Result<Vec<PathBuf>, WriteAllError> {
    let folder = directory.join("evidence");
    fs::create_dir_all(&folder).map_err(|source| WriteAllError::Directory { path: folder, source })?;
    let mut written = Vec::new();
    let mut fault = None;
    for (name, reporter) in all(run) {
        let path = directory.join(name);
        match write_file(&path, run, &*reporter) {
            Ok(()) => written.push(path),
            Err(error) => {
                fault.get_or_insert(error);
            }
        }
    }
    fault.map_or(Ok(written), Err)
}

fn write_file(path: &Path, run: &RecordedRun, reporter: &dyn Reporter) -> Result<(), WriteAllError> {
    let mut report = Vec::new();
    reporter
        .write(run, &mut report)
        .map_err(|source| WriteAllError::Report {
            path: path.to_owned(),
            source,
        })?;
    replace(path, &report).map_err(|source| WriteAllError::File {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".plimsoll-");
    // Readable as other new files are: a temporary file would else be its owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path)?;
    Ok(())
}
