use super::*;
use crate::findings::tests::finding;

const DRA: &str = "dra_support";
const GANG: &str = "gang_scheduling";
const SEC: &str = "secure_accelerator_access";

fn known(id: &str) -> &'static Defect {
    Defect::by_id(id).unwrap()
}

fn sound() -> Vec<Finding> {
    [DRA, GANG, SEC]
        .map(|id| finding(id, Verdict::Passed, "as it should be", ""))
        .into()
}

/// Sound but for one requirement.
fn but(id: &str, verdict: Verdict, reason: &str, wrong: &str) -> Vec<Finding> {
    let mut findings = sound();
    for known in &mut findings {
        if known.requirement.as_str() == id {
            *known = finding(id, verdict, reason, wrong);
        }
    }
    findings
}

#[test]
fn a_defect_is_killed_by_its_requirement_for_its_reason_by_its_control() {
    let findings = but(DRA, Verdict::Failed, "pool n1 is incomplete", "D2");
    let judged = defect(known("dra.stale-pool"), &findings);
    assert_eq!(judged.outcome, Outcome::Killed);
    assert_eq!(judged.reason, "pool n1 is incomplete");
}

#[test]
fn a_defect_survives_what_passed_and_what_was_not_decided() {
    assert_eq!(defect(known("gang.dead"), &sound()).outcome, Outcome::Survived);
    let undecided = but(GANG, Verdict::Inconclusive, "no slots", "");
    assert_eq!(defect(known("gang.dead"), &undecided).outcome, Outcome::Survived);
    assert_eq!(defect(known("gang.dead"), &[]).outcome, Outcome::Survived);
}

#[test]
fn another_requirement_reason_or_control_is_the_wrong_one() {
    let other = but(SEC, Verdict::Failed, "mknod opened", "X3");
    assert_eq!(
        defect(known("dra.stale-pool"), &other).outcome,
        Outcome::Misattributed
    );
    let reason = but(DRA, Verdict::Failed, "deadline elapsed", "D2");
    let judged = defect(known("dra.stale-pool"), &reason);
    assert_eq!(judged.outcome, Outcome::Misattributed);
    assert!(judged.reason.contains("names none of"), "{}", judged.reason);
    let control = but(DRA, Verdict::Failed, "pool n1 is incomplete", "D7");
    assert_eq!(
        defect(known("dra.stale-pool"), &control).outcome,
        Outcome::Misattributed
    );
}

#[test]
fn of_a_pair_both_must_be_noticed() {
    let pair_of = [known("dra.stale-pool"), known("sec.cgroup-open")];
    let mut both = but(DRA, Verdict::Failed, "pool n1 is incomplete", "D2");
    both[2] = finding(SEC, Verdict::Failed, "a forged node was opened", "X3");
    assert_eq!(pair(pair_of, &both).outcome, Outcome::Killed);
    both[2] = finding(SEC, Verdict::Passed, "closed", "");
    assert_eq!(pair(pair_of, &both).outcome, Outcome::Survived);
    both[2] = finding(SEC, Verdict::Inconclusive, "no device was given", "");
    assert_eq!(pair(pair_of, &both).outcome, Outcome::Masked);
    both[0] = finding(DRA, Verdict::Inconclusive, "no device was given", "");
    assert_eq!(
        pair(pair_of, &both).outcome,
        Outcome::Survived,
        "nobody noticed anything"
    );
}

#[test]
fn of_a_pair_of_one_requirement_either_reason_will_do() {
    let pair_of = [known("dra.stale-pool"), known("dra.no-release")];
    let findings = but(DRA, Verdict::Failed, "pool n1 is incomplete", "D2");
    let judged = pair(pair_of, &findings);
    assert_eq!(
        (judged.outcome, judged.reason.as_str()),
        (Outcome::Killed, "pool n1 is incomplete")
    );
}

#[test]
fn an_alarm_is_what_failed_and_nothing_else() {
    assert_eq!(alarms(&sound()), Vec::<String>::new());
    assert_eq!(
        alarms(&but(GANG, Verdict::Inconclusive, "no slots", "")),
        Vec::<String>::new()
    );
    let failed = but(GANG, Verdict::Failed, "partly bound", "G2");
    assert_eq!(alarms(&failed), ["gang_scheduling failed: partly bound"]);
}
