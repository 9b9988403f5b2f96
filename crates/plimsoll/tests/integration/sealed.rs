//! Who stands for a record: `keygen`, `run --sign`, `sign` and `verify`.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{plimsoll, text};

/// A short run, in `out` below `home`.
fn run(home: &Path, more: &[&str]) {
    let mut arguments = vec!["run", "--simulate=minimal", "--out", "out", "-q"];
    arguments.extend(more);
    plimsoll(home, &arguments);
}

fn verify(home: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut arguments = vec!["verify", "out"];
    arguments.extend(more);
    let output = plimsoll(home, &arguments);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_signed_run_is_verified_with_the_public_key() {
    let home = tempfile::tempdir().unwrap();
    let made = plimsoll(home.path(), &["keygen", "key"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    run(home.path(), &["--sign", "key"]);
    let (code, found, said) = verify(home.path(), &["--key", "key.pub"]);
    assert_eq!((code, found.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains("signed by the key asked for"), "{said}");

    // Another key does not do.
    plimsoll(home.path(), &["keygen", "other"]);
    assert_eq!(verify(home.path(), &["--key", "other.pub"]).0, Some(1));
}

#[test]
fn a_changed_byte_is_noticed_with_and_without_a_signature() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), &[]);
    let (code, found, said) = verify(home.path(), &[]);
    assert_eq!((code, found.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains("NOT SIGNED"), "{said}");
    for file in [
        "record.jsonl",
        "results.json",
        "junit.xml",
        "report.html",
        "evidence/gang_scheduling.md",
    ] {
        let path = home.path().join("out").join(file);
        let sound = fs::read(&path).unwrap();
        let mut changed = sound.clone();
        changed[sound.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        let (code, found, said) = verify(home.path(), &[]);
        assert_eq!(
            (code, found),
            (Some(1), format!("{file}: was changed\n")),
            "{said}"
        );
        fs::write(&path, sound).unwrap();
    }
}

#[test]
fn a_report_with_a_digest_to_match_is_still_not_what_the_record_says() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), &[]);
    plimsoll(home.path(), &["keygen", "key"]);
    let results = home.path().join("out/results.json");
    let better = fs::read_to_string(&results)
        .unwrap()
        .replace("\"inconclusive\"", "\"passed\"")
        + " ";
    fs::write(&results, better).unwrap();
    let refused = plimsoll(home.path(), &["sign", "out", "--key", "key"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        text(&refused.stderr).contains("`results.json` was changed"),
        "{}",
        text(&refused.stderr)
    );
    plimsoll(home.path(), &["sign", "out", "--key", "key", "--force"]);
    let (code, found, _) = verify(home.path(), &["--key", "key.pub"]);
    assert_eq!(
        (code, found.as_str()),
        (Some(1), "results.json: is not what record.jsonl says\n")
    );
}

#[test]
fn reports_made_again_leave_the_seal_whole() {
    let home = tempfile::tempdir().unwrap();
    run(home.path(), &[]);
    plimsoll(home.path(), &["report", "out"]);
    let output = plimsoll(home.path(), &["verify", "out", "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["holds"], true, "{document}");
    assert_eq!(document["signature"], "none");
}

#[test]
fn what_cannot_be_verified_or_signed_with_is_bad_input() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("out")).unwrap();
    fs::write(home.path().join("key"), "secret").unwrap();
    for arguments in [
        &["verify", "out"][..],
        &["verify", "nowhere"],
        &["verify", "out", "--key", "key"],
        &["run", "--simulate", "--sign", "key"],
        &["sign", "out", "--key", "nowhere"],
        // A key that is there is never overwritten.
        &["keygen", "key"],
    ] {
        let output = plimsoll(home.path(), arguments);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}
