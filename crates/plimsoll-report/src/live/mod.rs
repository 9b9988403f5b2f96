//! A run while it happens.
//!
//! [`Live`] takes each event as it is recorded. On a terminal it keeps a line per running check with what
//! that check waits for ([`bars`]); elsewhere it writes a line per event ([`plain`]). Both use the words of
//! [`sentence`].

mod bars;
mod plain;
mod sentence;

use std::io;

use plimsoll_record::Event;

use crate::Colour;

/// Shows a run's events as they come.
///
/// A display that can't be written to any more falls silent: the record, not the display, is the evidence.
pub struct Live {
    mode: Mode,
}

enum Mode {
    Plain(plain::Plain),
    Bars(bars::Bars),
}

impl Live {
    /// One line per event.
    pub fn plain(out: impl io::Write + Send + 'static) -> Self {
        Self {
            mode: Mode::Plain(plain::Plain::new(Box::new(out))),
        }
    }

    /// A line per running check on this process's standard error, which should be a terminal.
    #[must_use]
    pub fn terminal(colour: Colour) -> Self {
        Self {
            mode: Mode::Bars(bars::Bars::new(indicatif::ProgressDrawTarget::stderr(), colour)),
        }
    }

    /// Shows an event.
    pub fn show(&mut self, event: &Event) {
        match &mut self.mode {
            Mode::Plain(plain) => plain.show(event),
            Mode::Bars(bars) => bars.show(event),
        }
    }
}
