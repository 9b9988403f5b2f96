//! The one place that puts events in order.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use plimsoll_platform::Clock;
use plimsoll_program::RequirementId;
use plimsoll_record::{Event, RecordWriter, What};
use tokio::sync::Notify;

/// Gives every event its place, appends it to the record and shows it to the watcher.
///
/// A lock rather than a task with a channel: an event is written before the code that caused it goes on,
/// so what a check does next is never recorded before what it did.
pub struct Journal {
    clock: Clock,
    state: Mutex<State>,
    broke: Notify,
}

struct State {
    next: u64,
    writer: RecordWriter,
    next_wait: u64,
    watcher: Box<dyn FnMut(&Event) + Send>,
    fault: Option<io::Error>,
}

impl Journal {
    /// A journal that appends to `writer` after the events `before`, and shows each event to `watcher` once it is
    /// written.
    pub fn new(
        writer: RecordWriter,
        before: &[Event],
        clock: Clock,
        watcher: impl FnMut(&Event) + Send + 'static,
    ) -> Self {
        let state = State {
            next: before.last().map_or(0, |event| event.seq + 1),
            next_wait: before.iter().filter_map(wait).max().map_or(0, |wait| wait + 1),
            writer,
            watcher: Box::new(watcher),
            fault: None,
        };
        Self {
            clock,
            state: Mutex::new(state),
            broke: Notify::new(),
        }
    }

    /// Records that something happened, to `requirement`'s check or to the run as a whole.
    pub fn say(&self, requirement: Option<&RequirementId>, what: What) {
        let mut state = self.lock();
        let event = Event {
            seq: state.next,
            at: self.clock.now(),
            requirement: requirement.cloned(),
            what,
        };
        state.next += 1;
        match state.writer.append(&event) {
            // As it was recorded: nobody sees a credential that the record doesn't hold.
            Ok(recorded) => (state.watcher)(&recorded),
            Err(error) => {
                // Without a record there is no evidence: the run stops (see `broken`).
                state.fault.get_or_insert(error);
                self.broke.notify_one();
            }
        }
    }

    /// A number for a wait that no other wait of the record has.
    pub fn number_wait(&self) -> u64 {
        let mut state = self.lock();
        let number = state.next_wait;
        state.next_wait += 1;
        number
    }

    /// Resolves once the record can't be written any more.
    pub async fn broken(&self) {
        self.broke.notified().await;
    }

    /// The fault that broke the record, if it broke.
    pub fn fault(&self) -> Option<io::Error> {
        self.lock().fault.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the wait that began with this event, if one did.
fn wait(event: &Event) -> Option<u64> {
    match event.what {
        What::WaitStarted { wait, .. } => Some(wait),
        _ => None,
    }
}
