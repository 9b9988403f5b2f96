//! The run over time: a bar for each check, with what it waited for and when its controls came out.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};

use super::words::{outcome_class, seen, verdict_class};
use crate::{
    RecordedCheck, RecordedRun,
    duration_text::{duration_text, since},
    moments::outcome_words,
};

/// How many waits of a check are drawn, the longest first: more could not be told apart.
const DRAWN_WAITS: usize = 60;

/// The run over time; nothing if it took no time.
pub(super) fn gantt(run: &RecordedRun) -> Markup {
    let end = run.finished.unwrap_or(run.last);
    let scale = Scale {
        start: run.started,
        whole: since(run.started, end),
    };
    let begun: Vec<(&RecordedCheck, Timestamp)> = run
        .checks
        .iter()
        .filter_map(|check| Some((check, check.started?)))
        .collect();
    if scale.whole.is_zero() || begun.is_empty() {
        return html! {};
    }
    html! {
        section.gantt aria-labelledby="gantt-title" {
            h2 #gantt-title { "The run over time" }
            p.about {
                "Each bar is a check. Below it in grey: what it waited for. Strokes: controls that came out "
                span.good { "right" } ", " span.bad { "wrong" } " or " span.unsure { "undecided" } "."
            }
            div.axis aria-hidden="true" {
                span.label {}
                div.track { @for tick in scale.ticks() { span.tick style={ "left:" (scale.percent(tick)) "%" } { (short(tick)) } } }
            }
            ol {
                @for (check, started) in begun { (row(run, check, started, end, &scale)) }
                @if let Some((began, ended)) = run.cleanup {
                    li {
                        span.label { "cleanup" }
                        div.track {
                            (bar(&scale, began, ended.unwrap_or(end), "none", "removing what the run created"))
                        }
                    }
                }
            }
        }
    }
}

fn row(
    run: &RecordedRun,
    check: &RecordedCheck,
    started: Timestamp,
    end: Timestamp,
    scale: &Scale,
) -> Markup {
    let took = check.duration().unwrap_or_else(|| since(started, end));
    let ended = started.checked_add(took).unwrap_or(end);
    let told = format!(
        "{}: {}, from {} to {}",
        check.id,
        check.verdict(),
        duration_text(since(run.started, started)),
        duration_text(since(run.started, ended)),
    );
    let mut waits: Vec<_> = check.waits.iter().collect();
    waits.sort_by_key(|wait| std::cmp::Reverse(wait.ended.map(|(at, _)| since(wait.started, at))));
    waits.truncate(DRAWN_WAITS);
    html! {
        li data-id=(check.id) {
            a.label href={ "#" (check.id) } { (check.id) }
            div.track role="img" aria-label=(told) {
                (bar(scale, started, ended, verdict_class(check.verdict()), &told))
                @for wait in waits {
                    @let until = wait.ended.map_or(end, |(at, _)| at);
                    span.wait style=(scale.span(wait.started, until)) title={ "waited for " (seen(&wait.on)) } {}
                }
                @for record in &check.controls {
                    @let control = &record.control;
                    span class={ "stroke " (outcome_class(control.outcome)) }
                        style={ "left:" (scale.percent(since(run.started, record.at))) "%" }
                        title={ (seen(&control.name)) " " (outcome_words(control.outcome)) " (" (seen(&control.trial)) ")" } {}
                }
            }
        }
    }
}

fn bar(scale: &Scale, from: Timestamp, to: Timestamp, class: &str, told: &str) -> Markup {
    html! { span class={ "bar " (class) } style=(scale.span(from, to)) title=(told) {} }
}

/// Where moments of the run lie between its beginning and its end.
struct Scale {
    start: Timestamp,
    whole: Duration,
}

impl Scale {
    /// In hundredths, with two digits behind the point.
    fn percent(&self, after: Duration) -> String {
        let share = after.as_secs_f64() / self.whole.as_secs_f64();
        format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)
    }

    fn span(&self, from: Timestamp, to: Timestamp) -> String {
        let left = self.percent(since(self.start, from));
        let width = self.percent(since(from, to));
        format!("left:{left}%;width:{width}%")
    }

    /// Four to eight moments at round numbers of seconds.
    fn ticks(&self) -> Vec<Duration> {
        const STEPS: [u64; 14] = [
            1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
        ];
        let whole = u64::try_from(self.whole.as_millis()).unwrap_or(u64::MAX);
        let step = STEPS
            .into_iter()
            .flat_map(|step| [step, step * 2])
            .find(|step| whole / step <= 7)
            .unwrap_or_else(|| (whole / 6).max(1));
        (0..=whole / step)
            .map(|count| Duration::from_millis(count * step))
            .collect()
    }
}

/// A moment on the axis, without needless digits.
fn short(after: Duration) -> String {
    let milliseconds = after.as_millis();
    if milliseconds == 0 {
        "0".to_owned()
    } else if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else if milliseconds < 60_000 && milliseconds.is_multiple_of(1000) {
        format!("{} s", milliseconds / 1000)
    } else {
        duration_text(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(milliseconds: u64) -> Scale {
        Scale {
            start: Timestamp::UNIX_EPOCH,
            whole: Duration::from_millis(milliseconds),
        }
    }

    #[test]
    fn an_axis_has_a_few_round_ticks_whatever_the_run_took() {
        for milliseconds in [1, 7, 130, 21_500, 95_000, 1_800_000, 86_400_000, u64::MAX / 4] {
            let ticks = scale(milliseconds).ticks();
            assert!(
                (2..=8).contains(&ticks.len()),
                "{milliseconds} ms: {} ticks",
                ticks.len()
            );
        }
        let told: Vec<String> = scale(21_500).ticks().into_iter().map(short).collect();
        assert_eq!(told, ["0", "5 s", "10 s", "15 s", "20 s"]);
    }

    #[test]
    fn nothing_is_drawn_outside_the_run() {
        assert_eq!(scale(100).percent(Duration::from_secs(9)), "100.00");
    }
}
