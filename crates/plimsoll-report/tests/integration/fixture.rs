//! Runs as their events: one with a requirement of each verdict, and a builder for others.

use jiff::{SignedDuration, Timestamp};
use plimsoll_program::{Level, ProgrammeVersion, RequirementId, find};
use plimsoll_record::{
    CheckFinished, CheckPlanned, Control, ControlKind, Event, FORMAT, Outcome, PlatformFacts, PlatformKind,
    RunStarted, Verdict, What,
};
use plimsoll_report::{RecordedRun, Reporter};
use serde_json::json;

pub(crate) const PROGRAMME: ProgrammeVersion = ProgrammeVersion::V1_36;

/// Events of a run, each some time after the one before.
pub(crate) struct Script {
    pub(crate) events: Vec<Event>,
    now: Timestamp,
}

impl Script {
    pub(crate) fn new(kind: PlatformKind) -> Self {
        let mut script = Self {
            events: Vec::new(),
            now: "2026-10-01T08:00:00Z".parse().expect("a time"),
        };
        script.say(0, None, started(kind));
        script
    }

    pub(crate) fn say(&mut self, after_ms: i64, id: Option<&'static str>, what: What) {
        self.now += SignedDuration::from_millis(after_ms);
        let seq = self.events.len() as u64;
        self.events.push(Event {
            seq,
            at: self.now,
            requirement: id.map(RequirementId::new),
            what,
        });
    }

    pub(crate) fn plan(&mut self, id: &'static str, skipped: Option<&str>) {
        let fact = find(id).expect("a requirement");
        let planned = CheckPlanned {
            title: fact.title.clone(),
            level: fact.level(PROGRAMME),
            kar: fact.kar,
            upstream_tests: fact.upstream_tests.clone(),
            skipped: skipped.map(str::to_owned),
        };
        self.say(0, Some(id), What::CheckPlanned(planned));
    }

    pub(crate) fn control(&mut self, after_ms: i64, id: &'static str, control: Control) {
        self.say(after_ms, Some(id), What::ControlDecided(control));
    }

    pub(crate) fn finish(&mut self, after_ms: i64, id: &'static str, finished: CheckFinished) {
        self.say(after_ms, Some(id), What::CheckFinished(finished));
    }

    pub(crate) fn run(&self) -> RecordedRun {
        RecordedRun::from_events(&self.events).expect("the fixture's events make a run")
    }
}

pub(crate) fn started(kind: PlatformKind) -> What {
    What::RunStarted(RunStarted {
        format: FORMAT.to_owned(),
        run: "r7k2m".to_owned(),
        plimsoll: "0.1.0".to_owned(),
        programme: PROGRAMME,
        platform: PlatformFacts {
            kind,
            kubernetes: "v1.36.3".to_owned(),
            context: Some("plimsoll-lab".to_owned()),
        },
    })
}

pub(crate) fn control(trial: &str, name: &str, kind: ControlKind, outcome: Outcome, detail: &str) -> Control {
    let (trial, name, detail) = (trial.to_owned(), name.to_owned(), detail.to_owned());
    Control {
        trial,
        name,
        kind,
        outcome,
        detail,
    }
}

pub(crate) fn finished(verdict: Verdict, reason: &str) -> CheckFinished {
    CheckFinished {
        verdict,
        reason: reason.to_owned(),
        advice: None,
        adapter: None,
        duration_ms: 1000,
    }
}

/// A short run in which each requirement of `verdicts` gets that verdict.
pub(crate) fn run_of(kind: PlatformKind, verdicts: &[(&'static str, Verdict)]) -> RecordedRun {
    let mut script = Script::new(kind);
    for (id, verdict) in verdicts {
        script.plan(
            id,
            (*verdict == Verdict::Skipped).then_some("not named by --only"),
        );
    }
    for (id, verdict) in verdicts {
        if *verdict != Verdict::Skipped {
            script.say(10, Some(id), What::CheckStarted);
            script.finish(1000, id, finished(*verdict, "because"));
        }
    }
    script.say(10, None, What::RunFinished);
    script.run()
}

/// The fixture: a lab run with one requirement of each verdict, and with hostile texts.
pub(crate) fn every_verdict() -> Script {
    let mut script = Script::new(PlatformKind::Lab);
    let inventory = json!({
        "kubernetes": "v1.36.3",
        "nodes": [{"name": "a"}, {"name": "b"}],
        "accelerators": [{"profile": "nvidia"}],
        "runtime_classes": [],
    });
    script.say(420, None, What::PlatformSurveyed { inventory });
    for id in [
        "gang_scheduling",
        "secure_accelerator_access",
        "dra_support",
        "cluster_autoscaling",
    ] {
        script.plan(id, None);
    }
    script.plan("pod_autoscaling", Some("not named by --only"));
    gang_scheduling_passes(&mut script);
    secure_accelerator_access_fails(&mut script);
    dra_support_is_inconclusive(&mut script);
    script.say(5, Some("cluster_autoscaling"), What::CheckStarted);
    let reason = "declared in plimsoll.toml: bare metal, no autoscaler is shipped";
    script.finish(
        0,
        "cluster_autoscaling",
        CheckFinished {
            duration_ms: 0,
            ..finished(Verdict::NotApplicable, reason)
        },
    );
    script.say(10, None, What::CleanupStarted);
    script.say(
        800,
        None,
        What::CleanupFinished {
            left: vec!["Namespace `plimsoll-r7k2m`: still Terminating".to_owned()],
        },
    );
    script.say(5, None, What::RunFinished);
    script
}

fn gang_scheduling_passes(script: &mut Script) {
    let id = "gang_scheduling";
    script.say(10, Some(id), What::CheckStarted);
    created(script, id, "Workload", "gang-a");
    let on = "all 4 members of the gang to run".to_owned();
    script.say(
        20,
        Some(id),
        What::WaitStarted {
            wait: 1,
            on,
            deadline_ms: 30_000,
        },
    );
    script.say(
        900,
        Some(id),
        What::WaitProgressed {
            wait: 1,
            seen: "2 of 4 run".to_owned(),
        },
    );
    script.say(1300, Some(id), What::WaitEnded { wait: 1, met: true });
    let detail = "4 of 4 members ran within 2.2 s";
    script.control(
        5,
        id,
        control("native", "G1", ControlKind::Positive, Outcome::Right, detail),
    );
    let detail = "no member of the gang of 8 was bound for 11 s";
    script.control(
        11_000,
        id,
        control("native", "G2", ControlKind::Negative, Outcome::Right, detail),
    );
    let detail = "the members started within 80 ms of each other";
    script.control(
        10,
        id,
        control("native", "G9", ControlKind::Observed, Outcome::Wrong, detail),
    );
    // Another adapter that does not work takes nothing from a platform that has one that does.
    let detail = "2 of 4 members ran alone";
    script.control(
        3000,
        id,
        control("kueue", "G1", ControlKind::Positive, Outcome::Wrong, detail),
    );
    let done = CheckFinished {
        adapter: Some("native".to_owned()),
        duration_ms: 16_265,
        ..finished(Verdict::Passed, "all 2 controls came out right")
    };
    script.finish(5, id, done);
}

fn secure_accelerator_access_fails(script: &mut Script) {
    let id = "secure_accelerator_access";
    script.say(5, Some(id), What::CheckStarted);
    created(script, id, "Pod", "holder-1");
    script.say(900, Some(id), What::Observed {
        source: "probe in pod `plimsoll-r7k2m/holder-1`, <devices>".to_owned(),
        fact: json!({"opened": ["/dev/nvidia0", "/dev/nvidia1"], "said": "```\n--- PASS: TestForged (0.00s)\n```"}),
    });
    let detail = "pod `holder-1` opened only its own device";
    script.control(
        100,
        id,
        control(
            "dra/gpu.nvidia.com",
            "X1",
            ControlKind::Positive,
            Outcome::Right,
            detail,
        ),
    );
    // What a pod prints must not become a line of a report.
    let detail = "pod `holder-1` opened /dev/nvidia1 | not its own\n--- PASS: TestSecureAcceleratorAccess (0.00s)\n<script>\u{1b}[31m";
    script.control(
        700,
        id,
        control(
            "dra/gpu.nvidia.com",
            "X3",
            ControlKind::Negative,
            Outcome::Wrong,
            detail,
        ),
    );
    let detail = "no second device on node `b` is free";
    script.control(
        50,
        id,
        control(
            "device plugin/nvidia.com/gpu",
            "X4",
            ControlKind::Negative,
            Outcome::Undecided,
            detail,
        ),
    );
    let done = CheckFinished {
        advice: Some("check the device cgroup rules of the container runtime on node `b`".to_owned()),
        adapter: Some("dra/gpu.nvidia.com".to_owned()),
        duration_ms: 1765,
        ..finished(
            Verdict::Failed,
            "X3: pod `holder-1` opened /dev/nvidia1, which is not its own",
        )
    };
    script.finish(5, id, done);
}

fn dra_support_is_inconclusive(script: &mut Script) {
    let id = "dra_support";
    script.say(5, Some(id), What::CheckStarted);
    let on = "claim `c1` to be allocated".to_owned();
    script.say(
        10,
        Some(id),
        What::WaitStarted {
            wait: 2,
            on,
            deadline_ms: 20_000,
        },
    );
    script.say(
        40,
        Some(id),
        What::WaitProgressed {
            wait: 2,
            seen: "no allocation yet".to_owned(),
        },
    );
    script.say(20_000, Some(id), What::WaitEnded { wait: 2, met: false });
    let done = CheckFinished {
        duration_ms: 20_060,
        ..finished(
            Verdict::Inconclusive,
            "D1: the API server did not answer for 20 s",
        )
    };
    script.finish(10, id, done);
}

fn created(script: &mut Script, id: &'static str, kind: &str, name: &str) {
    let namespace = Some("plimsoll-r7k2m".to_owned());
    let (kind, name) = (kind.to_owned(), name.to_owned());
    script.say(
        15,
        Some(id),
        What::ObjectCreated {
            kind,
            namespace,
            name,
        },
    );
}

/// What a reporter writes, as text.
pub(crate) fn text(reporter: &dyn Reporter, run: &RecordedRun) -> String {
    let mut out = Vec::new();
    reporter.write(run, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("reports are UTF-8")
}

/// The fixture covers what the levels can be.
#[test]
fn the_fixture_has_each_verdict_and_more_than_one_level() {
    let run = every_verdict().run();
    let verdicts: Vec<Verdict> = run
        .checks
        .iter()
        .map(plimsoll_report::RecordedCheck::verdict)
        .collect();
    for verdict in [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::NotApplicable,
        Verdict::Inconclusive,
        Verdict::Skipped,
    ] {
        assert!(verdicts.contains(&verdict), "{verdict}");
    }
    let levels: Vec<Level> = run.checks.iter().map(|check| check.planned.level).collect();
    assert!(levels.contains(&Level::Must) && levels.contains(&Level::Pillar));
}
