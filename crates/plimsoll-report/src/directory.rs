//! All reports of a run in its directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

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
    let folder = directory.join("evidence");
    fs::create_dir_all(&folder).map_err(|source| WriteAllError::Directory { path: folder, source })?;
    let mut written = Vec::new();
    let mut fault = None;
    for (name, reporter) in reports {
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
