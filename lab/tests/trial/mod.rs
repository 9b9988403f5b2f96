//! What is shown on a lab.

mod ground;

use libtest_mimic::Failed;
use plimsoll_defects::Defect;

use ground::{Ground, Outcome};

/// The requirements that have a check, all of which a sound lab fulfils, as far as they are about what it has.
const REQUIREMENTS: [&str; 10] = [
    "accelerator_metrics",
    "device_plugin_discovery",
    "dra_support",
    "driver_runtime_management",
    "gang_scheduling",
    "gpu_sharing",
    "partitioning_mig",
    "secure_accelerator_access",
    "topology_alignment",
    "virtualized_accelerator",
];

/// Those that are about devices in parts, which the usual lab does not have.
const OF_PARTS: [&str; 2] = ["partitioning_mig", "virtualized_accelerator"];

/// Accelerators in parts of both kinds.
const DIVIDED: &str = "nvidia:1:dra:whole|3g.40gb+2g.20gb+1g.10gb,intel-gpu:1:dra:whole|vf3,amd:2:plugin";

/// A sound lab passes everything, and nothing of ours is left on it.
pub(crate) fn sound() -> Result<(), Failed> {
    let ground = Ground::up(&[])?;
    let outcome = ground.run()?;
    for requirement in REQUIREMENTS {
        let (verdict, reason) = outcome.of(requirement)?;
        let due = if OF_PARTS.contains(&requirement) {
            "not-applicable"
        } else {
            "passed"
        };
        if verdict != due {
            return Err(format!("{requirement} is {verdict} on a sound lab: {reason}").into());
        }
    }
    expect_exit(&outcome, 0)?;
    ground.expect_nothing_left()
}

/// A sound lab whose accelerators are offered in partitions and as virtual functions passes what is about these, and
/// nothing fails.
pub(crate) fn sound_in_parts() -> Result<(), Failed> {
    let ground = Ground::up_with(&["--accelerators", DIVIDED])?;
    let outcome = ground.run()?;
    for requirement in REQUIREMENTS {
        let (verdict, reason) = outcome.of(requirement)?;
        println!("{requirement} {verdict}: {reason}");
        if verdict == "failed" || (OF_PARTS.contains(&requirement) && verdict != "passed") {
            return Err(format!("{requirement} is {verdict} on a sound lab: {reason}").into());
        }
    }
    ground.expect_nothing_left()
}

/// With the defect, its requirement fails by one of the controls that are there to notice it and for a reason that
/// names the cause, and no other requirement fails.
pub(crate) fn defect(defect: &Defect) -> Result<(), Failed> {
    let ground = Ground::up(&[&defect.id])?;
    let outcome = ground.run()?;
    for requirement in REQUIREMENTS {
        let (verdict, reason) = outcome.of(requirement)?;
        println!("{}: {requirement} {verdict}: {reason}", defect.id);
        let guilty = requirement == defect.requirement.as_str();
        match (guilty, verdict == "failed") {
            (true, false) => return Err(format!("survived: {requirement} is {verdict}: {reason}").into()),
            (false, true) => return Err(format!("misattributed: {requirement} failed: {reason}").into()),
            (true, true) => expect_cause(defect, reason, &outcome.wrong(requirement))?,
            (false, false) => {}
        }
    }
    ground.expect_nothing_left()
}

/// The failure must be this defect's, not just any.
fn expect_cause(defect: &Defect, reason: &str, wrong: &[&str]) -> Result<(), Failed> {
    if !defect.is_named_by(reason) {
        return Err(format!("misattributed: {reason:?} names none of {:?}", defect.expect).into());
    }
    if !defect
        .killed_by
        .iter()
        .any(|control| wrong.contains(&control.as_str()))
    {
        let due = &defect.killed_by;
        return Err(format!("misattributed: {wrong:?} came out wrong, none of {due:?}").into());
    }
    Ok(())
}

/// `kill -9` in the middle of a run leaves objects behind; `plimsoll cleanup` removes them all.
pub(crate) fn killed_run_is_cleaned_up() -> Result<(), Failed> {
    let ground = Ground::up(&[])?;
    ground.kill_run_in_the_middle()?;
    if ground.left()?.is_empty() {
        return Err("the killed run left nothing, so this shows nothing".into());
    }
    ground.cleanup()?;
    ground.expect_nothing_left()
}

fn expect_exit(outcome: &Outcome, code: i32) -> Result<(), Failed> {
    match outcome.exit {
        Some(exit) if exit == code => Ok(()),
        other => Err(format!("exit code {other:?} where {code} was due").into()),
    }
}
