//! Checklists that are none: each fault named with file, line, column and field.

use plimsoll_program::checklist::{Checklist, FaultKind, FaultyChecklist, LoadError, Status};
use proptest::prelude::*;

use crate::yaml_like::{cut_or_changed, yaml_like};

const SOUND: &str = "\
metadata:
  kubernetesVersion: v1.37
  platformVersion: 1.30
spec:
  networking:
    - id: ai_inference
      description: routes
      level: MUST
      status: Implemented
      evidence:
        - https://example.org/doc
      notes: 42
  operator:
";

fn parse(text: &str) -> Result<Checklist, Box<FaultyChecklist>> {
    Checklist::parse("PRODUCT.yaml", text)
}

fn faults(text: &str) -> Vec<String> {
    parse(text)
        .expect_err("expected faults")
        .faults
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_filled_in_checklist_loads_with_its_texts_as_written() {
    let checklist = parse(SOUND).unwrap();
    assert_eq!(checklist.field("platformVersion"), Some("1.30"));
    let (section, entry) = checklist.entries().next().unwrap();
    assert_eq!((section.name.as_str(), section.place.line), ("networking", 5));
    assert_eq!(
        (&entry.status, entry.notes.as_str()),
        (&Status::Implemented, "42")
    );
    assert_eq!(entry.evidence, ["https://example.org/doc"]);
    assert_eq!(entry.place.line, 6);
    assert!(checklist.sections[1].requirements.is_empty());
}

#[test]
fn a_syntax_error_has_its_place() {
    let faulty = parse("metadata:\n  a: [1, 2\nspec:\n").unwrap_err();
    assert!(
        matches!(faulty.faults[0].kind, FaultKind::Syntax { .. }),
        "{faulty}"
    );
    assert!(
        faulty
            .to_string()
            .starts_with("`PRODUCT.yaml` is not a checklist: PRODUCT.yaml:"),
        "{faulty}"
    );
    assert!(faulty.faults[0].place.line >= 2);
}

#[test]
fn a_key_twice_is_a_fault_of_its_own() {
    let text = SOUND.replace("      notes: 42\n", "      notes: 42\n      status: N/A\n");
    let faulty = parse(&text).unwrap_err();
    assert_eq!(
        faulty.faults[0].kind,
        FaultKind::DuplicateKey {
            key: "status".to_owned()
        }
    );
    assert_eq!(faulty.faults[0].place.line, 13);
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    let text = "\
metadata:
  websiteUrl: [a]
spec:
  security:
    - id: x
      level: MAY
      evidence: N/A
    - id: x
      description: again
      level: MUST
      notes: {a: b}
    - just text
  operator: 7
";
    assert_eq!(
        faults(text),
        [
            "PRODUCT.yaml:2:15: `metadata.websiteUrl` must be text, found a list",
            "PRODUCT.yaml:5:7: `spec.security[0].description` is missing",
            "PRODUCT.yaml:6:14: `spec.security[0].level` must be MUST or SHOULD, found `MAY`",
            "PRODUCT.yaml:7:17: `spec.security[0].evidence` must be a list, found text",
            "PRODUCT.yaml:8:11: `spec.security[1].id` repeats the id `x` of line 5",
            "PRODUCT.yaml:11:14: `spec.security[1].notes` must be text, found a mapping",
            "PRODUCT.yaml:12:7: `spec.security[2]` must be a mapping, found text",
            "PRODUCT.yaml:13:13: `spec.operator` must be a list, found a number",
        ]
    );
}

#[test]
fn empty_and_foreign_documents_are_named_as_such() {
    assert_eq!(faults(""), ["PRODUCT.yaml:1:1: must be a mapping, found nothing"]);
    assert_eq!(
        faults("- a\n"),
        ["PRODUCT.yaml:1:1: must be a mapping, found a list"]
    );
    assert_eq!(
        faults("metadata:\n"),
        [
            "PRODUCT.yaml:1:1: `spec` is missing",
            "PRODUCT.yaml:1:9: `metadata` is missing"
        ]
    );
}

#[test]
fn a_file_that_is_not_text_or_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("PRODUCT.yaml");
    assert!(matches!(
        Checklist::read(&path),
        Err(LoadError::Unreadable { .. })
    ));
    std::fs::write(&path, b"metadata:\n  a: caf\xe9\n").unwrap();
    let Err(LoadError::Faulty(faulty)) = Checklist::read(&path) else {
        panic!("expected a fault")
    };
    let fault = &faulty.faults[0];
    assert_eq!(
        (&fault.kind, fault.place.line, fault.place.column),
        (&FaultKind::NotText, 2, 9)
    );
}

#[test]
fn spans_point_at_what_is_wrong() {
    let text = SOUND.replace("MUST", "MAYBE");
    let faulty = parse(&text).unwrap_err();
    let place = faulty.faults[0].place;
    assert_eq!(&text[place.offset..place.offset + place.length], "MAYBE");
}

/// What checklists are made of.
const WORDS: &[&str] = &["id: x", "level: MUST", "level:", "description: d"];

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_yaml_like_text_makes_the_loader_panic_or_fail_without_a_fault(text in yaml_like(WORDS)) {
        if let Err(faulty) = parse(&text) {
            prop_assert!(!faulty.faults.is_empty());
            prop_assert!(faulty.faults.iter().all(|fault| fault.place.line > 0 && fault.place.offset <= text.len()));
        }
    }

    #[test]
    fn a_cut_or_changed_checklist_never_panics(texts in cut_or_changed(SOUND)) {
        for text in texts {
            let _ = parse(&text);
        }
    }
}
