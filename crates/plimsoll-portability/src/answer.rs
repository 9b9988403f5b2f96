//! Answers: whether a workload runs on a platform, and why.

use crate::{
    change::Change,
    need::{Fit, Need},
    needs::{self, Case, Subject},
    platform::Platform,
    read::Manifests,
    workload::Workload,
};

/// Whether a workload runs on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every need is met.
    Runs,
    /// Every need is met after changes, which can be written.
    RunsWithChanges,
    /// A need is not met, or nobody can tell whether it is.
    DoesNotRun,
}

impl Verdict {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::RunsWithChanges => "runs-with-changes",
            Self::DoesNotRun => "does-not-run",
        }
    }
}

/// The answer for one workload on one platform.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of the workload.
    pub workload: usize,
    /// The number of the platform.
    pub platform: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether it is known. A workload of which nobody can tell doesn't run, but not for certain.
    pub certain: bool,
    /// How each need of the workload is met, in their order.
    pub fits: Vec<Fit>,
    /// Why it doesn't run, or what can't be told.
    pub reasons: Vec<String>,
}

impl Answer {
    /// The changes, in the order of the needs.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.fits.iter().flat_map(|fit| match fit {
            Fit::Changed(changes, _) => changes.as_slice(),
            Fit::Proven(_) | Fit::Surveyed(_) | Fit::Unmet(_) | Fit::Unknown(_) => &[],
        })
    }
}

/// The needs of each workload, and the answer for each on each platform.
#[derive(Debug)]
pub struct Answers {
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// The needs of each.
    pub needs: Vec<Vec<Need>>,
    /// The answers, by workload and then by platform.
    pub answers: Vec<Answer>,
}

/// Answers for all workloads of the manifests on all platforms.
#[must_use]
pub fn answer(manifests: &Manifests, platforms: &[Platform]) -> Answers {
    let workloads = crate::workload::workloads(manifests);
    let needs: Vec<Vec<Need>> = workloads
        .iter()
        .map(|workload| needs::derive(Subject { manifests, workload }))
        .collect();
    let mut answers = Vec::new();
    for (index, workload) in workloads.iter().enumerate() {
        for (number, platform) in platforms.iter().enumerate() {
            let case = Case {
                subject: Subject { manifests, workload },
                platform,
            };
            answers.push(of(case, index, number, &needs[index]));
        }
    }
    Answers {
        workloads,
        needs,
        answers,
    }
}

fn of(case: Case<'_>, workload: usize, platform: usize, needs: &[Need]) -> Answer {
    let mut answer = Answer {
        workload,
        platform,
        verdict: Verdict::DoesNotRun,
        certain: false,
        fits: needs::fit(case, needs),
        reasons: Vec::new(),
    };
    // What the platform itself said outweighs what was concluded.
    let refusals = case
        .subject
        .workload
        .documents
        .iter()
        .filter_map(|document| case.platform.admission(*document)?.as_ref().err())
        .cloned()
        .collect();
    answer.settle(refusals);
    answer
}

impl Answer {
    /// Draws the verdict from how the needs are met, and from what was refused.
    pub(crate) fn settle(&mut self, refusals: Vec<String>) {
        let mut unmet = Vec::new();
        let mut unknown = Vec::new();
        let mut changed = false;
        for fit in &self.fits {
            match fit {
                Fit::Proven(_) | Fit::Surveyed(_) => {}
                Fit::Changed(..) => changed = true,
                Fit::Unmet(why) => push(&mut unmet, why.clone()),
                Fit::Unknown(why) => push(&mut unknown, format!("cannot tell: {why}")),
            }
        }
        for refusal in refusals {
            push(&mut unmet, refusal);
        }
        self.certain = !unmet.is_empty() || unknown.is_empty();
        self.verdict = match (unmet.is_empty() && unknown.is_empty(), changed) {
            (false, _) => Verdict::DoesNotRun,
            (true, true) => Verdict::RunsWithChanges,
            (true, false) => Verdict::Runs,
        };
        unmet.extend(unknown);
        self.reasons = unmet;
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

impl Answers {
    /// The exit code: 0 all run, if need be with changes; 1 one doesn't; 2 of one nobody can tell.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let of = |certain: bool| {
            self.answers
                .iter()
                .any(|answer| answer.verdict == Verdict::DoesNotRun && answer.certain == certain)
        };
        match (of(true), of(false)) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }
}
