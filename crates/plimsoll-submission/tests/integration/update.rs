//! A submission that is refreshed keeps what was written by hand.

use std::fs;

use plimsoll_program::submission::Submission;
use plimsoll_record::Verdict;
use plimsoll_submission::{ComposeError, Request, compose};

use crate::fixture::{PRODUCT, Run, Setting, said};

#[test]
fn what_was_written_by_hand_stays_and_the_rest_is_new() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let run = || Run::sound().with("workload_sandboxing", Verdict::Skipped);
    let first = setting.compose(&[run()], PRODUCT, false).unwrap();
    let file = first.directory.join("PRODUCT.yaml");
    let by_hand = fs::read_to_string(&file).unwrap().replace(
        "    - id: gang_scheduling\n",
        "    # our own comment\n    - id: gang_scheduling\n",
    );
    let begin = by_hand.find("- id: workload_sandboxing").unwrap();
    let sandboxing = by_hand[begin..]
        .replacen("status: \"\"", "status: Implemented", 1)
        .replacen(
            "evidence: []",
            "evidence:\n        - \"https://docs.acme.example/sandbox\"",
            1,
        )
        .replacen("notes: \"\"", "notes: \"Written by hand.\"", 1);
    fs::write(&file, format!("{}{sandboxing}", &by_hand[..begin])).unwrap();
    fs::write(first.directory.join("extra.md"), "kept").unwrap();
    let readme = setting.text(&first, "README.md") + "\nA word of our own.\n";
    fs::write(first.directory.join("README.md"), readme).unwrap();

    let second = setting
        .compose(&[run().with("gpu_sharing", Verdict::Failed)], PRODUCT, true)
        .unwrap();
    assert_eq!(said(&second), [], "{:#?}", second.verdict.findings);
    let written = setting.text(&second, "PRODUCT.yaml");
    assert!(written.contains("    # our own comment\n"), "{written}");
    let read = Submission::read(written.as_bytes()).unwrap();
    let claim = |id: &str| {
        read.claims()
            .find(|(_, claim)| claim.id.text == id)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(claim("workload_sandboxing").status.text, "Implemented");
    assert_eq!(claim("workload_sandboxing").notes.text, "Written by hand.");
    assert_eq!(
        claim("workload_sandboxing").evidence[0].text,
        "https://docs.acme.example/sandbox"
    );
    assert_eq!(claim("gpu_sharing").status.text, "Not Implemented");
    assert_eq!(setting.text(&second, "extra.md"), "kept");
    assert!(
        setting
            .text(&second, "README.md")
            .ends_with("\nA word of our own.\n")
    );

    let third = setting
        .compose(&[run().with("gpu_sharing", Verdict::Failed)], PRODUCT, true)
        .unwrap();
    for file in ["PRODUCT.yaml", "README.md", "junit.xml", "results.json"] {
        assert_eq!(
            setting.text(&third, file),
            if file == "PRODUCT.yaml" {
                written.clone()
            } else {
                setting.text(&second, file)
            }
        );
    }
}

#[test]
fn without_the_product_s_file_an_update_keeps_the_metadata() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let first = setting.compose(&[Run::sound()], PRODUCT, false).unwrap();
    let records = setting.records(&[Run::sound()]);
    let request = Request {
        records: &records,
        product: None,
        checklist: &setting.checklist,
        root: &first.directory,
        update: true,
    };
    let second = compose(&request).unwrap();
    assert_eq!(said(&second), []);
    assert!(
        setting
            .text(&second, "PRODUCT.yaml")
            .contains("platformName: \"Acme Orchard\"")
    );
}

#[test]
fn nothing_is_overwritten_unasked_and_nothing_that_is_not_there_is_updated() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    assert!(matches!(
        setting.compose(&[Run::sound()], PRODUCT, true),
        Err(ComposeError::Absent(_))
    ));
    setting.compose(&[Run::sound()], PRODUCT, false).unwrap();
    assert!(matches!(
        setting.compose(&[Run::sound()], PRODUCT, false),
        Err(ComposeError::Exists(_))
    ));
}

#[test]
fn an_update_takes_away_what_an_earlier_run_wrote_unless_somebody_touched_it() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let named = |name| {
        let mut run = Run::sound();
        run.name = name;
        run
    };
    let first = setting
        .compose(&[named("one"), named("two")], PRODUCT, false)
        .unwrap();
    let folder = first.directory.join("runs/two");
    fs::write(folder.join("evidence/gang_scheduling.md"), "ours by now").unwrap();
    fs::write(first.directory.join("extra.md"), "kept").unwrap();
    let second = setting
        .compose(&[named("one"), named("three")], PRODUCT, true)
        .unwrap();
    assert_eq!(said(&second), [], "{:#?}", second.verdict.findings);
    let left: Vec<String> = plimsoll_attestation::plain_files(&folder).unwrap();
    assert_eq!(left, ["evidence/gang_scheduling.md"]);
    assert!(second.directory.join("runs/three/junit.xml").is_file());
    // The seal is over all that is there then.
    let verification = plimsoll_attestation::verify(&second.directory, None).unwrap();
    assert_eq!(verification.faults, []);
    let statement = verification.statement.unwrap();
    assert!(statement.digests().contains_key("extra.md"));
}
