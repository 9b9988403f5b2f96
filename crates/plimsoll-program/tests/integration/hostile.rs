//! Submissions that were made to break the reader: each is a finding, none a crash, none takes long.

use std::{fs, path::Path, time::Instant};

use plimsoll_program::rules::{Checklists, Product, Validator, Verdict};
use proptest::prelude::*;

use crate::yaml_like::{cut_or_changed, yaml_like};

fn judge(root: &Path, bytes: &[u8]) -> Verdict {
    let directory = root.join("v1.37/acme");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("PRODUCT.yaml"), bytes).unwrap();
    judge_directory(&directory)
}

fn judge_directory(directory: &Path) -> Verdict {
    let validator = Validator {
        checklists: Checklists::built_in(),
        ..Validator::default()
    };
    validator.validate(&Product::in_directory(directory))
}

fn errors(verdict: &Verdict) -> Vec<&str> {
    let errors = verdict
        .findings
        .iter()
        .filter(|finding| finding.severity.as_str() == "error");
    errors.map(|finding| finding.rule).collect()
}

#[test]
fn files_that_are_no_yaml_end_with_one_rule() {
    let root = tempfile::tempdir().unwrap();
    let cases: [(&[u8], &str); 17] = [
        (b"metadata:\n\tx: 1\n", "R04"),
        (b"a: caf\xe9\n", "R04"),
        (b"a: \x1b[2J\n", "R04"),
        (b"a: \0\n", "R04"),
        (b"\xff\xfea\0:\0 \0\x00\xd8", "R04"),
        (b"a: *nowhere\n", "R04"),
        (b"metadata: &a {x: *a}\n", "R04"),
        (b"metadata: {<<: 1}\n", "R04"),
        (b"metadata: {x: !!int text}\n", "R04"),
        (b"metadata: {x: {[a]: b}}\n", "R04"),
        (b"a: 1\na: 2\n", "R05"),
        (b"metadata: {x: {y: {a: 1, 'a': 2}}}\n", "R05"),
        (b"spec: {x: [{z: 1, z: 2}]}\n", "R05"),
        (b"metadata: {[a]: b}\n", "R06"),
        (b"spec: {x: [{notes: {a: b}}]}\n", "R06"),
        (b"spec: {x: [{evidence: [[a]]}]}\n", "R06"),
        (b"- a\n", "R06"),
    ];
    for (bytes, rule) in cases {
        let verdict = judge(root.path(), bytes);
        assert_eq!(
            errors(&verdict),
            [rule],
            "{}: {:?}",
            String::from_utf8_lossy(bytes),
            verdict.findings
        );
    }
}

#[test]
fn what_the_validator_does_not_look_into_is_no_fault() {
    let root = tempfile::tempdir().unwrap();
    let fine: [&[u8]; 6] = [
        b"other: {a: 1, a: 2}\nmetadata: ~\n",
        b"spec: {x: [{other: {a: 1, a: 2}, id: ~, evidence: [~, 1, true]}]}\n",
        b"base: &b {id: x}\nspec: {x: [{<<: *b, id: y}, ~]}\n",
        b"metadata: {x: 1}\n---\nnonsense: [\n",
        b"\xef\xbb\xbfmetadata: {x: 1}\n",
        b"\xff\xfea\0:\0 \0b\0\n\0",
    ];
    for bytes in fine {
        let verdict = judge(root.path(), bytes);
        let form = ["R04", "R05", "R06"];
        let broken = errors(&verdict).into_iter().any(|rule| form.contains(&rule));
        assert!(
            !broken,
            "{}: {:?}",
            String::from_utf8_lossy(bytes),
            verdict.findings
        );
    }
}

/// `depth` lists that each stand ten times in the next one, below `key`.
fn bomb(key: &str, depth: usize) -> String {
    let mut text = format!("bomb:\n  - &a0 [{}]\n", ["x"; 10].join(", "));
    for level in 1..depth {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("  - &a{level} [{items}]\n"));
    }
    format!("{text}{key}: {{x: *a{}}}\n", depth - 1)
}

#[test]
fn a_bomb_of_aliases_is_refused_where_it_would_go_off_and_ignored_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let verdict = judge(root.path(), bomb("metadata", 30).as_bytes());
    assert_eq!(errors(&verdict), ["R04"], "{:?}", verdict.findings);
    assert_eq!(
        errors(&judge(root.path(), bomb("other", 30).as_bytes())),
        ["R07", "R16"]
    );
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn deep_nesting_is_a_finding() {
    let root = tempfile::tempdir().unwrap();
    for text in [
        "[".repeat(100_000),
        format!("metadata: {}", "{a: ".repeat(20_000)),
        "- ".repeat(50_000),
        format!("metadata: {}1{}", "[".repeat(9_000), "]".repeat(9_000)),
    ] {
        let verdict = judge(root.path(), text.as_bytes());
        assert!(!verdict.valid());
    }
}

#[test]
fn a_chain_of_aliases_does_not_exhaust_the_stack() {
    let root = tempfile::tempdir().unwrap();
    let mut text = String::from("chain:\n  - &a0 [x]\n");
    for level in 1..50_000 {
        text.push_str(&format!("  - &a{level} [*a{}]\n", level - 1));
    }
    text.push_str("metadata: {x: *a49999}\n");
    assert!(!judge(root.path(), text.as_bytes()).valid());
}

#[test]
fn a_huge_file_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("v1.37/acme");
    fs::create_dir_all(&directory).unwrap();
    fs::File::create(directory.join("PRODUCT.yaml"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    let began = Instant::now();
    let verdict = judge_directory(&directory);
    assert_eq!(errors(&verdict), ["R04"]);
    assert!(
        verdict.findings[0].message.contains("104857600 bytes"),
        "{:?}",
        verdict.findings
    );
    assert!(began.elapsed().as_secs() < 5);
}

#[test]
fn a_directory_in_the_file_s_place_is_a_finding() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("v1.37/acme");
    fs::create_dir_all(directory.join("PRODUCT.yaml")).unwrap();
    assert_eq!(errors(&judge_directory(&directory)), ["R04"]);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_directory_are_told_and_devices_are_not_read() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("v1.37/acme");
    fs::create_dir_all(&directory).unwrap();
    fs::write(root.path().join("outside.md"), "x").unwrap();
    symlink(root.path().join("outside.md"), directory.join("proof.md")).unwrap();
    symlink("/dev/zero", directory.join("junit.xml")).unwrap();
    symlink("nowhere", directory.join("gone.md")).unwrap();
    let text = "spec: {networking: [{id: ai_inference, status: Implemented, evidence: [proof.md, junit.xml, gone.md]}]}\n";
    let verdict = judge(root.path(), text.as_bytes());
    let of = |rule: &str| {
        verdict
            .findings
            .iter()
            .filter(|finding| finding.rule == rule)
            .count()
    };
    assert_eq!(
        (of("N13"), of("R30"), of("R29")),
        (2, 1, 1),
        "{:#?}",
        verdict.findings
    );
}

#[test]
fn messages_never_carry_what_a_terminal_obeys() {
    let root = tempfile::tempdir().unwrap();
    let text = "\"\\e[31mkey\": 1\nmetadata: {vendorName: \"[\\e[2J\\n]\", \"\\x07\": 1}\nspec: {\"\\e[x\": [{id: \"\\e[y\", \"\\e[z\": 1}]}\n";
    let verdict = judge(root.path(), text.as_bytes());
    assert!(verdict.findings.len() > 5);
    for finding in &verdict.findings {
        let shown = format!("{}{}{}", finding.message, finding.id, finding.help);
        assert!(!shown.contains(char::is_control), "{finding:?}");
    }
}

const SOUND: &str = "metadata:\n  vendorName: &v \"Acme\"\n  platformName: *v\nspec:\n  networking:\n    - id: ai_inference\n      \
    level: MUST\n      status: N/A # why\n      evidence: [a.md, 'v1.37/x/y', \"https://x\"]\n      notes: |\n        text\n";

/// What submissions are made of.
const WORDS: &[&str] = &[
    "id: gang_scheduling",
    "status: N/A",
    "schedulingOrchestration:",
    "junit.xml#T",
    "file://",
    "../",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_the_validation_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let root = tempfile::tempdir().unwrap();
        let _ = judge(root.path(), &bytes);
    }

    #[test]
    fn no_yaml_like_text_makes_the_validation_panic(text in yaml_like(WORDS)) {
        let root = tempfile::tempdir().unwrap();
        let verdict = judge(root.path(), text.as_bytes());
        prop_assert!(!verdict.valid(), "nothing that short can be a submission");
        prop_assert!(verdict.findings.iter().all(|finding| finding.place.line > 0 && finding.place.offset <= verdict.text.len()));
    }

    #[test]
    fn a_cut_or_changed_submission_never_panics(texts in cut_or_changed(SOUND)) {
        let root = tempfile::tempdir().unwrap();
        for text in texts {
            let _ = judge(root.path(), text.as_bytes());
        }
    }
}
