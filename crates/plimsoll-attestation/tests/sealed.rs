//! A sealed directory, and everything that can be done to it.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

use std::{collections::BTreeMap, fs, path::Path};

use plimsoll_attestation::{
    Configuration, Digest, ENVELOPE_FILE, KEY_FILE, Outcome, STATEMENT_FILE, Signature, SigningKey,
    TestResult, VerifyError,
    document::{VerificationDocument, verification_schema},
    seal, verify,
};
use tempfile::TempDir;

const FILES: [&str; 3] = ["evidence/a.md", "record.jsonl", "results.json"];

fn result() -> TestResult {
    TestResult {
        result: Outcome::Passed,
        configuration: vec![Configuration {
            name: "plimsoll".to_owned(),
            uri: "https://github.com/plimsoll/plimsoll".to_owned(),
            digest: None,
            annotations: BTreeMap::from([("run".to_owned(), "r1".to_owned())]),
        }],
        passed_tests: vec!["gang_scheduling".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
    }
}

fn directory(key: Option<&SigningKey>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("evidence")).unwrap();
    for file in FILES {
        fs::write(dir.path().join(file), format!("what {file} says\n")).unwrap();
    }
    seal(dir.path(), FILES, result(), key).unwrap();
    dir
}

fn faults(dir: &Path) -> Vec<String> {
    let verification = verify(dir, None).unwrap();
    verification
        .faults
        .iter()
        .map(|fault| format!("{} {}", fault.file, fault.what))
        .collect()
}

#[test]
fn an_untouched_directory_holds_and_says_who_stands_for_it() {
    let (key, _) = SigningKey::generate().unwrap();
    let id = key.verifying_key().id();
    let unsigned = verify(directory(None).path(), None).unwrap();
    assert!(unsigned.holds() && unsigned.signature == Signature::None);
    let dir = directory(Some(&key));
    let somebody = verify(dir.path(), None).unwrap();
    assert!(somebody.holds() && somebody.signature == Signature::BySomebody { key: id.clone() });
    let known = verify(dir.path(), Some(&key.verifying_key())).unwrap();
    assert!(known.holds() && known.signature == Signature::By { key: id });
    assert_eq!(known.statement.unwrap().predicate, result());
}

#[test]
fn any_changed_byte_of_any_file_is_noticed_and_the_file_is_named() {
    let (key, _) = SigningKey::generate().unwrap();
    let dir = directory(Some(&key));
    for file in [ENVELOPE_FILE, KEY_FILE].into_iter().chain(FILES) {
        let path = dir.path().join(file);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            let faults = faults(dir.path());
            assert!(!faults.is_empty(), "byte {at} of {file}");
            if FILES.contains(&file) {
                assert_eq!(faults, [format!("{file} was changed")], "byte {at} of {file}");
            }
        }
        for changed in [&bytes[..bytes.len() - 1], &[&bytes[..], b" "].concat()] {
            fs::write(&path, changed).unwrap();
            assert!(
                !faults(dir.path()).is_empty(),
                "{file} with {} bytes",
                changed.len()
            );
        }
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(faults(dir.path()), Vec::<String>::new());
}

#[test]
fn files_that_were_added_or_taken_away_are_named() {
    let dir = directory(None);
    fs::write(dir.path().join("evidence/b.md"), "").unwrap();
    fs::remove_file(dir.path().join("results.json")).unwrap();
    assert_eq!(
        faults(dir.path()),
        ["results.json is missing", "evidence/b.md was added"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_not_the_file_it_leads_to() {
    let dir = directory(None);
    let (file, elsewhere) = (dir.path().join("results.json"), tempfile::tempdir().unwrap());
    let moved = elsewhere.path().join("results.json");
    fs::rename(&file, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &file).unwrap();
    assert_eq!(faults(dir.path()), ["results.json is not a plain file"]);
}

#[test]
fn who_asks_for_a_key_gets_nothing_less() {
    let (key, _) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    let told = |dir: &TempDir| -> Vec<String> {
        let verification = verify(dir.path(), Some(&key.verifying_key())).unwrap();
        verification
            .faults
            .iter()
            .map(|fault| fault.to_string())
            .collect()
    };
    assert_eq!(
        told(&directory(None)),
        ["`attestation.intoto.json` is not signed"]
    );
    assert_eq!(
        told(&directory(Some(&other))),
        [
            "`attestation.pub` is another key than the one that was asked for",
            "`attestation.dsse.json` holds a signature that is not by this key over this text",
        ]
    );
    // Whoever changes a file and signs again has another key.
    let dir = directory(Some(&key));
    fs::write(dir.path().join("results.json"), "better").unwrap();
    seal(dir.path(), FILES, result(), Some(&other)).unwrap();
    assert_eq!(told(&dir).len(), 2);
}

#[test]
fn sealing_again_leaves_one_seal() {
    let (key, _) = SigningKey::generate().unwrap();
    let dir = directory(None);
    seal(dir.path(), FILES, result(), Some(&key)).unwrap();
    assert!(!dir.path().join(STATEMENT_FILE).exists());
    seal(dir.path(), FILES, result(), None).unwrap();
    assert!(!dir.path().join(ENVELOPE_FILE).exists() && !dir.path().join(KEY_FILE).exists());
    assert_eq!(faults(dir.path()), Vec::<String>::new());
}

#[test]
fn a_directory_that_was_never_sealed_is_not_called_sound() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        verify(dir.path(), None),
        Err(VerifyError::NotSealed { .. })
    ));
}

#[test]
fn what_is_no_statement_is_a_fault_and_no_crash() {
    for text in [
        "",
        "{}",
        "[1]",
        "\u{0}",
        "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"!\",\"signatures\":[]}",
    ] {
        for file in [STATEMENT_FILE, ENVELOPE_FILE] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(file), text).unwrap();
            assert!(!verify(dir.path(), None).unwrap().holds(), "{file}: {text}");
        }
    }
}

#[test]
fn the_published_schema_is_the_one_the_types_have() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/verification.v1.schema.json"
    );
    let generated = format!("{:#}\n", verification_schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(path, &generated).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, generated,
        "run this test with UPDATE_SCHEMAS=1 and look at what changed"
    );
}

#[test]
fn a_record_that_lies_elsewhere_is_named_by_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("junit.xml"), "<testsuites/>").unwrap();
    let mut result = result();
    result.configuration.push(Configuration {
        name: "record.jsonl".to_owned(),
        uri: String::new(),
        digest: Some(Digest {
            sha256: "0".repeat(64),
        }),
        annotations: BTreeMap::from([("run".to_owned(), "r1".to_owned())]),
    });
    seal(dir.path(), ["junit.xml"], result, None).unwrap();
    let verification = verify(dir.path(), None).unwrap();
    assert!(verification.holds(), "{:?}", verification.faults);
    let document = VerificationDocument::of(&verification, Vec::new());
    assert_eq!(document.records.len(), 1);
    assert_eq!(document.records[0].run, "r1");
    let validator = jsonschema::draft202012::new(&verification_schema()).unwrap();
    let document = serde_json::to_value(document).unwrap();
    assert!(validator.is_valid(&document), "{document}");
}
