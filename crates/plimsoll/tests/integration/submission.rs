//! `plimsoll submission` as vendors meet it: from runs to a directory, and what is refused on the way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    plimsoll,
    programme::{copy, programme_files},
    text,
};

/// The vendor's file of the guide.
fn product() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/submission/product.toml"
    );
    fs::read_to_string(path).unwrap()
}

/// A vendor's folder: two runs on the simulated platform in `out` and `second`, the product's file and the checklists. None, with a
/// loud word, where the programme's files are not at hand.
fn vendor() -> Option<tempfile::TempDir> {
    let programme = programme_files()?;
    let home = tempfile::tempdir().unwrap();
    copy(&programme.join("docs"), &home.path().join("docs"));
    fs::write(home.path().join("product.toml"), product()).unwrap();
    for out in ["out", "second"] {
        copy(&RUNS.path().join(out), &home.path().join(out));
    }
    Some(home)
}

/// Two short runs, made once for all tests.
static RUNS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    for (out, seed) in [("out", "1"), ("second", "2")] {
        let only = "gang_scheduling,secure_accelerator_access";
        let given = ["run", "-q", "--simulate", "--program", "1.37", "--only", only];
        let output = plimsoll(
            home.path(),
            &[&given[..], &["--seed", seed, "--out", out]].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    home
});

fn submission(home: &Path, runs: &[&str], more: &[&str]) -> Output {
    let given = [
        "--product",
        "product.toml",
        "--checklist",
        "docs/AIConformance-1.37.yaml",
        "--out",
        ".",
    ];
    plimsoll(home, &[&["submission"], runs, &given, more].concat())
}

/// Makes a sample, and gives its directory.
fn sample(home: &Path, runs: &[&str], more: &[&str]) -> PathBuf {
    let output = submission(home, runs, &[&["--sample"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    home.join(text(&output.stdout).trim())
}

/// Asserts bad input: exit code 3, these words, and nothing written.
fn refused(home: &Path, output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(text(&output.stdout), "", "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.len() < 20_000, "an error that nobody can read");
    assert!(!home.join("v1.37").exists(), "nothing may be written");
}

/// Writes a record again, with something in its text replaced.
fn record(home: &Path, out: &str, change: impl Fn(&str) -> String) {
    let folder = home.join(out);
    fs::create_dir_all(&folder).unwrap();
    let sound = fs::read_to_string(home.join("out/record.jsonl")).unwrap();
    fs::write(folder.join("record.jsonl"), change(&sound)).unwrap();
}

#[test]
fn init_writes_a_file_that_says_what_is_missing_and_never_over_another() {
    let home = tempfile::tempdir().unwrap();
    let output = plimsoll(home.path(), &["submission", "--init"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let again = plimsoll(home.path(), &["submission", "--init"]);
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again.stderr).contains("product.toml"));
    let other = plimsoll(home.path(), &["submission", "--init", "--product", "other.toml"]);
    assert_eq!(other.status.code(), Some(0));
    assert!(home.path().join("other.toml").is_file());
    let Some(vendor) = vendor() else {
        return;
    };
    // As it stands, every placeholder in it is told.
    fs::copy(
        home.path().join("product.toml"),
        vendor.path().join("product.toml"),
    )
    .unwrap();
    let output = submission(vendor.path(), &["out"], &["--sample"]);
    refused(
        vendor.path(),
        &output,
        &[
            "product.toml:5:13",
            "`[directory]`",
            "product.toml:21:",
            "is a placeholder",
        ],
    );
}

#[test]
fn a_sample_is_written_marked_valid_and_sealed() {
    let Some(home) = vendor() else {
        return;
    };
    let directory = sample(home.path(), &["out"], &[]);
    assert!(directory.ends_with("v1.37/acme-orchard"));
    for file in [
        "PRODUCT.yaml",
        "README.md",
        "junit.xml",
        "e2e.log",
        "results.json",
        "evidence/gang_scheduling.md",
    ] {
        assert!(directory.join(file).is_file(), "{file}");
    }
    fs::write(home.path().join("members"), "Acme Example Corp\n").unwrap();
    let output = plimsoll(
        home.path(),
        &[
            "validate",
            "v1.37/acme-orchard",
            "--members",
            "members",
            "--format",
            "json",
        ],
    );
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts[0]["valid"], true);
    let rules: Vec<&str> = verdicts[0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        rules,
        ["R22", "N16"],
        "the vendor's N/A, and the mark of a sample"
    );

    let verify = |more: &[&str]| {
        let output = plimsoll(home.path(), &[&["verify", "v1.37/acme-orchard"], more].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, found, said) = verify(&["--record", "out"]);
    assert_eq!((code, found.as_str()), (Some(0), ""), "{said}");
    let (code, found, _) = verify(&["--record", "second"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        found,
        "second/record.jsonl: is no record that this was made from\n"
    );
    fs::write(directory.join("e2e.log"), "--- PASS: TestGangScheduling\n").unwrap();
    assert_eq!(verify(&[]).1, "e2e.log: was changed\n");
}

#[test]
fn a_submission_can_be_signed_after_the_vendor_wrote_on_but_not_after_artifacts_changed() {
    let Some(home) = vendor() else {
        return;
    };
    let directory = sample(home.path(), &["out"], &[]);
    plimsoll(home.path(), &["keygen", "key"]);
    let readme = fs::read_to_string(directory.join("README.md")).unwrap() + "\nOurs.\n";
    fs::write(directory.join("README.md"), readme).unwrap();
    let sign = || plimsoll(home.path(), &["sign", "v1.37/acme-orchard", "--key", "key"]);
    let output = sign();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = plimsoll(home.path(), &["verify", "v1.37/acme-orchard", "--key", "key.pub"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    fs::write(directory.join("junit.xml"), "<testsuites/>").unwrap();
    let output = sign();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("`junit.xml` was changed"));
}

#[test]
fn what_says_nothing_about_a_product_is_refused_without_sample() {
    let Some(home) = vendor() else {
        return;
    };
    let output = submission(home.path(), &["out"], &[]);
    refused(home.path(), &output, &["the simulated platform", "--sample"]);
    record(home.path(), "lab", |sound| {
        sound.replacen("\"kind\":\"simulated\"", "\"kind\":\"lab\"", 1)
    });
    let output = submission(home.path(), &["lab"], &[]);
    refused(home.path(), &output, &["own lab", "--sample"]);
    record(home.path(), "cluster", |sound| {
        sound.replacen("\"kind\":\"simulated\"", "\"kind\":\"cluster\"", 1)
    });
    let output = submission(home.path(), &["cluster"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = fs::read_to_string(home.path().join("v1.37/acme-orchard/PRODUCT.yaml")).unwrap();
    assert!(!written.contains("SAMPLE"), "{written}");
}

#[test]
fn several_runs_become_one_submission_that_rests_on_all_of_them() {
    let Some(home) = vendor() else {
        return;
    };
    let directory = sample(home.path(), &["out", "second"], &[]);
    let runs = fs::read_dir(directory.join("runs")).unwrap().count();
    assert_eq!(runs, 2);
    let output = plimsoll(
        home.path(),
        &[
            "verify",
            "v1.37/acme-orchard",
            "--record",
            "out",
            "--record",
            "second",
            "--format",
            "json",
        ],
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["holds"], true, "{document}");
    assert_eq!(document["records"].as_array().unwrap().len(), 2);
    fs::remove_dir_all(home.path().join("v1.37")).unwrap();
    let output = submission(home.path(), &["out", "out"], &["--sample"]);
    refused(home.path(), &output, &["which was given already"]);
}

#[test]
fn an_update_keeps_what_was_written_by_hand() {
    let Some(home) = vendor() else {
        return;
    };
    let directory = sample(home.path(), &["out"], &[]);
    let output = submission(home.path(), &["out"], &["--sample"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("--update"));
    let file = directory.join("PRODUCT.yaml");
    let by_hand = fs::read_to_string(&file).unwrap().replacen(
        "    - id: workload_sandboxing\n",
        "    # by hand\n    - id: workload_sandboxing\n",
        1,
    );
    fs::write(&file, &by_hand).unwrap();
    fs::write(directory.join("diagram.svg"), "<svg/>").unwrap();
    sample(home.path(), &["second"], &["--update"]);
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("    # by hand\n"), "{written}");
    assert!(directory.join("diagram.svg").is_file());
    // A second time changes nothing.
    sample(home.path(), &["second"], &["--update"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let output = plimsoll(
        home.path(),
        &["verify", "v1.37/acme-orchard", "--record", "second"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_status_of_the_vendor_s_own_needs_a_reason_which_stays_visible() {
    let Some(home) = vendor() else {
        return;
    };
    let status = "[requirement.secure_accelerator_access]\nstatus = \"Partially Implemented\"\n";
    fs::write(
        home.path().join("product.toml"),
        format!("{}\n{status}", product()),
    )
    .unwrap();
    let output = submission(home.path(), &["out"], &["--sample"]);
    refused(home.path(), &output, &["product.toml:", "reason"]);
    let stated = format!("{}\n{status}reason = \"Only of whole devices.\"\n", product());
    fs::write(home.path().join("product.toml"), stated).unwrap();
    let output = submission(home.path(), &["out"], &["--sample"]);
    // A MUST that is not Implemented is no valid submission; it is written all the same.
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    for file in ["PRODUCT.yaml", "README.md"] {
        let written = fs::read_to_string(home.path().join("v1.37/acme-orchard").join(file)).unwrap();
        assert!(written.contains("Only of whole devices."), "{file}: {written}");
        assert!(written.contains("Partially Implemented"), "{file}: {written}");
    }
}

#[test]
fn a_layered_product_names_who_owns_what() {
    let Some(home) = vendor() else {
        return;
    };
    let layers = "[[layer]]\nname = \"base\"\nproduct = \"Example Kubernetes 1.2\"\n\
        certificate = \"https://github.com/cncf/k8s-ai-conformance/tree/main/v1.37/example\"\n\
        [requirement.secure_accelerator_access]\nowner = \"base\"\n";
    fs::write(
        home.path().join("product.toml"),
        format!("{}\n{layers}", product()),
    )
    .unwrap();
    let directory = sample(home.path(), &["out"], &[]);
    let written = fs::read_to_string(directory.join("PRODUCT.yaml")).unwrap();
    assert!(
        written.contains("Owned by layer base (Example Kubernetes 1.2"),
        "{written}"
    );
    fs::remove_dir_all(home.path().join("v1.37")).unwrap();
    let unknown = format!(
        "{}\n{}",
        product(),
        layers.replace("owner = \"base\"", "owner = \"bsae\"")
    );
    fs::write(home.path().join("product.toml"), unknown).unwrap();
    let output = submission(home.path(), &["out"], &["--sample"]);
    refused(home.path(), &output, &["`bsae`", "base"]);
}

#[test]
fn a_product_s_file_is_told_all_that_is_wrong_with_it_with_its_places() {
    let Some(home) = vendor() else {
        return;
    };
    for (change, words) in [
        (
            (
                "website-url = \"https://orchard.acme.example/\"",
                "website-url = \"orchard.acme.example\"",
            ),
            ["product.toml:9:15", "`orchard.acme.example`"],
        ),
        (("vendor-name", "vendor-nmae"), ["product.toml:8:", "vendor-nmae"]),
        (
            ("[requirement.ai_inference]", "[requirement.ai_inferense]"),
            ["product.toml:20:1", "`ai_inference`"],
        ),
        (
            ("platform-version = \"3.2.0\"\n", ""),
            ["product.toml:", "platform-version"],
        ),
        (
            ("directory = \"acme-orchard\"", "directory = \"../up\""),
            ["product.toml:5:13", "../up"],
        ),
        (("[product]", "[product"), ["product.toml:4:", "help"]),
    ] {
        let (from, to) = change;
        let changed = product().replacen(from, to, 1);
        assert_ne!(changed, product(), "{from}");
        fs::write(home.path().join("product.toml"), changed).unwrap();
        refused(
            home.path(),
            &submission(home.path(), &["out"], &["--sample"]),
            &words,
        );
    }
    fs::write(home.path().join("product.toml"), [0xff, 0xfe]).unwrap();
    refused(
        home.path(),
        &submission(home.path(), &["out"], &["--sample"]),
        &["product.toml", "UTF-8"],
    );
}

#[test]
fn records_of_other_formats_and_broken_ones_are_refused_by_name() {
    let Some(home) = vendor() else {
        return;
    };
    let format = |format: &'static str| {
        move |sound: &str| sound.replacen("\"format\":\"1.0\"", &format!("\"format\":\"{format}\""), 1)
    };
    record(home.path(), "newer", format("2.0"));
    record(home.path(), "older", format("0.9"));
    record(home.path(), "none", |_| String::new());
    record(home.path(), "garbled", |sound| {
        sound.replacen("\"event\":", "\"evnt\":", 3)
    });
    record(home.path(), "truncated", |sound| {
        sound[..sound.len() * 2 / 3].to_owned()
    });
    for (out, words) in [
        ("newer", ["`2.0`", "1.0"]),
        ("older", ["`0.9`", "1.0"]),
        ("none", ["none/record.jsonl", "empty"]),
        ("garbled", ["garbled/record.jsonl", "run-started"]),
        ("truncated", ["truncated", "--resume"]),
        ("nowhere", ["nowhere", "record"]),
    ] {
        refused(
            home.path(),
            &submission(home.path(), &[out], &["--sample"]),
            &words,
        );
    }
    // What only adds to this format is read.
    record(home.path(), "minor", format("1.7"));
    sample(home.path(), &["minor"], &[]);
    // Of what was cut off, the last whole event counts, and the reports say so.
    let output = plimsoll(home.path(), &["report", "truncated", "--format", "text"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).to_lowercase().contains("interrupted"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_checklist_of_another_version_or_none_at_all_is_refused() {
    let Some(home) = vendor() else {
        return;
    };
    fs::write(home.path().join("not-yaml"), "a: [\n").unwrap();
    fs::write(home.path().join("other.yaml"), "kind: Deployment\n").unwrap();
    for (checklist, words) in [
        (
            "docs/AIConformance-1.36.yaml",
            ["1.36", "AIConformance-1.37.yaml"],
        ),
        ("not-yaml", ["not-yaml:", "YAML"]),
        ("other.yaml", ["other.yaml", "is missing"]),
        ("nowhere", ["nowhere", "could not read"]),
    ] {
        let output = plimsoll(
            home.path(),
            &[
                "submission",
                "out",
                "--sample",
                "--product",
                "product.toml",
                "--checklist",
                checklist,
            ],
        );
        refused(home.path(), &output, &words);
    }
}

#[test]
fn files_of_a_hundred_megabytes_are_refused_at_once() {
    let Some(home) = vendor() else {
        return;
    };
    // Nothing of it is on the disk, all of it would be read.
    let big = fs::File::create(home.path().join("big.yaml")).unwrap();
    big.set_len(100 << 20).unwrap();
    let begun = Instant::now();
    let checklist = [
        "submission",
        "out",
        "--sample",
        "--product",
        "product.toml",
        "--checklist",
        "big.yaml",
    ];
    let product = [
        "submission",
        "out",
        "--sample",
        "--checklist",
        "docs/AIConformance-1.37.yaml",
        "--product",
        "big.yaml",
    ];
    for arguments in [checklist, product] {
        refused(
            home.path(),
            &plimsoll(home.path(), &arguments),
            &["big.yaml", "larger than"],
        );
    }
    let directory = sample(home.path(), &["out"], &[]);
    let registry = ["registry", ".", "list", "--dates", "big.yaml"];
    let members = ["validate", "v1.37/acme-orchard", "--members", "big.yaml"];
    for arguments in [&registry[..], &members] {
        let output = plimsoll(home.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(text(&output.stderr).contains("larger than"), "{arguments:?}");
    }
    fs::copy(home.path().join("big.yaml"), directory.join("PRODUCT.yaml")).unwrap();
    let output = plimsoll(home.path(), &["validate", "v1.37/acme-orchard"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("R04"), "{}", text(&output.stdout));
    let output = plimsoll(home.path(), &["registry", ".", "list"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Each is done in milliseconds; the bound is for machines with much else to do.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_template_that_nobody_filled_in_is_not_valid() {
    let Some(home) = vendor() else {
        return;
    };
    let directory = sample(home.path(), &["out"], &[]);
    let file = directory.join("PRODUCT.yaml");
    let written = fs::read_to_string(&file).unwrap();
    for (to, valid, word) in [
        ("{{ .Values.platform }}", false, "R04"),
        (
            "\"{{ .Values.platform }}\"",
            true,
            "is a template that nobody rendered",
        ),
        ("\"[Platform Name]\"", false, "R11"),
    ] {
        let changed = written.replacen("\"Acme Orchard\"", to, 1);
        assert_ne!(changed, written);
        fs::write(&file, changed).unwrap();
        let output = plimsoll(
            home.path(),
            &["validate", "v1.37/acme-orchard", "--format", "json"],
        );
        let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdicts[0]["valid"], valid, "{to}: {}", verdicts[0]);
        let findings = verdicts[0]["findings"].to_string();
        assert!(findings.contains(word), "{to}: {findings}");
    }
}
