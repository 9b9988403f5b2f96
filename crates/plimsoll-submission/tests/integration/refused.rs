//! What can't be submitted is refused, with the reason.

use plimsoll_program::ProgrammeVersion;
use plimsoll_record::PlatformKind;
use plimsoll_submission::{ComposeError, Records, RecordsError};

use crate::fixture::{PRODUCT, Run, Setting};

#[test]
fn records_of_our_own_ground_are_refused_unless_as_a_sample() {
    let home = tempfile::tempdir().unwrap();
    for kind in [PlatformKind::Lab, PlatformKind::Simulated] {
        let mut run = Run::sound();
        run.kind = kind;
        let directory = run.record(home.path());
        let refused = Records::read(std::slice::from_ref(&directory), false).unwrap_err();
        assert!(matches!(refused, RecordsError::NotAProduct { .. }), "{refused}");
        assert!(Records::read(&[directory], true).is_ok());
    }
}

#[test]
fn unfinished_and_unlike_records_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut cut = Run::sound();
    (cut.name, cut.ended) = ("cut", false);
    let refused = Records::read(&[cut.record(home.path())], false).unwrap_err();
    assert!(matches!(refused, RecordsError::Unfinished { .. }), "{refused}");

    let first = Run::sound().record(home.path());
    let twice = Records::read(&[first.clone(), first.clone()], false).unwrap_err();
    assert!(matches!(twice, RecordsError::Twice { .. }), "{twice}");
    let mut other = Run::sound();
    (other.name, other.version) = ("other", ProgrammeVersion::V1_36);
    let differ = Records::read(&[first, other.record(home.path())], false).unwrap_err();
    assert!(
        matches!(
            differ,
            RecordsError::Differ {
                what: "version of the programme",
                ..
            }
        ),
        "{differ}"
    );
    assert!(matches!(
        Records::read(&[home.path().join("nowhere")], false),
        Err(RecordsError::Unreadable(_))
    ));
}

#[test]
fn a_checklist_of_another_version_is_refused() {
    let Some(setting) = Setting::new("1.36") else {
        return;
    };
    let refused = setting.compose(&[Run::sound()], PRODUCT, false).unwrap_err();
    assert!(matches!(refused, ComposeError::OtherVersion { .. }), "{refused}");
    assert!(
        !setting.home.path().join("out").exists(),
        "nothing may be written"
    );
}

#[test]
fn files_of_evidence_that_are_absent_or_elsewhere_are_refused() {
    let Some(setting) = Setting::new("1.37") else {
        return;
    };
    for entry in ["gone.md", "../x.md", "/etc/passwd"] {
        let product = format!("{PRODUCT}[requirement.ai_inference]\nevidence = [\"{entry}\"]\n");
        let refused = setting.compose(&[Run::sound()], &product, false).unwrap_err();
        assert!(matches!(refused, ComposeError::Evidence(_)), "{entry}: {refused}");
    }
    assert!(
        !setting.home.path().join("out").exists(),
        "nothing may be written"
    );
}
