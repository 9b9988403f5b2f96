//! One line per event, for logs and pipes.

use std::io::Write;

use jiff::Timestamp;
use plimsoll_record::{Event, What};

use super::sentence::{OpenWaits, sentence};
use crate::duration_text::since;

pub(super) struct Plain {
    /// None once it could not be written to.
    out: Option<Box<dyn Write + Send>>,
    started: Option<Timestamp>,
    waits: OpenWaits,
}

impl Plain {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Some(out),
            started: None,
            waits: OpenWaits::new(),
        }
    }

    pub(super) fn show(&mut self, event: &Event) {
        if matches!(event.what, What::RunStarted(_)) {
            self.started = Some(event.at);
        }
        if let What::WaitStarted { wait, on, .. } = &event.what {
            self.waits.insert(*wait, on.clone());
        }
        let after = since(self.started.unwrap_or(event.at), event.at).as_secs_f64();
        let who = event
            .requirement
            .as_ref()
            .map(|id| format!("{id} "))
            .unwrap_or_default();
        let written = self.out.as_mut().map(|out| {
            writeln!(out, "[{after:7.1}s] {who}{}", sentence(event, &self.waits))?;
            out.flush()
        });
        if let Some(Err(_)) = written {
            self.out = None;
        }
        if let What::WaitEnded { wait, .. } = &event.what {
            self.waits.remove(wait);
        }
    }
}
