//! A line per running check on a terminal.

use std::{collections::BTreeMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_program::RequirementId;
use plimsoll_record::{CheckFinished, Event, What};

use super::sentence::{OpenWaits, sentence};
use crate::{Colour, duration_text::duration_text, one_line::one_line, verdict_table::style};

/// How often a spinner turns: often enough to look alive.
const TURN: Duration = Duration::from_millis(120);

pub(super) struct Bars {
    screen: MultiProgress,
    colour: Colour,
    running: BTreeMap<RequirementId, Line>,
    /// The run itself, while no check runs: survey and cleanup.
    run: Option<ProgressBar>,
}

/// A running check.
struct Line {
    bar: ProgressBar,
    /// Its open waits, the newest last: number, what for, and what was last seen.
    waits: Vec<(u64, String, Option<String>)>,
}

impl Bars {
    pub(super) fn new(target: ProgressDrawTarget, colour: Colour) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        Self {
            screen,
            colour,
            running: BTreeMap::new(),
            run: None,
        }
    }

    pub(super) fn show(&mut self, event: &Event) {
        match &event.what {
            What::RunStarted(_) => {
                self.say(&sentence(event, &OpenWaits::new()));
                self.run_does("looking at the platform");
            }
            What::PlatformSurveyed { .. } => self.run_rests(),
            // The table at the end lists what was not selected.
            What::CheckPlanned(_) => {}
            What::CheckStarted => self.check_started(event),
            What::WaitStarted { wait, on, .. } => {
                let open = (*wait, on.clone(), None);
                self.update(event, |line| line.waits.push(open));
            }
            What::WaitProgressed { wait, seen } => self.update(event, |line| {
                if let Some((_, _, last)) = line.waits.iter_mut().find(|(open, _, _)| open == wait) {
                    *last = Some(seen.clone());
                }
            }),
            What::WaitEnded { wait, .. } => {
                self.update(event, |line| line.waits.retain(|(open, _, _)| open != wait));
            }
            // Many and soon past: a line that flickers tells nobody anything.
            What::ObjectCreated { .. } | What::Observed { .. } | What::ControlDecided(_) => {}
            What::CheckFinished(finished) => self.check_finished(event, finished),
            What::CleanupStarted => self.run_does("removing what the run created"),
            What::CleanupFinished { left } => {
                self.run_rests();
                if !left.is_empty() {
                    self.say(&sentence(event, &OpenWaits::new()));
                }
            }
            What::Interrupted => self.say("interrupted: cleaning up"),
            What::RunFinished => self.run_finished(),
        }
    }

    fn check_started(&mut self, event: &Event) {
        let Some(id) = &event.requirement else { return };
        let bar = self.bar();
        bar.set_prefix(id.to_string());
        self.running.insert(
            id.clone(),
            Line {
                bar,
                waits: Vec::new(),
            },
        );
    }

    fn check_finished(&mut self, event: &Event, finished: &CheckFinished) {
        let Some(id) = &event.requirement else { return };
        if let Some(line) = self.running.remove(id) {
            self.remove(&line.bar);
        }
        let verdict = match self.colour {
            Colour::Always => {
                let style = style(finished.verdict);
                format!("{style}{}{style:#}", finished.verdict)
            }
            Colour::Never => finished.verdict.to_string(),
        };
        let took = duration_text(Duration::from_millis(finished.duration_ms));
        self.say(&format!("{id} {verdict} in {took}"));
    }

    fn update(&mut self, event: &Event, change: impl FnOnce(&mut Line)) {
        let Some(line) = event.requirement.as_ref().and_then(|id| self.running.get_mut(id)) else {
            return;
        };
        change(line);
        let message = match line.waits.last() {
            Some((_, on, Some(seen))) => format!("waits for {on}: {seen}"),
            Some((_, on, None)) => format!("waits for {on}"),
            None => String::new(),
        };
        line.bar.set_message(one_line(&message));
    }

    fn run_does(&mut self, what: &'static str) {
        self.run_rests();
        let bar = self.bar();
        bar.set_prefix(what);
        self.run = Some(bar);
    }

    fn run_rests(&mut self) {
        if let Some(bar) = self.run.take() {
            self.remove(&bar);
        }
    }

    fn run_finished(&mut self) {
        self.run_rests();
        for (_, line) in std::mem::take(&mut self.running) {
            self.remove(&line.bar);
        }
    }

    fn bar(&self) -> ProgressBar {
        let bar = self.screen.add(ProgressBar::new_spinner());
        // The template is a constant; were it wrong, the plain spinner would do.
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(TURN);
        bar
    }

    fn remove(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.screen.remove(bar);
    }

    /// A line that stays, above those that move.
    fn say(&self, line: &str) {
        // A terminal that is gone is not the run's concern.
        let _ = self.screen.println(line);
    }
}

/// A run that ends without a word leaves no spinner behind that would hide what is printed next.
impl Drop for Bars {
    fn drop(&mut self) {
        self.run_finished();
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use plimsoll_record::Verdict;

    use super::*;

    fn event(id: &'static str, what: What) -> Event {
        let at = "2026-10-01T08:00:00Z".parse().unwrap();
        Event {
            seq: 0,
            at,
            requirement: Some(RequirementId::new(id)),
            what,
        }
    }

    fn waits(wait: u64, on: &str) -> What {
        What::WaitStarted {
            wait,
            on: on.to_owned(),
            deadline_ms: 1000,
        }
    }

    /// The screen after the events, without the spinner and the time it has turned.
    fn screen_after(events: &[Event]) -> Vec<String> {
        let terminal = InMemoryTerm::new(20, 80);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255);
        let mut bars = Bars::new(target, Colour::Never);
        for event in events {
            bars.show(event);
        }
        for line in bars.running.values() {
            line.bar.force_draw();
        }
        let lines = terminal.contents();
        drop(bars);
        lines
            .lines()
            .map(|line| {
                line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn each_running_check_has_a_line_with_its_newest_open_wait() {
        let screen = screen_after(&[
            event("gang_scheduling", What::CheckStarted),
            event("dra_support", What::CheckStarted),
            event("gang_scheduling", waits(1, "4 pods Running")),
            event("dra_support", waits(2, "a claim to be allocated")),
            event("dra_support", waits(3, "a pod to be Pending")),
            event("dra_support", What::WaitEnded { wait: 3, met: true }),
            event(
                "gang_scheduling",
                What::WaitProgressed {
                    wait: 1,
                    seen: "3\u{1b}[2J of\n4".to_owned(),
                },
            ),
        ]);
        assert_eq!(screen.len(), 2, "{screen:?}");
        assert!(screen[0].starts_with("gang_scheduling"), "{screen:?}");
        assert!(
            screen[0].ends_with("waits for 4 pods Running: 3 [2J of 4"),
            "{screen:?}"
        );
        assert!(
            screen[1].ends_with("waits for a claim to be allocated"),
            "{screen:?}"
        );
    }

    #[test]
    fn a_finished_check_leaves_one_line_that_stays() {
        let finished = CheckFinished {
            verdict: Verdict::Passed,
            reason: "all".to_owned(),
            advice: None,
            adapter: None,
            duration_ms: 12_300,
        };
        let screen = screen_after(&[
            event("gang_scheduling", What::CheckStarted),
            event("dra_support", What::CheckStarted),
            event("gang_scheduling", What::CheckFinished(finished)),
        ]);
        assert_eq!(screen[0], "gang_scheduling passed in 12.3 s", "{screen:?}");
        assert!(
            screen.len() == 2 && screen[1].starts_with("dra_support"),
            "{screen:?}"
        );
    }
}
