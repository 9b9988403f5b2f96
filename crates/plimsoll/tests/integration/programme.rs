//! The programme's files, for tests of commands about submissions.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The programme's files, or none with a loud word; in CI their absence is a failure.
pub(crate) fn programme_files() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/program");
    if folder.is_dir() {
        return Some(folder);
    }
    let reason = format!("the programme's files are not at {}", folder.display());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    #[expect(clippy::print_stderr, reason = "a test that compared nothing has to say so")]
    {
        eprintln!("SKIPPED, nothing was compared: {reason}");
    }
    None
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
