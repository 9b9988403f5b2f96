//! Sealing a directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    DigestError, ENVELOPE_FILE, KEY_FILE, STATEMENT_FILE, SigningKey, Statement, TestResult, digest_file,
    envelope::Envelope,
};

/// A directory could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file can't be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The statement can't be written.
    #[error("could not write `{}`", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The statement can't be put into words.
    #[error("could not write the statement as JSON")]
    Json(#[from] serde_json::Error),
}

/// Seals `files` of `directory`: writes a statement on what came out and on the digest of each, signed if there is a key.
/// A seal that was there before is gone afterwards. Returns the files it wrote.
///
/// # Errors
/// When a file can't be read or the statement can't be written.
pub fn seal<'f>(
    directory: &Path,
    files: impl IntoIterator<Item = &'f str>,
    result: TestResult,
    key: Option<&SigningKey>,
) -> Result<Vec<PathBuf>, SealError> {
    let digests: BTreeMap<String, String> = files
        .into_iter()
        .map(|name| Ok((name.to_owned(), digest_file(&directory.join(name))?)))
        .collect::<Result<_, DigestError>>()?;
    let statement = json(&Statement::new(result, digests))?;
    let written = match key {
        None => vec![(STATEMENT_FILE, statement)],
        Some(key) => {
            let envelope = Envelope::sign(&statement, key);
            vec![
                (ENVELOPE_FILE, json(&envelope)?),
                (KEY_FILE, key.verifying_key().to_pem().into_bytes()),
            ]
        }
    };
    for name in [STATEMENT_FILE, ENVELOPE_FILE, KEY_FILE] {
        let path = directory.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(SealError::Unwritable { path, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    written
        .into_iter()
        .map(|(name, bytes)| {
            let path = directory.join(name);
            match fs::write(&path, bytes) {
                Ok(()) => Ok(path),
                Err(source) => Err(SealError::Unwritable { path, source }),
            }
        })
        .collect()
}

/// The one way in which our files are written, so that a changed blank shows.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}
