//! Runs that did not end, or ended and went on.

use plimsoll_record::{ControlKind, Outcome, PlatformKind, Verdict, What};
use plimsoll_report::{RecordedRun, RunError, TestLog, exit_code};

use crate::fixture::{Script, control, finished, started, text};

fn cut_off() -> Script {
    let mut script = Script::new(PlatformKind::Cluster);
    script.plan("gang_scheduling", None);
    script.plan("secure_accelerator_access", None);
    script.say(10, Some("gang_scheduling"), What::CheckStarted);
    let early = control(
        "native",
        "G1",
        ControlKind::Positive,
        Outcome::Wrong,
        "the first attempt",
    );
    script.control(10, "gang_scheduling", early);
    script
}

#[test]
fn checks_without_an_end_are_inconclusive_and_say_why() {
    let run = cut_off().run();
    let seen: Vec<(Verdict, &str)> = run
        .checks
        .iter()
        .map(|check| (check.verdict(), check.reason()))
        .collect();
    assert_eq!(
        seen,
        [
            (Verdict::Inconclusive, "the run ended before this check did"),
            (Verdict::Inconclusive, "the run ended before this check began"),
        ]
    );
    assert_eq!(exit_code(&run).code(), 2);
    assert!(text(&TestLog, &run).ends_with("FAIL\nFAIL\tplimsoll\t0.000s\n"));
}

#[test]
fn a_resumed_run_forgets_what_the_cut_off_attempt_saw() {
    let mut script = cut_off();
    script.say(60_000, None, started(PlatformKind::Cluster));
    script.plan("gang_scheduling", None);
    script.plan("secure_accelerator_access", None);
    for id in ["gang_scheduling", "secure_accelerator_access"] {
        script.say(10, Some(id), What::CheckStarted);
        script.control(
            10,
            id,
            control("t", "A", ControlKind::Positive, Outcome::Right, "worked"),
        );
        script.finish(10, id, finished(Verdict::Passed, "all 1 controls came out right"));
    }
    script.say(10, None, What::RunFinished);
    let run = script.run();
    assert_eq!(run.checks.len(), 2);
    assert_eq!(run.checks[0].controls.len(), 1);
    assert_eq!(run.checks[0].controls[0].control.detail, "worked");
    assert_eq!(exit_code(&run).code(), 0);
}

#[test]
fn a_run_resumed_on_another_platform_is_refused() {
    let mut script = cut_off();
    script.say(0, None, started(PlatformKind::Lab));
    assert_eq!(
        RecordedRun::from_events(&script.events),
        Err(RunError::ResumedElsewhere {
            seq: 5,
            what: "kind of platform"
        })
    );
}

#[test]
fn events_that_make_no_run_are_refused_by_number() {
    let script = cut_off();
    assert_eq!(
        RecordedRun::from_events(&script.events[1..]),
        Err(RunError::NoStart)
    );
    assert_eq!(RecordedRun::from_events(&[]), Err(RunError::NoStart));

    let mut unplanned = cut_off();
    unplanned.say(0, Some("dra_support"), What::CheckStarted);
    let refused = RecordedRun::from_events(&unplanned.events);
    assert!(
        matches!(refused, Err(RunError::Unplanned { seq: 5, .. })),
        "{refused:?}"
    );

    let mut nobody = cut_off();
    nobody.say(0, None, What::CheckStarted);
    assert_eq!(
        RecordedRun::from_events(&nobody.events),
        Err(RunError::NoRequirement { seq: 5 })
    );
}

#[test]
fn an_id_that_would_leave_the_directory_is_refused() {
    for id in ["../../etc/passwd", "", "a b", "a/b"] {
        let mut script = cut_off();
        let What::CheckPlanned(planned) = script.events[1].what.clone() else {
            panic!("planned first")
        };
        script.say(0, None, What::CheckPlanned(planned));
        script.events[5].requirement = Some(id.to_owned().into());
        let refused = RecordedRun::from_events(&script.events);
        assert!(
            matches!(refused, Err(RunError::BadId { seq: 5, .. })),
            "{id}: {refused:?}"
        );
    }
}
