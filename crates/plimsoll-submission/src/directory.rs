//! A directory in one step: it is there whole, old or new, at any moment.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Writes `files` into `target`. With `keep`, an existing directory's other files stay; else none may exist.
pub(crate) fn write(target: &Path, files: &BTreeMap<String, Vec<u8>>, keep: bool) -> io::Result<()> {
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let temporary = tempfile::Builder::new().prefix(".plimsoll-").tempdir_in(parent)?;
    let built = temporary.path().join("new");
    fs::create_dir(&built)?;
    if keep && target.is_dir() {
        copy(target, &built)?;
    }
    for (name, content) in files {
        let path = built.join(inside(name)?);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    if !target.exists() {
        return fs::rename(&built, target);
    }
    if !keep {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists));
    }
    let old = temporary.path().join("old");
    fs::rename(target, &old)?;
    if let Err(error) = fs::rename(&built, target) {
        // Rather the old one than none.
        fs::rename(&old, target)?;
        return Err(error);
    }
    Ok(())
}

fn inside(name: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{name}` leaves the directory"),
        ))
    }
}

/// Copies a directory; links stay links.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            #[cfg(unix)]
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn an_existing_directory_is_kept_or_updated_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("v1.37/acme");
        write(&target, &files(&[("a", "1"), ("sub/b", "2")]), false).unwrap();
        let again = write(&target, &files(&[("a", "3")]), false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "1");
        write(&target, &files(&[("a", "3")]), true).unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "3");
        assert_eq!(fs::read_to_string(target.join("sub/b")).unwrap(), "2");
        assert!(write(&target, &files(&[("../x", "")]), true).is_err());
        assert_eq!(fs::read_dir(root.path().join("v1.37")).unwrap().count(), 1);
    }
}
