//! The rules against the verdicts of the programme's own validator: all published submissions, and all
//! crafted ones, by both generations.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use plimsoll_program::rules::{
    Checklists, Generation, Links, Members, Product, Reach, Severity, Validator, Verdict, discover,
    format::validation_schema,
};
use serde_json::Value;

use crate::programme_files;

/// Answers as a case says; everything else answers 200.
struct Scripted(BTreeMap<String, (u64, u64)>);

impl Links for Scripted {
    fn reach(&self, url: &str) -> Reach {
        match self.0.get(url) {
            Some((head, get)) if *head >= 400 && *get >= 400 => Reach::Unreachable(format!("status {get}")),
            _ => Reach::Reachable,
        }
    }
}

/// Rule and id of what the programme's validator would say, and whether it is an error.
fn findings(verdict: &Verdict) -> BTreeSet<(String, String, bool)> {
    let decided = verdict
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Note);
    decided
        .map(|finding| {
            (
                finding.rule.to_owned(),
                finding.id.clone(),
                finding.severity == Severity::Error,
            )
        })
        .collect()
}

fn expected(verdict: &Value) -> BTreeSet<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = verdict["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            (
                text(&finding["rule"]),
                text(&finding["id"]),
                finding["severity"] == "error",
            )
        })
        .collect()
}

fn compare(name: &str, verdict: &Verdict, wanted: &Value) {
    assert_eq!(
        findings(verdict),
        expected(wanted),
        "{name}: {:#?}",
        verdict.findings
    );
    assert_eq!(Value::from(verdict.valid()), wanted["valid"], "{name}");
    for finding in &verdict.findings {
        assert!(
            finding.place.line >= 1 && finding.place.column >= 1,
            "{name}: {finding:?}"
        );
        assert!(
            !finding.message.is_empty() && !finding.help.is_empty(),
            "{name}: {finding:?}"
        );
        assert!(!finding.message.contains(char::is_control), "{name}: {finding:?}");
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn checklists(programme: &Path) -> Checklists {
    Checklists::read(&programme.join("docs")).unwrap()
}

/// The one piece of published evidence that the copy beside the checkout lacks; the verdicts were made with it.
/// Only whether it exists matters, as the validator does not look into a file of this name.
const LEFT_OUT: &str = "junit_01.xml";

/// The published submissions, complete, as a checkout.
fn published(programme: &Path) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    copy(&programme.join("submissions"), root.path());
    for version in ["v1.33", "v1.34", "v1.35"] {
        let left_out = root.path().join(version).join("daocloud").join(LEFT_OUT);
        if !left_out.exists() {
            fs::write(left_out, "").unwrap();
        }
    }
    root
}

#[test]
fn published_submissions_are_judged_as_the_programme_judges_them() {
    let Some(programme) = programme_files() else {
        return;
    };
    let published = published(&programme);
    for (generation, file) in [
        (Generation::Current, "verdicts.json"),
        (Generation::June2026, "verdicts-2026-06.json"),
    ] {
        let verdicts = json(&programme.join(file));
        let validator = Validator {
            generation,
            checklists: checklists(&programme),
            links: Some(Arc::new(Scripted(BTreeMap::new()))),
            ..Validator::default()
        };
        let found = discover(published.path()).unwrap();
        assert_eq!((found.products.len(), found.notices.len()), (40, 0));
        for verdict in validator.validate_all(&found.products) {
            let path = Path::new(&verdict.path);
            let name = path.strip_prefix(published.path()).unwrap().display().to_string();
            compare(&format!("{file}: {name}"), &verdict, &verdicts[&name]);
        }
    }
}

#[test]
fn without_the_official_files_ids_and_levels_alone_give_the_same_verdicts() {
    let Some(programme) = programme_files() else {
        return;
    };
    let verdicts = json(&programme.join("verdicts.json"));
    let published = published(&programme);
    let found = discover(published.path()).unwrap();
    let validator = Validator {
        checklists: Checklists::built_in(),
        ..Validator::default()
    };
    for verdict in validator.validate_all(&found.products) {
        let name = Path::new(&verdict.path).strip_prefix(published.path()).unwrap();
        compare(&verdict.path, &verdict, &verdicts[&name.display().to_string()]);
        assert!(verdict.undecided.contains(&"R15") && verdict.undecided.contains(&"R01"));
    }
}

struct Case {
    name: String,
    expected: Value,
    validator: Validator,
    product: Product,
}

/// Lays the cases out below a checkout root each.
fn cases(programme: &Path, root: &Path) -> Vec<Case> {
    let mut names: Vec<PathBuf> = fs::read_dir(programme.join("bad-submissions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|source| case(programme, root, &source))
        .collect()
}

fn case(programme: &Path, root: &Path, source: &Path) -> Case {
    let name = source.file_name().unwrap().to_string_lossy().into_owned();
    let expected = json(&source.join("expected.json"));
    let checkout = root.join(&name);
    copy(&programme.join("docs"), &checkout.join("docs"));
    let directory = checkout.join(expected["path"].as_str().unwrap());
    copy(source, &directory);
    let network = &expected["network"];
    let members: Vec<&str> = network["members"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let responses = network["responses"].as_object().unwrap();
    let scripted = responses
        .iter()
        .map(|(url, answer)| {
            (
                url.clone(),
                (answer["HEAD"].as_u64().unwrap(), answer["GET"].as_u64().unwrap()),
            )
        })
        .collect();
    let validator = Validator {
        generation: Generation::Current,
        checklists: Checklists::read(&checkout.join("docs")).unwrap(),
        members: Some(Members::from_lines(&members.join("\n"))),
        links: Some(Arc::new(Scripted(scripted))),
    };
    Case {
        name,
        expected,
        validator,
        product: Product::in_directory(&directory),
    }
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

#[test]
fn crafted_submissions_are_judged_as_the_programme_judges_them() {
    let Some(programme) = programme_files() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let cases = cases(&programme, root.path());
    assert_eq!(cases.len(), 100);
    for case in cases {
        let Case {
            name,
            expected,
            mut validator,
            product,
        } = case;
        let verdict = validator.validate(&product);
        compare(&name, &verdict, &expected);
        assert_eq!(verdict.undecided, [""; 0], "{name}");
        let advised: BTreeSet<&str> = verdict.findings.iter().map(|finding| finding.rule).collect();
        for rule in expected["review"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
        {
            assert!(
                advised.contains(rule),
                "{name}: no advice on {rule}: {:#?}",
                verdict.findings
            );
        }
        validator.generation = Generation::June2026;
        compare(
            &format!("{name}, June"),
            &validator.validate(&product),
            &expected["june2026"],
        );
    }
}

#[test]
fn sound_submissions_get_no_advice() {
    let Some(programme) = programme_files() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    for case in cases(&programme, root.path()) {
        if [
            "ok-base-1.37",
            "ok-file-scheme-fragments",
            "ok-snake-case-keys",
            "ok-base-1.33",
        ]
        .contains(&case.name.as_str())
        {
            let verdict = case.validator.validate(&case.product);
            let rules: Vec<_> = verdict
                .findings
                .iter()
                .map(|finding| (finding.rule, &finding.message))
                .collect();
            assert!(
                rules.iter().all(|(rule, _)| *rule == "N18"),
                "{}: {rules:?}",
                case.name
            );
        }
    }
}

#[test]
fn the_schema_of_the_json_is_the_committed_one() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schemas/validation.v1.schema.json"
    );
    let schema = serde_json::to_string_pretty(&validation_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(path, &schema).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, schema,
        "run this test with UPDATE_PAGES=1 and look at what changed"
    );
}
