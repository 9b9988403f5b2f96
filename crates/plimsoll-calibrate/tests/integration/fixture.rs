//! Calibrations that were never made.

use std::{sync::Arc, time::Duration};

use plimsoll_calibrate::{Calibration, Finding, Findings, Judged, Plan, Subject, Trial};
use plimsoll_defects::Defect;
use plimsoll_record::Verdict::{self, Failed, Inconclusive, Passed};
use plimsoll_sim::platform::PlatformSpec;

fn known(id: &str) -> &'static Defect {
    Defect::by_id(id).unwrap()
}

fn verdicts(of: [(Verdict, &str, &str); 3]) -> Findings {
    let ids = ["dra_support", "gang_scheduling", "secure_accelerator_access"];
    Ok(ids
        .into_iter()
        .zip(of)
        .map(|(id, (verdict, reason, wrong))| Finding {
            requirement: id.to_owned().into(),
            verdict,
            reason: reason.to_owned(),
            wrong: wrong.split_whitespace().map(str::to_owned).collect(),
        })
        .collect())
}

const FINE: (Verdict, &str, &str) = (Passed, "as it should be", "");

fn of(runs: Vec<(Subject, u64, Findings)>) -> Calibration {
    let platform = Arc::new(PlatformSpec::preset("minimal").unwrap());
    let judged: Vec<Judged> = runs
        .into_iter()
        .map(|(subject, seed, findings)| {
            let trial = Trial {
                subject,
                platform: Arc::clone(&platform),
                seed,
                only: Arc::default(),
            };
            Judged::new(trial, findings, Duration::from_millis(420))
        })
        .collect();
    Calibration {
        ground: "simulated",
        plan: Plan {
            platform: "minimal".to_owned(),
            seed: 1,
            trials: judged.iter().map(|judged| judged.trial.clone()).collect(),
            left_out: Vec::new(),
        },
        judged,
        wall: Duration::from_millis(12_345),
    }
}

/// Every outcome once.
pub(crate) fn everything() -> Calibration {
    let stale = (Failed, "pool `n1` is incomplete: 1 of 2 slices", "D2");
    let mut calibration = of(vec![
        (Subject::Sound, 1, verdicts([FINE; 3])),
        (Subject::Sound, 2, verdicts([FINE; 3])),
        (
            Subject::Sound,
            3,
            verdicts([FINE, (Failed, "partly bound", "G2"), FINE]),
        ),
        (
            Subject::Defect(known("dra.stale-pool")),
            1,
            verdicts([stale, FINE, FINE]),
        ),
        (
            Subject::Defect(known("gang.dead")),
            1,
            verdicts([
                FINE,
                (Inconclusive, "no node has <none> & 3 free accelerators", ""),
                FINE,
            ]),
        ),
        (
            Subject::Defect(known("sec.selector")),
            1,
            verdicts([stale, FINE, (Failed, "opened by NVIDIA_VISIBLE_DEVICES", "X4")]),
        ),
        (
            Subject::Defect(known("sec.residue")),
            1,
            Err("it panicked".to_owned()),
        ),
        (
            Subject::Pair(known("dra.stale-pool"), known("sec.cgroup-open")),
            9,
            verdicts([stale, FINE, (Inconclusive, "no device was given", "")]),
        ),
        (
            Subject::UnderLatency(known("dra.stale-pool")),
            7,
            verdicts([stale, FINE, FINE]),
        ),
    ]);
    calibration.plan.left_out = vec![(known("dra.api-only"), "it can't show".to_owned())];
    calibration
}

/// A suite without fault.
pub(crate) fn flawless() -> Calibration {
    let stale = (Failed, "pool `n1` is incomplete: 1 of 2 slices", "D2");
    of(vec![
        (Subject::Sound, 1, verdicts([FINE; 3])),
        (
            Subject::Defect(known("dra.stale-pool")),
            1,
            verdicts([stale, FINE, FINE]),
        ),
    ])
}
