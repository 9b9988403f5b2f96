//! What people see on standard error while they wait: a spinner on a terminal, plain lines elsewhere.

use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tells how a command gets on.
#[derive(Clone)]
pub(crate) struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

/// Something under way.
pub(crate) struct Step {
    bar: ProgressBar,
    progress: Progress,
    what: Cow<'static, str>,
    started: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            terminal,
        }
    }

    /// Begins something that takes a while.
    pub(crate) fn step(&self, what: impl Into<Cow<'static, str>>) -> Step {
        let what = what.into();
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.clone());
        if self.terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Step {
            bar,
            progress: self.clone(),
            what,
            started: Instant::now(),
        }
    }

    /// Tells of something that is done.
    pub(crate) fn done(&self, what: &str) {
        if self.terminal {
            // A line that cannot be shown must not stop the work.
            let _ = self.bars.println(what);
        } else {
            anstream::eprintln!("{what}");
        }
    }
}

impl Step {
    /// Ends the step with a line of its own.
    pub(crate) fn done(self, what: &str) {
        self.bar.finish_and_clear();
        self.progress.done(what);
    }

    /// Ends the step and tells how long it took.
    pub(crate) fn finish(self) {
        let line = format!("{} ({})", self.what, seconds(self.started.elapsed()));
        self.done(&line);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
