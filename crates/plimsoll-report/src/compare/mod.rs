//! Two runs side by side: what got worse, what got better, and which facts of the platform changed.
//!
//! | part | file |
//! |---|---|
//! | verdicts and controls | `verdicts` |
//! | what a vendor claims, beside what a run shows | `claims` |
//! | what the survey found, and how long checks took | `facts` |
//! | the comparison for programs | `document` |
//! | the comparison for people | `text` |

mod claims;
mod document;
mod facts;
mod text;
mod verdicts;

use plimsoll_program::{Level, RequirementId};

pub use document::{COMPARISON_SCHEMA, ComparisonDocument, comparison_schema};
pub use text::ComparisonText;

use crate::RecordedRun;

/// What is different between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What it was compared from, in words.
    pub before: String,
    /// What it was compared with, in words.
    pub after: String,
    /// What got worse; the requirements that bind most first.
    pub regressions: Vec<Difference>,
    /// What got better.
    pub improvements: Vec<Difference>,
    /// Facts that are others, without being better or worse.
    pub changes: Vec<Change>,
    /// Requirements that had passed and on which the second run has no word, because they were not selected.
    pub unasked: Vec<RequirementId>,
}

/// A verdict or a control that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The requirement.
    pub requirement: RequirementId,
    /// Its level in the second run.
    pub level: Level,
    /// The control and its trial, where the verdict as a whole stayed.
    pub control: Option<(String, String)>,
    /// How it came out before.
    pub before: String,
    /// How it came out after.
    pub after: String,
    /// What the second run says about it.
    pub reason: String,
    /// Whether nothing failed, but what was proven is not proven any more.
    pub undecided: bool,
}

/// A fact that is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub fact: String,
    /// How it was; none if it was not there.
    pub before: Option<String>,
    /// How it is; none if it is gone.
    pub after: Option<String>,
}

impl Comparison {
    /// Compares two runs.
    #[must_use]
    pub fn of(before: &RecordedRun, after: &RecordedRun) -> Self {
        let mut comparison = Self {
            before: title(before),
            after: title(after),
            regressions: Vec::new(),
            improvements: Vec::new(),
            changes: Vec::new(),
            unasked: Vec::new(),
        };
        verdicts::compare(before, after, &mut comparison);
        facts::compare(before, after, &mut comparison.changes);
        comparison.in_order();
        comparison
    }

    fn in_order(&mut self) {
        // Stable: within a level the order of the plan stays.
        self.regressions
            .sort_by_key(|difference| weight(difference.level));
        self.improvements
            .sort_by_key(|difference| weight(difference.level));
    }

    /// What a pipeline should do: 0: nothing got worse; 1: something fails that did not; 2: nothing fails that did not, but
    /// something that was proven is not proven any more, or was not asked again.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.regressions.iter().any(|difference| !difference.undecided) {
            1
        } else if self.regressions.is_empty() && self.unasked.is_empty() {
            0
        } else {
            2
        }
    }
}

fn weight(level: Level) -> u8 {
    match level {
        Level::Must => 0,
        Level::Should => 1,
        Level::Pillar => 2,
    }
}

fn title(run: &RecordedRun) -> String {
    let platform = &run.facts.platform;
    let mark = crate::mark::mark(platform.kind)
        .map(|mark| format!("{} · ", mark.word))
        .unwrap_or_default();
    let context = platform
        .context
        .as_ref()
        .map(|context| format!("{context} · "))
        .unwrap_or_default();
    format!(
        "run {} · {mark}{context}Kubernetes {} · {}",
        run.facts.run,
        platform.kubernetes,
        run.started.strftime("%Y-%m-%d %H:%M")
    )
}
