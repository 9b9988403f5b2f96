//! Workloads on platforms that runs were recorded on.
//!
//! `records/` holds records of `plimsoll run --simulate=PLATFORM`, without their waits and objects. `UPDATE_EXPECTED=1`
//! writes what is expected anew, to be looked at.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

mod adapting;
mod asking;
mod examples;
mod hostile;
mod matching;
mod properties;
mod published;

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use plimsoll_portability::{Limits, Manifests, Platform, Source, read};
use plimsoll_report::RecordedRun;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration")
}

/// The platform of a record.
fn platform(name: &str) -> Platform {
    let run = RecordedRun::read(&folder().join("records").join(name)).unwrap();
    Platform::recorded(name, &run).unwrap()
}

/// The platforms that examples are tried on.
fn platforms() -> Vec<Platform> {
    ["nvidia", "amd", "mixed", "plugin-only"].map(platform).into()
}

/// Manifests of a text.
fn manifests(text: &str) -> Manifests {
    let source = Source::Stream("w.yaml".to_owned(), Box::new(Cursor::new(text.to_owned())));
    read(vec![source], Limits::default()).unwrap()
}

/// The names and texts of the example workloads.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/workloads");
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// All example workloads at once.
fn all_examples() -> Manifests {
    let sources = examples()
        .into_iter()
        .map(|(name, text)| Source::Stream(name, Box::new(Cursor::new(text))))
        .collect();
    read(sources, Limits::default()).unwrap()
}

/// Compares with a file of what is expected.
fn expect(name: &str, text: &str) {
    let path = folder().join("expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{}: run this test with UPDATE_EXPECTED=1 and look at what changed; it is now\n{text}",
        path.display()
    );
}
