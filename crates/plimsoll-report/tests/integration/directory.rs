//! Reports in a run's directory.

use std::{collections::BTreeMap, fs, path::Path};

use plimsoll_record::{FILE_NAME, RecordWriter};
use plimsoll_report::{ReadRunError, RecordedRun, WriteAllError, write_all};

use crate::fixture::every_verdict;

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the directory is there") {
        let entry = entry.expect("its entries can be read");
        let name = entry.file_name().into_string().expect("our names are UTF-8");
        if entry.path().is_dir() {
            let within = self::files(&entry.path());
            files.extend(
                within
                    .into_iter()
                    .map(|(file, text)| (format!("{name}/{file}"), text)),
            );
        } else {
            files.insert(name, fs::read_to_string(entry.path()).expect("reports are text"));
        }
    }
    files
}

#[test]
fn the_end_of_a_run_and_its_replay_give_the_same_bytes() {
    let script = every_verdict();
    let (live, replayed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    // As a run does it: each event is recorded, and the reports are made of what was recorded.
    let record = replayed.path().join(FILE_NAME);
    let mut writer = RecordWriter::create(&record).unwrap();
    let recorded: Vec<_> = script
        .events
        .iter()
        .map(|event| writer.append(event).unwrap())
        .collect();
    write_all(live.path(), &RecordedRun::from_events(&recorded).unwrap()).unwrap();

    // As `plimsoll report DIR` does it, twice.
    for _ in 0..2 {
        let run = RecordedRun::read(replayed.path()).unwrap();
        let written = write_all(replayed.path(), &run).unwrap();
        assert_eq!(written.len(), 8);
    }
    fs::remove_file(record).unwrap();
    assert_eq!(files(live.path()), files(replayed.path()));
}

#[test]
fn evidence_is_written_for_what_was_selected_and_results_name_it() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &every_verdict().run()).unwrap();
    let files = files(folder.path());
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "e2e.log",
            "evidence/cluster_autoscaling.md",
            "evidence/dra_support.md",
            "evidence/gang_scheduling.md",
            "evidence/secure_accelerator_access.md",
            "junit.xml",
            "report.html",
            "results.json",
        ]
    );
    let results: serde_json::Value = serde_json::from_str(&files["results.json"]).unwrap();
    for requirement in results["requirements"].as_array().unwrap() {
        for path in requirement["evidence"].as_array().unwrap() {
            assert!(files.contains_key(path.as_str().unwrap()), "{path}");
        }
    }
}

#[test]
fn a_report_that_cannot_be_written_is_named_and_the_others_are_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("junit.xml/in-the-way")).unwrap();
    let error = write_all(folder.path(), &every_verdict().run()).unwrap_err();
    assert!(
        matches!(&error, WriteAllError::File { path, .. } if path.ends_with("junit.xml")),
        "{error}"
    );
    assert!(folder.path().join("e2e.log").is_file());
    let left = fs::read_dir(folder.path()).unwrap();
    let hidden = left.filter(|file| {
        file.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    });
    assert_eq!(hidden.count(), 0, "a temporary file was left");
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    fs::write(&file, "").unwrap();
    let error = write_all(&file, &every_verdict().run()).unwrap_err();
    assert!(matches!(error, WriteAllError::Directory { .. }), "{error}");
}

#[test]
fn no_record_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let Err(ReadRunError::Record(error)) = RecordedRun::read(folder.path()) else {
        panic!("expected an error")
    };
    assert!(error.to_string().contains(FILE_NAME), "{error}");
}
