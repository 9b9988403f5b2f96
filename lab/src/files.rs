//! Files of a lab: written whole or not at all, with errors that name them.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a file or folder could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("could not create the folder `{path}`")]
    Folder { path: PathBuf, source: io::Error },
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("could not remove `{path}`")]
    Remove { path: PathBuf, source: io::Error },
    #[error("`{path}` is not what this version of plimsoll-lab writes")]
    Garbled {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|source| FileError::Folder {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that only its owner reads, through a temporary one beside it.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), FileError> {
    write_with_mode(path, content.as_ref(), 0o600)
}

/// Writes a file that may be executed.
pub(crate) fn write_executable(path: &Path, content: &str) -> Result<(), FileError> {
    write_with_mode(path, content.as_bytes(), 0o755)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|source| FileError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Writes a value as JSON, which Kubernetes' components read as the YAML it is.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let text = serde_json::to_vec_pretty(value).map_err(|source| FileError::Garbled {
        path: path.to_owned(),
        source,
    })?;
    write(path, text)
}

/// Reads a JSON file; `None` when there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FileError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| FileError::Garbled {
            path: path.to_owned(),
            source,
        })
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FileError::Remove {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_nothing_else_is_left() -> Result<(), FileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        write_json(&path, &vec![1, 2])?;
        assert_eq!(read_json::<Vec<u8>>(&path)?, Some(vec![1, 2]));
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
        Ok(())
    }

    #[test]
    fn a_missing_file_is_nothing_and_a_garbled_one_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.json");
        assert!(matches!(read_json::<Vec<u8>>(&path), Ok(None)));
        fs::write(&path, "{").unwrap();
        let error = read_json::<Vec<u8>>(&path).unwrap_err();
        assert!(error.to_string().contains("lab.json"), "{error}");
    }

    #[test]
    fn removing_a_folder_that_is_not_there_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        assert!(remove_folder(&folder.path().join("gone")).is_ok());
    }
}
