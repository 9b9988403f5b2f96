//! What is written is valid, and differs from the checklist in the answers only.

use plimsoll_program::{
    ProgrammeVersion,
    artifact::{Artifact, ArtifactKind},
    checklist::Status,
    requirements,
    submission::Submission,
};
use plimsoll_record::{PlatformKind, Verdict};

use crate::fixture::{PRODUCT, Run, Setting, said};

#[test]
fn a_sound_run_gives_a_submission_without_any_finding() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let composed = setting.compose(&[Run::sound()], PRODUCT, false).unwrap();
    assert_eq!(said(&composed), [], "{:#?}", composed.verdict.findings);
    assert!(composed.official);
    assert!(composed.directory.ends_with("out/v1.37/acme-orchard"));
    assert!(
        composed
            .answers
            .iter()
            .all(|answer| answer.status == Status::Implemented)
    );
    for file in [
        "PRODUCT.yaml",
        "README.md",
        "e2e.log",
        "junit.xml",
        "results.json",
        "evidence/gang_scheduling.md",
    ] {
        assert!(!setting.text(&composed, file).is_empty(), "{file}");
    }
    let readme = setting.text(&composed, "README.md");
    assert!(
        readme.starts_with("# Acme Orchard 3.2\n") && !readme.contains("SAMPLE"),
        "{readme}"
    );
}

#[test]
fn of_every_version_only_the_answers_differ_from_the_official_file() {
    for version in ProgrammeVersion::ALL {
        let Some(setting) = Setting::new(&version.to_string()) else {
            return;
        };
        let mut run = Run::sound();
        run.version = version;
        run.verdicts = requirements()
            .iter()
            .filter(|known| known.levels.contains_key(&version))
            .map(|known| (known.id.as_str(), Verdict::Passed))
            .collect();
        let composed = setting.compose(&[run], PRODUCT, false).unwrap();
        assert!(
            composed.verdict.valid(),
            "{version}: {:#?}",
            composed.verdict.findings
        );
        let official = std::fs::read_to_string(&setting.checklist).unwrap();
        let written = setting.text(&composed, "PRODUCT.yaml");
        let answers = |line: &str| {
            let line = line.trim_start();
            [
                "status:",
                "evidence:",
                "notes:",
                "- \"file://",
                "k8sConformanceUrl:",
            ]
            .iter()
            .any(|key| line.starts_with(key))
        };
        let keys = |text: &str, metadata: bool| -> Vec<String> {
            let kept = text.lines().filter(|line| !answers(line));
            kept.map(|line| match line.split_once(": ") {
                Some((key, _)) if metadata && key.starts_with("  ") && !key.starts_with("   ") => {
                    key.to_owned()
                }
                _ => line.to_owned(),
            })
            .collect()
        };
        assert_eq!(keys(&written, true), keys(&official, true), "{version}");
        let comments = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| line.split_once(" #").map(|(_, comment)| comment.to_owned()))
                .collect()
        };
        assert_eq!(
            comments(&written),
            comments(&official),
            "{version}: a comment was lost"
        );
    }
}

#[test]
fn a_sample_is_valid_and_carries_the_mark_alone() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let mut run = Run::sound();
    run.kind = PlatformKind::Simulated;
    let composed = setting.compose(&[run], PRODUCT, false).unwrap();
    assert_eq!(
        said(&composed),
        [("N16", String::new())],
        "{:#?}",
        composed.verdict.findings
    );
    assert!(setting.text(&composed, "PRODUCT.yaml").starts_with("# SAMPLE: "));
    assert!(setting.text(&composed, "README.md").contains("> **SAMPLE**"));
}

#[test]
fn statuses_follow_from_verdicts_and_nothing_that_failed_is_in_an_artifact() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let run = Run::sound()
        .with("gpu_sharing", Verdict::Failed)
        .with("virtualized_accelerator", Verdict::Inconclusive)
        .with("cluster_autoscaling", Verdict::NotApplicable)
        .with("workload_sandboxing", Verdict::Skipped);
    let composed = setting.compose(&[run], PRODUCT, false).unwrap();
    assert_eq!(
        said(&composed),
        [("R22", "cluster_autoscaling".to_owned())],
        "{:#?}",
        composed.verdict.findings
    );
    let written = Submission::read(setting.text(&composed, "PRODUCT.yaml").as_bytes()).unwrap();
    let claim = |id: &str| {
        written
            .claims()
            .find(|(_, claim)| claim.id.text == id)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(claim("gpu_sharing").status.text, "Not Implemented");
    assert_eq!(claim("virtualized_accelerator").status.text, "");
    assert_eq!(claim("workload_sandboxing").status.text, "");
    let declared = claim("cluster_autoscaling");
    assert_eq!(declared.status.text, "N/A");
    assert!(
        declared.notes.text.contains("because of cluster_autoscaling"),
        "{declared:?}"
    );
    for (file, kind) in [
        ("junit.xml", ArtifactKind::Junit),
        ("e2e.log", ArtifactKind::Log),
        ("results.json", ArtifactKind::GoEvents),
    ] {
        let artifact = Artifact::read(&composed.directory.join(file), kind).unwrap();
        assert!(artifact.failed().is_empty(), "{file}");
        assert!(
            artifact.tests.contains_key("TestGangScheduling/C1@native"),
            "{file}: {:?}",
            artifact.tests
        );
        assert_eq!(
            artifact.outcome("TestAcceleratorClusterAutoscaling"),
            None,
            "{file}"
        );
        let text = setting.text(&composed, file);
        assert!(
            text.contains("gpu_sharing"),
            "{file} passes over what it leaves out"
        );
    }
}

#[test]
fn several_runs_are_merged_and_a_failure_anywhere_counts() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let mut second = Run::sound()
        .with("gpu_sharing", Verdict::Failed)
        .with("robust_controller", Verdict::Skipped);
    second.name = "second";
    let composed = setting.compose(&[Run::sound(), second], PRODUCT, false).unwrap();
    assert_eq!(said(&composed), [], "{:#?}", composed.verdict.findings);
    let answer = |id: &str| {
        composed
            .answers
            .iter()
            .find(|answer| answer.id.as_str() == id)
            .unwrap()
    };
    assert_eq!(answer("gpu_sharing").status, Status::NotImplemented);
    assert_eq!(answer("robust_controller").status, Status::Implemented);
    assert!(
        answer("gang_scheduling").notes.contains("in run second"),
        "{:?}",
        answer("gang_scheduling")
    );
    let gang = &answer("gang_scheduling").evidence;
    for run in ["r7k2m", "second"] {
        let entry = format!("file://v1.37/acme-orchard/runs/{run}/junit.xml#TestGangScheduling");
        assert!(gang.contains(&entry), "{gang:?}");
    }
}

#[test]
fn what_the_vendor_states_stays_visible_with_its_reason() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    std::fs::write(setting.home.path().join("transcript.md"), "what was done\n").unwrap();
    let product = format!(
        "{PRODUCT}[requirement.ai_inference]\nstatus = \"Implemented\"\nreason = \"shown by hand\"\n\
         evidence = [\"transcript.md\", \"https://docs.acme.example/inference\"]\nnotes = \"See the transcript.\"\n"
    );
    let run = Run::sound().with("ai_inference", Verdict::Failed);
    let composed = setting.compose(&[run], &product, false).unwrap();
    assert_eq!(said(&composed), [], "{:#?}", composed.verdict.findings);
    let answer = composed
        .answers
        .iter()
        .find(|answer| answer.id.as_str() == "ai_inference")
        .unwrap();
    assert_eq!(
        answer.notes,
        "See the transcript. Status stated by the vendor (runs say: failed): shown by hand"
    );
    assert_eq!(
        answer.evidence,
        ["attached/transcript.md", "https://docs.acme.example/inference"]
    );
    assert_eq!(
        setting.text(&composed, "attached/transcript.md"),
        "what was done\n"
    );
    let readme = setting.text(&composed, "README.md");
    assert!(
        readme.contains("| ai_inference | Implemented | failed | shown by hand |"),
        "{readme}"
    );
}

#[test]
fn a_submission_is_sealed_so_that_a_later_change_shows() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let composed = setting.compose(&[Run::sound()], PRODUCT, false).unwrap();
    let verify = || {
        plimsoll_attestation::verify(&composed.directory, None)
            .unwrap()
            .faults
    };
    assert_eq!(verify(), []);
    std::fs::write(
        composed.directory.join("e2e.log"),
        "--- PASS: TestGangScheduling\n",
    )
    .unwrap();
    assert_eq!(verify()[0].file, "e2e.log");
}

#[test]
fn a_submission_of_several_runs_is_sealed_over_the_records_of_all() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    let mut second = Run::sound().with("robust_controller", Verdict::Inconclusive);
    second.name = "second";
    let composed = setting
        .compose(
            &[Run::sound().with("gpu_sharing", Verdict::Failed), second],
            PRODUCT,
            false,
        )
        .unwrap();
    let verification = plimsoll_attestation::verify(&composed.directory, None).unwrap();
    assert_eq!(verification.faults, []);
    let records = plimsoll_attestation::document::records(&verification);
    let runs: Vec<&str> = records.iter().map(|record| record.run.as_str()).collect();
    assert_eq!(runs, ["r7k2m", "second"]);
    for record in &records {
        let file = setting.home.path().join(&record.run).join("record.jsonl");
        assert_eq!(plimsoll_attestation::digest_file(&file).unwrap(), record.sha256);
    }
    let result = verification.statement.unwrap().predicate;
    assert_eq!(result.failed_tests, ["gpu_sharing"]);
    assert_eq!(result.warned_tests, ["robust_controller"]);
    assert_eq!(
        result.result,
        plimsoll_attestation::Outcome::Failed,
        "a MUST is in doubt in one of the runs"
    );
    let page = composed.directory.join("runs/second/evidence/gang_scheduling.md");
    std::fs::write(page, "# passed\n").unwrap();
    let faults = plimsoll_attestation::verify(&composed.directory, None)
        .unwrap()
        .faults;
    assert_eq!(faults[0].file, "runs/second/evidence/gang_scheduling.md");
}
