//! What a run of the suite on a broken or sound platform shows about the suite.

use plimsoll_defects::Defect;
use plimsoll_record::Verdict;

use crate::findings::Finding;

/// What became of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Its requirement failed, for a reason that names it, and no other failed.
    Killed,
    /// Its requirement could not be decided, because of the other defect of a pair that was killed.
    Masked,
    /// Another requirement failed, or the right one for another reason.
    Misattributed,
    /// Its requirement did not fail: a hole in a check.
    Survived,
}

impl Outcome {
    /// Its name in every output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Masked => "masked",
            Self::Misattributed => "misattributed",
            Self::Survived => "survived",
        }
    }

    /// Whether it speaks against the suite.
    #[must_use]
    pub fn is_fault(self) -> bool {
        match self {
            Self::Killed | Self::Masked => false,
            Self::Misattributed | Self::Survived => true,
        }
    }
}

/// What became of a defect, and the line that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What became of it.
    pub outcome: Outcome,
    /// The suite's own reason where it is killed, else what is amiss.
    pub reason: String,
}

impl Judgement {
    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
        }
    }
}

/// What the suite made of one defect.
#[must_use]
pub fn defect(defect: &Defect, findings: &[Finding]) -> Judgement {
    let Some(finding) = of_requirement(defect, findings) else {
        return Judgement::new(
            Outcome::Survived,
            format!("{} was not decided at all", defect.requirement),
        );
    };
    if let Some(other) = strangers(&[defect], findings).next() {
        return Judgement::new(
            Outcome::Misattributed,
            format!("{} failed as well: {}", other.requirement, other.reason),
        );
    }
    if finding.verdict != Verdict::Failed {
        return survived(finding);
    }
    match wrong_reason(&[defect], finding) {
        Some(why) => Judgement::new(Outcome::Misattributed, why),
        None => Judgement::new(Outcome::Killed, finding.reason.clone()),
    }
}

/// What the suite made of two defects at once: each requirement must fail, or be undecided because of the other.
#[must_use]
pub fn pair(pair: [&Defect; 2], findings: &[Finding]) -> Judgement {
    if let Some(other) = strangers(&pair, findings).next() {
        return Judgement::new(
            Outcome::Misattributed,
            format!("{} failed as well: {}", other.requirement, other.reason),
        );
    }
    let judged = pair.map(|defect| one_of_two(defect, &pair, findings));
    let [first, second] = &judged;
    let killed = judged.iter().any(|one| one.outcome == Outcome::Killed);
    if killed && let Some(masked) = judged.iter().find(|one| one.outcome == Outcome::Masked) {
        return masked.clone();
    }
    match judged.iter().find(|one| one.outcome != Outcome::Killed) {
        // Nobody failed, so nobody stood in the other's way.
        Some(Judgement {
            outcome: Outcome::Masked,
            reason,
        }) => Judgement::new(Outcome::Survived, reason.clone()),
        Some(fault) => fault.clone(),
        None if first.reason == second.reason => first.clone(),
        None => Judgement::new(Outcome::Killed, format!("{} · {}", first.reason, second.reason)),
    }
}

fn one_of_two(defect: &Defect, pair: &[&Defect; 2], findings: &[Finding]) -> Judgement {
    let Some(finding) = of_requirement(defect, findings) else {
        return Judgement::new(
            Outcome::Survived,
            format!("{} was not decided at all", defect.requirement),
        );
    };
    match finding.verdict {
        Verdict::Failed => match wrong_reason(pair, finding) {
            Some(why) => Judgement::new(Outcome::Misattributed, why),
            None => Judgement::new(Outcome::Killed, finding.reason.clone()),
        },
        Verdict::Inconclusive => Judgement::new(
            Outcome::Masked,
            format!("{} could not be decided: {}", finding.requirement, finding.reason),
        ),
        Verdict::Passed | Verdict::NotApplicable | Verdict::Skipped => survived(finding),
    }
}

/// The alarms of a sound platform: what failed.
#[must_use]
pub fn alarms(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Failed)
        .map(|finding| format!("{} failed: {}", finding.requirement, finding.reason))
        .collect()
}

fn of_requirement<'a>(defect: &Defect, findings: &'a [Finding]) -> Option<&'a Finding> {
    findings
        .iter()
        .find(|finding| finding.requirement == defect.requirement)
}

/// What failed although none of the defects breaks it.
fn strangers<'a>(defects: &[&Defect], findings: &'a [Finding]) -> impl Iterator<Item = &'a Finding> {
    let guilty: Vec<_> = defects.iter().map(|defect| defect.requirement.clone()).collect();
    findings
        .iter()
        .filter(move |finding| finding.verdict == Verdict::Failed && !guilty.contains(&finding.requirement))
}

fn survived(finding: &Finding) -> Judgement {
    let Finding {
        requirement,
        verdict,
        reason,
        ..
    } = finding;
    Judgement::new(Outcome::Survived, format!("{requirement} is {verdict}: {reason}"))
}

/// Why a failure is not for the sake of any of these defects.
fn wrong_reason(defects: &[&Defect], finding: &Finding) -> Option<String> {
    let own = || {
        defects
            .iter()
            .filter(|defect| defect.requirement == finding.requirement)
    };
    if !own().any(|defect| defect.is_named_by(&finding.reason)) {
        let expected: Vec<&str> = own()
            .flat_map(|defect| &defect.expect)
            .map(String::as_str)
            .collect();
        return Some(format!(
            "{} failed for another reason: `{}` names none of {}",
            finding.requirement,
            finding.reason,
            expected.join(", ")
        ));
    }
    let killers: Vec<&str> = own()
        .flat_map(|defect| &defect.killed_by)
        .map(String::as_str)
        .collect();
    if !finding
        .wrong
        .iter()
        .any(|control| killers.contains(&control.as_str()))
    {
        return Some(format!(
            "{} failed by {}, not by {}: {}",
            finding.requirement,
            finding.wrong.join(", "),
            killers.join(" or "),
            finding.reason
        ));
    }
    None
}

#[cfg(test)]
mod tests;
