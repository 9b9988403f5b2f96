//! Digests of files.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::key::hex;

/// More files than this are no directory of a run.
const MOST_FILES: usize = 10_000;
/// How deep its folders go at most.
const DEPTH: usize = 8;

/// A file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The system refuses.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too many files.
    #[error("`{}` holds more than {MOST_FILES} files: it is not the directory of one run", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// When it can't be read.
pub fn digest_file(path: &Path) -> Result<String, DigestError> {
    let unreadable = |source| DigestError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
    }
}

/// Something that lies in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Its path below the directory, with `/` between folders.
    pub(crate) name: String,
    /// Whether it is a plain file; a link or a device is not.
    pub(crate) plain: bool,
}

/// The plain files below `directory`, sorted: no links and no devices.
///
/// # Errors
/// When it can't be read, or holds more than any run writes.
pub fn plain_files(directory: &Path) -> Result<Vec<String>, DigestError> {
    let entries = entries(directory)?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.plain)
        .map(|entry| entry.name)
        .collect())
}

/// Everything below `directory` but folders, sorted. Links are not followed.
pub(crate) fn entries(directory: &Path) -> Result<Vec<Entry>, DigestError> {
    let mut found = Vec::new();
    walk(directory, directory, "", DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(
    whole: &Path,
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<Entry>,
) -> Result<(), DigestError> {
    let unreadable = |source| DigestError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && depth > 0 {
            walk(whole, &entry.path(), &format!("{name}/"), depth - 1, found)?;
        } else {
            found.push(Entry {
                name,
                plain: kind.is_file(),
            });
        }
        if found.len() > MOST_FILES {
            return Err(DigestError::TooMany {
                path: whole.to_owned(),
            });
        }
    }
    Ok(())
}
