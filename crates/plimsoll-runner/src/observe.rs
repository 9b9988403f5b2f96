//! A check's voice in the journal: its events, controls and waits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use plimsoll_checks::Sink;
use plimsoll_platform::Observer;
use plimsoll_program::RequirementId;
use plimsoll_record::{Control, What};

use crate::Journal;

/// Carries a check's events into the journal and keeps the controls the verdict is drawn from.
pub(crate) struct Voice {
    journal: Arc<Journal>,
    requirement: Option<RequirementId>,
    controls: Mutex<Vec<Control>>,
}

impl Voice {
    pub(crate) fn new(journal: Arc<Journal>, requirement: Option<RequirementId>) -> Self {
        Self {
            journal,
            requirement,
            controls: Mutex::default(),
        }
    }

    pub(crate) fn controls(&self) -> Vec<Control> {
        self.controls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Sink for Voice {
    fn emit(&self, what: What) {
        if let What::ControlDecided(control) = &what {
            self.controls
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(control.clone());
        }
        self.journal.say(self.requirement.as_ref(), what);
    }
}

impl Observer for Voice {
    fn wait_started(&self, on: &str, within: Duration) -> u64 {
        let wait = self.journal.number_wait();
        let deadline_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.emit(What::WaitStarted {
            wait,
            on: on.to_owned(),
            deadline_ms,
        });
        wait
    }

    fn wait_progressed(&self, wait: u64, seen: &str) {
        self.emit(What::WaitProgressed {
            wait,
            seen: seen.to_owned(),
        });
    }

    fn wait_ended(&self, wait: u64, met: bool) {
        self.emit(What::WaitEnded { wait, met });
    }

    fn object_created(&self, kind: &str, namespace: Option<&str>, name: &str) {
        self.emit(What::ObjectCreated {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        });
    }
}
