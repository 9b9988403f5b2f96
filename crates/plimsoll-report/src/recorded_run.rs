//! What a record says, put in order: one [`RecordedCheck`] per planned requirement.

use std::{collections::BTreeMap, path::Path, time::Duration};

use jiff::Timestamp;
use plimsoll_program::RequirementId;
use plimsoll_record::{
    CheckFinished, CheckPlanned, Control, Event, FILE_NAME, ReadError, RunStarted, Verdict, What,
};
use serde_json::Value;

/// A run as its record tells it; also one that was killed in the middle.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRun {
    /// What the run said of itself and of the platform.
    pub facts: RunStarted,
    /// When it began; of a resumed run, the first time.
    pub started: Timestamp,
    /// When it ended; none if it never said so.
    pub finished: Option<Timestamp>,
    /// When the last event was recorded: where a run that was killed stops.
    pub last: Timestamp,
    /// Whether somebody stopped it.
    pub interrupted: bool,
    /// When cleanup began and ended.
    pub cleanup: Option<(Timestamp, Option<Timestamp>)>,
    /// What cleanup could not remove.
    pub left_behind: Vec<String>,
    /// The survey's facts, if the run got that far.
    pub inventory: Option<Value>,
    /// The requirements in the order of the plan.
    pub checks: Vec<RecordedCheck>,
}

/// One requirement in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCheck {
    /// Its id.
    pub id: RequirementId,
    /// Its place in the plan.
    pub planned: CheckPlanned,
    /// When its check began.
    pub started: Option<Timestamp>,
    /// How its check ended; none if it was cut off or not selected.
    pub finished: Option<CheckFinished>,
    /// The controls in the order they came out.
    pub controls: Vec<ControlRecord>,
    /// What it waited for.
    pub waits: Vec<WaitRecord>,
    /// What it created.
    pub objects: Vec<ObjectRecord>,
    /// The facts it saw.
    pub observations: Vec<ObservationRecord>,
}

/// A control and when it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRecord {
    /// When.
    pub at: Timestamp,
    /// The control.
    pub control: Control,
}

/// A wait of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitRecord {
    /// What was waited for.
    pub on: String,
    /// How long at most.
    pub deadline: Duration,
    /// When it began.
    pub started: Timestamp,
    /// What was last seen to be missing.
    pub seen: Option<String>,
    /// When it ended and whether it was met; none if it was cut off.
    pub ended: Option<(Timestamp, bool)>,
}

/// An object that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// When.
    pub at: Timestamp,
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A fact and its source.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservationRecord {
    /// When it was seen.
    pub at: Timestamp,
    /// Where it is from.
    pub source: String,
    /// The fact.
    pub fact: Value,
}

/// The events make no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The first event is not the run's beginning.
    #[error("the record does not begin with `run-started`")]
    NoStart,
    /// The run was resumed against something else, so its verdicts are not of one platform.
    #[error("event {seq} resumes the run with another {what}")]
    ResumedElsewhere {
        /// The event's number.
        seq: u64,
        /// What is not the same.
        what: &'static str,
    },
    /// A check's event names a requirement that was not planned.
    #[error("event {seq} is about `{id}`, which was not planned")]
    Unplanned {
        /// The event's number.
        seq: u64,
        /// The requirement.
        id: RequirementId,
    },
    /// A check's event names no requirement.
    #[error("event {seq} belongs to a check but names no requirement")]
    NoRequirement {
        /// The event's number.
        seq: u64,
    },
    /// An id that can't name a file.
    #[error("event {seq} names the requirement `{id}`, which is not made of letters, digits, `_` and `-`")]
    BadId {
        /// The event's number.
        seq: u64,
        /// The requirement.
        id: RequirementId,
    },
}

/// A recorded run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadRunError {
    /// The record can't be read.
    #[error(transparent)]
    Record(#[from] ReadError),
    /// The record's events make no run.
    #[error("the record `{}` tells of no run", path.display())]
    Run {
        /// The record.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: RunError,
    },
}

impl RecordedRun {
    /// Reads a record, given the file or the directory it lies in.
    ///
    /// # Errors
    /// When it can't be read or is not the record of a run.
    pub fn read(path: &Path) -> Result<Self, ReadRunError> {
        let file = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_owned()
        };
        let events = plimsoll_record::read(&file)?;
        Self::from_events(&events).map_err(|source| ReadRunError::Run { path: file, source })
    }

    /// Puts events in order. They are those of a record or, at the end of a run, those it has just written.
    ///
    /// # Errors
    /// When they are not what one run, resumed or not, says.
    pub fn from_events<'e>(events: impl IntoIterator<Item = &'e Event>) -> Result<Self, RunError> {
        let mut events = events.into_iter();
        let (facts, started) = match events.next() {
            Some(Event {
                at,
                what: What::RunStarted(facts),
                ..
            }) => (facts.clone(), *at),
            Some(_) | None => return Err(RunError::NoStart),
        };
        let run = Self {
            facts,
            started,
            finished: None,
            last: started,
            interrupted: false,
            cleanup: None,
            left_behind: Vec::new(),
            inventory: None,
            checks: Vec::new(),
        };
        let mut gathering = Gathering {
            run,
            positions: BTreeMap::new(),
            waits: BTreeMap::new(),
        };
        for event in events {
            gathering.add(event)?;
        }
        Ok(gathering.run)
    }

    /// Whether it ended before its time: stopped by somebody, or killed, so that its record has no end.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        self.interrupted || self.finished.is_none()
    }

    /// A requirement of the run.
    #[must_use]
    pub fn check(&self, id: &RequirementId) -> Option<&RecordedCheck> {
        self.checks.iter().find(|check| check.id == *id)
    }
}

impl ObjectRecord {
    /// Its namespace and name.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl RecordedCheck {
    /// The verdict; a check that was cut off is inconclusive.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (&self.finished, &self.planned.skipped) {
            (Some(finished), _) => finished.verdict,
            (None, Some(_)) => Verdict::Skipped,
            (None, None) => Verdict::Inconclusive,
        }
    }

    /// The one line that explains the verdict.
    #[must_use]
    pub fn reason(&self) -> &str {
        match (&self.finished, &self.planned.skipped) {
            (Some(finished), _) => &finished.reason,
            (None, Some(skipped)) => skipped,
            (None, None) if self.started.is_some() => "the run ended before this check did",
            (None, None) => "the run ended before this check began",
        }
    }

    /// What to do about it, if something can be said.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        match &self.finished {
            Some(finished) => finished.advice.as_deref(),
            None if self.planned.skipped.is_some() => None,
            None => Some("go on with `plimsoll run --resume DIR`, or run it again"),
        }
    }

    /// The adapter or allocation path that decided.
    #[must_use]
    pub fn adapter(&self) -> Option<&str> {
        self.finished.as_ref()?.adapter.as_deref()
    }

    /// How long the check took, if it ended.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.finished
            .as_ref()
            .map(|finished| Duration::from_millis(finished.duration_ms))
    }

    fn planned(id: RequirementId, planned: CheckPlanned) -> Self {
        Self {
            id,
            planned,
            started: None,
            finished: None,
            controls: Vec::new(),
            waits: Vec::new(),
            objects: Vec::new(),
            observations: Vec::new(),
        }
    }
}

/// A run under construction.
struct Gathering {
    run: RecordedRun,
    /// Where each check stands in the run.
    positions: BTreeMap<RequirementId, usize>,
    /// The waits that have not ended: their check and place in it.
    waits: BTreeMap<u64, (usize, usize)>,
}

impl Gathering {
    fn add(&mut self, event: &Event) -> Result<(), RunError> {
        self.run.last = event.at;
        match &event.what {
            What::RunStarted(facts) => self.resumed(event.seq, facts)?,
            What::PlatformSurveyed { inventory } => self.run.inventory = Some(inventory.clone()),
            What::CheckPlanned(planned) => self.planned(event, planned)?,
            What::CheckStarted => {
                // What an earlier attempt saw decides nothing in this one.
                let at = event.at;
                let check = self.check(event)?;
                *check = RecordedCheck::planned(check.id.clone(), check.planned.clone());
                check.started = Some(at);
            }
            What::WaitStarted {
                wait,
                on,
                deadline_ms,
            } => self.wait_started(event, *wait, on, *deadline_ms),
            What::WaitProgressed { wait, seen } => {
                if let Some(record) = self.wait(*wait) {
                    record.seen = Some(seen.clone());
                }
            }
            What::WaitEnded { wait, met } => {
                if let Some(record) = self.wait(*wait) {
                    record.ended = Some((event.at, *met));
                }
                self.waits.remove(wait);
            }
            What::ObjectCreated {
                kind,
                namespace,
                name,
            } => {
                let (at, kind, name) = (event.at, kind.clone(), name.clone());
                let object = ObjectRecord {
                    at,
                    kind,
                    namespace: namespace.clone(),
                    name,
                };
                // The run itself creates as well: its namespace. That belongs to no requirement.
                if let Some(check) = self.check_if_any(event)? {
                    check.objects.push(object);
                }
            }
            What::Observed { source, fact } => {
                let observation = ObservationRecord {
                    at: event.at,
                    source: source.clone(),
                    fact: fact.clone(),
                };
                if let Some(check) = self.check_if_any(event)? {
                    check.observations.push(observation);
                }
            }
            What::ControlDecided(control) => {
                let record = ControlRecord {
                    at: event.at,
                    control: control.clone(),
                };
                self.check(event)?.controls.push(record);
            }
            What::CheckFinished(finished) => self.check(event)?.finished = Some(finished.clone()),
            What::CleanupStarted => self.run.cleanup = Some((event.at, None)),
            What::CleanupFinished { left } => {
                self.run.left_behind.clone_from(left);
                if let Some((_, ended)) = &mut self.run.cleanup {
                    *ended = Some(event.at);
                }
            }
            What::Interrupted => self.run.interrupted = true,
            What::RunFinished => self.run.finished = Some(event.at),
        }
        Ok(())
    }

    /// A run goes on that ended early: everything must be as it was, else its verdicts don't belong together.
    fn resumed(&mut self, seq: u64, facts: &RunStarted) -> Result<(), RunError> {
        let first = &self.run.facts;
        let differs = [
            ("programme version", first.programme != facts.programme),
            ("kind of platform", first.platform.kind != facts.platform.kind),
            (
                "Kubernetes version",
                first.platform.kubernetes != facts.platform.kubernetes,
            ),
            ("context", first.platform.context != facts.platform.context),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            return Err(RunError::ResumedElsewhere { seq, what });
        }
        self.run.finished = None;
        self.run.interrupted = false;
        self.run.cleanup = None;
        self.waits.clear();
        Ok(())
    }

    fn planned(&mut self, event: &Event, planned: &CheckPlanned) -> Result<(), RunError> {
        let id = event
            .requirement
            .clone()
            .ok_or(RunError::NoRequirement { seq: event.seq })?;
        // The id names files of the report.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if id.as_str().is_empty() || !id.as_str().bytes().all(plain) {
            return Err(RunError::BadId { seq: event.seq, id });
        }
        match self.positions.get(&id) {
            Some(&position) => self.run.checks[position].planned = planned.clone(),
            None => {
                self.positions.insert(id.clone(), self.run.checks.len());
                self.run.checks.push(RecordedCheck::planned(id, planned.clone()));
            }
        }
        Ok(())
    }

    fn check(&mut self, event: &Event) -> Result<&mut RecordedCheck, RunError> {
        let seq = event.seq;
        self.check_if_any(event)?.ok_or(RunError::NoRequirement { seq })
    }

    fn check_if_any(&mut self, event: &Event) -> Result<Option<&mut RecordedCheck>, RunError> {
        let Some(id) = &event.requirement else {
            return Ok(None);
        };
        match self.positions.get(id) {
            Some(&position) => Ok(Some(&mut self.run.checks[position])),
            None => Err(RunError::Unplanned {
                seq: event.seq,
                id: id.clone(),
            }),
        }
    }

    /// Waits of the run itself (for its namespace to be gone, say) are not shown in reports.
    fn wait_started(&mut self, event: &Event, wait: u64, on: &str, deadline_ms: u64) {
        let Some(&position) = event.requirement.as_ref().and_then(|id| self.positions.get(id)) else {
            return;
        };
        let waits = &mut self.run.checks[position].waits;
        self.waits.insert(wait, (position, waits.len()));
        waits.push(WaitRecord {
            on: on.to_owned(),
            deadline: Duration::from_millis(deadline_ms),
            started: event.at,
            seen: None,
            ended: None,
        });
    }

    fn wait(&mut self, wait: u64) -> Option<&mut WaitRecord> {
        let &(check, index) = self.waits.get(&wait)?;
        // A check that began again has forgotten its earlier waits.
        self.run.checks[check].waits.get_mut(index)
    }
}
