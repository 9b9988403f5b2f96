//! A calibration from beginning to end: every run is made and judged.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    Expectations, Findings, Ground, Plan, Subject, Trial,
    judge::{self, Judgement, Outcome},
};

/// The suite's whole call tree is one future, and debug builds don't make it small.
const STACK: usize = 16 << 20;

/// What a calibration found out.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The ground's name.
    pub ground: &'static str,
    /// The plan.
    pub plan: Plan,
    /// What each run showed, in the plan's order; fewer than planned after an interrupt.
    pub judged: Vec<Judged>,
    /// How long it all took.
    pub wall: Duration,
}

/// A run and what it showed.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The run.
    pub trial: Trial,
    /// What the suite said.
    pub findings: Findings,
    /// What became of the defect; none on a sound platform.
    pub judgement: Option<Judgement>,
    /// What failed on a sound platform.
    pub alarms: Vec<String>,
    /// Where a sound platform got another verdict than it should, alarms included.
    pub unexpected: Vec<String>,
    /// How long the run took.
    pub wall: Duration,
}

impl Judged {
    /// Judges what the suite said in a run.
    #[must_use]
    pub fn new(trial: Trial, findings: Findings, wall: Duration) -> Self {
        let mut judged = Self {
            judgement: None,
            alarms: Vec::new(),
            unexpected: Vec::new(),
            trial,
            findings,
            wall,
        };
        match (&judged.trial.subject, &judged.findings) {
            (Subject::Sound, Ok(findings)) => {
                judged.alarms = judge::alarms(findings);
                judged.unexpected = Expectations::of(&judged.trial.platform.name).unmet(findings);
            }
            (Subject::Sound, Err(why)) => judged.alarms = vec![format!("the run did not end: {why}")],
            (Subject::Defect(defect) | Subject::UnderLatency(defect), Ok(findings)) => {
                judged.judgement = Some(judge::defect(defect, findings));
            }
            (Subject::Pair(first, second), Ok(findings)) => {
                judged.judgement = Some(judge::pair([first, second], findings));
            }
            (Subject::Defect(_) | Subject::UnderLatency(_) | Subject::Pair(..), Err(why)) => {
                judged.judgement = Some(Judgement {
                    outcome: Outcome::Survived,
                    reason: format!("the run did not end: {why}"),
                });
            }
        }
        judged
    }

    /// Whether it speaks against the suite.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !self.alarms.is_empty()
            || self
                .judgement
                .as_ref()
                .is_some_and(|judgement| judgement.outcome.is_fault())
    }
}

impl Calibration {
    /// Whether every defect was killed and nothing alarmed. Nothing tried is not sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.judged.is_empty()
            && self.judged.len() == self.plan.trials.len()
            && !self.judged.iter().any(Judged::is_fault)
    }
}

/// How far a calibration is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// How many runs are done.
    pub done: usize,
    /// Of how many.
    pub total: usize,
    /// The one that just ended.
    pub last: &'a Judged,
}

/// Makes every run of a plan, as many at a time as the ground bears, until `stop` is set.
pub fn calibrate(
    ground: &Ground,
    plan: Plan,
    stop: &AtomicBool,
    told: impl Fn(Progress<'_>) + Sync,
) -> Calibration {
    let began = Instant::now();
    let total = plan.trials.len();
    let next = AtomicUsize::new(0);
    let ended: Mutex<Vec<(usize, Judged)>> = Mutex::default();
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = plan.trials.get(index) else {
                break;
            };
            let began = Instant::now();
            // A panic of the suite or of the ground is a finding about that run, and the others go on.
            let findings = catch_unwind(AssertUnwindSafe(|| ground.run(trial)))
                .unwrap_or_else(|_| Err("it panicked".to_owned()));
            let judged = Judged::new(trial.clone(), findings, began.elapsed());
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            let done = ended.len() + 1;
            told(Progress {
                done,
                total,
                last: &judged,
            });
            ended.push((index, judged));
        }
    };
    thread::scope(|scope| {
        for _ in 0..ground.width().min(total) {
            // A thread that can't be had leaves its work to the others, or to this one.
            let _ = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        }
    });
    work();
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|(index, _)| *index);
    Calibration {
        ground: ground.name(),
        judged: ended.into_iter().map(|(_, judged)| judged).collect(),
        plan,
        wall: began.elapsed(),
    }
}
