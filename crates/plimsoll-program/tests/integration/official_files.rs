//! Our facts against the programme's own files, which lie beside the checkout in `shared/program`.

use std::path::Path;

use plimsoll_program::{
    Checklist, ProgrammeVersion, RequirementId,
    checklist::{Status, official_version},
    requirements,
};
use serde_json::Value;

use crate::programme_files;

#[test]
fn the_facts_are_those_of_every_official_checklist() {
    let Some(folder) = programme_files() else { return };
    for version in ProgrammeVersion::ALL {
        let path = folder.join(format!("docs/AIConformance-{version}.yaml"));
        let checklist = Checklist::read(&path).unwrap();
        assert_eq!(checklist.programme(), Some(version));
        assert_eq!(checklist.compare(requirements()), [], "{version}");

        let listed: Vec<&RequirementId> = checklist.entries().map(|(_, entry)| &entry.id).collect();
        let facts: Vec<&RequirementId> = requirements()
            .iter()
            .filter(|requirement| requirement.levels.contains_key(&version))
            .map(|requirement| &requirement.id)
            .collect();
        assert_eq!(listed, facts, "the order in {version}");
        assert!(
            checklist
                .entries()
                .all(|(_, entry)| entry.status == Status::Blank)
        );
        assert!(
            checklist
                .entries()
                .all(|(_, entry)| entry.evidence.is_empty() && entry.notes.is_empty())
        );
    }
}

#[test]
fn no_official_checklist_is_unknown() {
    let Some(folder) = programme_files() else { return };
    for file in std::fs::read_dir(folder.join("docs")).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let version =
            official_version(&bytes).unwrap_or_else(|| panic!("{} has another digest", path.display()));
        assert!(
            path.ends_with(format!("AIConformance-{version}.yaml")),
            "{}",
            path.display()
        );
    }
}

#[test]
fn an_edited_copy_of_an_official_checklist_shows() {
    let Some(folder) = programme_files() else { return };
    let text = std::fs::read_to_string(folder.join("docs/AIConformance-1.37.yaml")).unwrap();
    let edited = text
        .replacen("level: MUST", "level: SHOULD", 1)
        .replacen("gpu_sharing", "gpu_shared", 1);
    assert_eq!(official_version(edited.as_bytes()), None);
    let differences: Vec<String> = Checklist::parse("edited.yaml", &edited)
        .unwrap()
        .compare(requirements())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        differences,
        [
            "`gpu_shared` (SHOULD) is not in this version",
            "`ai_inference` is SHOULD in the checklist, MUST in this version",
            "`gpu_sharing` (SHOULD) is not in the checklist",
        ]
    );
}

/// Rules that end a file at once because it has no sound shape: R04 to R07 and R16 of the programme's rules.
const SHAPE: [&str; 5] = ["R04", "R05", "R06", "R07", "R16"];

fn breaks_a_rule_of_shape(verdict: &Value) -> bool {
    let findings = verdict["findings"].as_array().expect("`findings` is a list");
    findings
        .iter()
        .any(|finding| SHAPE.contains(&finding["rule"].as_str().unwrap_or_default()))
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("the file lies beside the others");
    serde_json::from_slice(&bytes).expect("the programme's files are JSON")
}

#[test]
fn published_submissions_load_unless_the_programme_cannot_read_them_either() {
    let Some(folder) = programme_files() else { return };
    let verdicts = json(&folder.join("verdicts.json"));
    let verdicts = verdicts.as_object().unwrap();
    assert_eq!(verdicts.len(), 40);
    for (product, verdict) in verdicts {
        let path = folder.join("submissions").join(product).join("PRODUCT.yaml");
        let loaded = Checklist::read(&path);
        assert_eq!(
            loaded.is_err(),
            breaks_a_rule_of_shape(verdict),
            "{product}: {loaded:?}"
        );
        if let Ok(checklist) = loaded {
            assert!(checklist.programme().is_some(), "{product}");
            assert!(
                checklist
                    .entries()
                    .any(|(_, entry)| entry.status == Status::Implemented),
                "{product}"
            );
        }
    }
}

#[test]
fn crafted_files_are_refused_where_the_programme_refuses_their_shape() {
    let Some(folder) = programme_files() else { return };
    // Here the loader is stricter: these files can be read, but hold something that no checklist can mean.
    let stricter = ["meta-repo-is-list", "spec-duplicate-id-last-good"];
    let mut seen = 0;
    for case in std::fs::read_dir(folder.join("bad-submissions")).unwrap() {
        let case = case.unwrap();
        let path = case.path().join("PRODUCT.yaml");
        let name = case.file_name().into_string().unwrap();
        if !path.is_file() {
            continue;
        }
        let refused = breaks_a_rule_of_shape(&json(&case.path().join("expected.json")));
        let loaded = Checklist::read(&path);
        assert_eq!(
            loaded.is_err(),
            refused || stricter.contains(&name.as_str()),
            "{name}: {loaded:?}"
        );
        seen += 1;
    }
    assert!(seen >= 90, "{seen}");
}
