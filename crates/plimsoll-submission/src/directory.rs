//! A directory in one step: it is there whole, old or new, at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Writes `files` into `target`. With `dropped`, other files of a directory that is there stay, but for those; without,
/// none may be there.
pub(crate) fn write(
    target: &Path,
    files: &BTreeMap<String, Vec<u8>>,
    dropped: Option<&BTreeSet<String>>,
) -> io::Result<()> {
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let temporary = tempfile::Builder::new().prefix(".plimsoll-").tempdir_in(parent)?;
    let built = temporary.path().join("new");
    fs::create_dir(&built)?;
    if let Some(dropped) = dropped.filter(|_| target.is_dir()) {
        copy(target, &built, "", dropped)?;
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
    if dropped.is_none() {
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

/// Copies a directory without what is dropped; links stay links.
fn copy(from: &Path, to: &Path, prefix: &str, dropped: &BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if dropped.contains(&name) {
            continue;
        }
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&source, &target, &format!("{name}/"), dropped)?;
            // Fails where something is left in it.
            let _ = fs::remove_dir(&target);
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
        write(
            &target,
            &files(&[("a", "1"), ("sub/b", "2"), ("old/c", "3")]),
            None,
        )
        .unwrap();
        let again = write(&target, &files(&[("a", "3")]), None).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "1");
        let dropped = BTreeSet::from(["old/c".to_owned()]);
        write(&target, &files(&[("a", "3")]), Some(&dropped)).unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "3");
        assert_eq!(fs::read_to_string(target.join("sub/b")).unwrap(), "2");
        assert!(!target.join("old").exists());
        assert!(write(&target, &files(&[("../x", "")]), Some(&dropped)).is_err());
        assert_eq!(fs::read_dir(root.path().join("v1.37")).unwrap().count(), 1);
    }
}
