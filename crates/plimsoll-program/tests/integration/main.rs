//! The programme crate against the programme's own files and against bad input.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

mod broken_files;
mod guide_page;
mod guides;
mod hostile;
mod official_files;
mod parity;
mod yaml_like;

use std::path::PathBuf;

/// The programme's files, or none with a loud word; in CI their absence is a failure.
fn programme_files() -> Option<PathBuf> {
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
