//! Finding device nodes.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

use crate::host::{FoundNode, Walk};
use crate::protocol::{DeviceNumber, NodeKind, Unread};

/// Deeper folders than this are reported as unread rather than entered: `/dev` is flat, a loop of mounts is not.
const DEPTH: usize = 16;

/// Walks the folder without following links.
pub(super) fn walk(root: &Path) -> Walk {
    let mut found = Walk::default();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let mut below = Vec::new();
        let read = if depth < DEPTH {
            list(&folder, &mut found, &mut below)
        } else {
            Err("nested too deeply".to_owned())
        };
        if let Err(reason) = read {
            found.unread.push(Unread {
                path: folder.display().to_string(),
                reason,
            });
        }
        folders.extend(below.into_iter().map(|path| (path, depth + 1)));
    }
    found.nodes.sort_by(|one, other| one.path.cmp(&other.path));
    found.unread.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Adds the nodes of one folder, and notes the folders in it.
fn list(folder: &Path, found: &mut Walk, below: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            // It went away since the folder was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                found.unread.push(Unread {
                    path: path.display().to_string(),
                    reason: error.to_string(),
                });
                continue;
            }
        };
        let kind = metadata.file_type();
        let kind = if kind.is_dir() {
            below.push(path);
            continue;
        } else if kind.is_block_device() {
            NodeKind::Block
        } else if kind.is_char_device() {
            NodeKind::Character
        } else {
            continue;
        };
        let number = DeviceNumber {
            kind,
            major: major(metadata.rdev()),
            minor: minor(metadata.rdev()),
        };
        found.nodes.push(FoundNode {
            path: path.display().to_string(),
            number,
            mode: metadata.mode() & 0o7777,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::walk;

    #[test]
    fn finds_the_nodes_that_every_linux_has() {
        let found = walk(Path::new("/dev"));
        let null = found.nodes.iter().find(|node| node.path == "/dev/null").unwrap();
        assert_eq!(null.number.to_string(), "c:1:3");
        assert!(found.nodes.is_sorted_by(|one, other| one.path < other.path));
        assert!(
            !found.nodes.iter().any(|node| node.path == "/dev/stdin"),
            "links are not followed"
        );
    }

    #[test]
    fn says_what_it_could_not_read() {
        let found = walk(Path::new("/dev/no-such-folder"));
        assert!(found.nodes.is_empty());
        assert_eq!(found.unread.len(), 1);
    }

    #[test]
    fn files_and_links_are_no_nodes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/dev", folder.path().join("link")).unwrap();
        let found = walk(folder.path());
        assert!(found.nodes.is_empty() && found.unread.is_empty());
    }
}
