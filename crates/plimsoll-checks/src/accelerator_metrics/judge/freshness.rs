//! M8: readings follow the load soon.

use super::{percent, seconds};
use crate::{
    accelerator_metrics::{
        chart::{Chart, Course, Line, mean},
        experiment::{Steady, Wave},
    },
    probe_pod::Ruling,
};

/// The latest that a reading may follow.
pub(in crate::accelerator_metrics) const LATEST_MS: u64 = 30_000;

/// With less than that of the time worked, a wave is none.
const LEAST_DUTY: f64 = 0.25;

/// In which steps lags are tried.
const STEP_MS: u64 = 250;

/// Utilisation follows the wave: how late, and how far it swings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::accelerator_metrics) struct Follows {
    pub(in crate::accelerator_metrics) lag_ms: u64,
    pub(in crate::accelerator_metrics) swing: f64,
}

/// The lag at which a line swings most with the wave; none if it does not follow every half of it by at least half of
/// what a steady load brought.
pub(in crate::accelerator_metrics) fn follows(line: &Line, wave: &Wave, steady_rise: f64) -> Option<Follows> {
    let latest = wave.half_ms.min(LATEST_MS);
    let lags = (0..=latest / STEP_MS).map(|step| step * STEP_MS);
    let best = lags
        .filter_map(|lag_ms| {
            let swing = swing(line, wave, lag_ms)?;
            Some(Follows { lag_ms, swing })
        })
        // The earliest of those that swing most.
        .fold(None, |best: Option<Follows>, next| match best {
            Some(best) if best.swing >= next.swing => Some(best),
            _ => Some(next),
        })?;
    (best.swing > 0.0 && best.swing >= steady_rise / 2.0).then_some(best)
}

/// The least difference between a half and the next, with readings that late.
fn swing(line: &Line, wave: &Wave, lag_ms: u64) -> Option<f64> {
    let level = |from: u64, to: u64| {
        let values: Vec<f64> = line
            .within(from + lag_ms, (to + lag_ms).saturating_sub(1))
            .map(|(_, value)| value)
            .collect();
        mean(&values)
    };
    let mut least: Option<f64> = None;
    let mut rested: Option<f64> = None;
    for (begin, end, rest) in &wave.cycles {
        let (busy, idle) = (level(*begin, *end)?, level(*end, *rest).or(rested)?);
        for rise in [Some(busy - idle), rested.map(|before| busy - before)]
            .into_iter()
            .flatten()
        {
            least = Some(least.map_or(rise, |least| least.min(rise)));
        }
        rested = Some(idle);
    }
    least
}

/// The device whose line follows the wave most closely, if any does. Which device it is, is another control's matter.
pub(in crate::accelerator_metrics) fn follower<'a>(
    chart: &'a Chart,
    wave: &Wave,
    steady_rise: f64,
) -> Option<(&'a Course, Follows)> {
    chart
        .devices
        .values()
        .filter_map(|course| Some((course, follows(course.utilisation()?, wave, steady_rise)?)))
        .max_by(|a, b| a.1.swing.total_cmp(&b.1.swing))
}

/// By how much this wave moves what a steady load moved by so much: less, where it worked less.
pub(in crate::accelerator_metrics) fn rise_of(wave: &Wave, steady: &Steady, steady_rise: f64) -> f64 {
    if steady.duty > 0.0 {
        steady_rise * (wave.duty / steady.duty).min(1.0)
    } else {
        steady_rise
    }
}

/// Decides, where a steady load had moved something by `steady_rise`.
pub(in crate::accelerator_metrics) fn judge(
    node: &str,
    chart: &Chart,
    wave: &Wave,
    steady_rise: f64,
) -> Ruling {
    if wave.cycles.is_empty() {
        return Ruling::Undecided(format!("the load on node `{node}` never came and went"));
    }
    if wave.duty < LEAST_DUTY {
        return Ruling::Undecided(format!(
            "a load that came and went on node `{node}` had the device work only {} of the time while it was there: \
             the machine is busy with something else",
            percent(wave.duty)
        ));
    }
    match follower(chart, wave, steady_rise) {
        Some((course, found)) => Ruling::Right(format!(
            "utilisation of device {} on node `{node}` followed a load that came and went every {} within {}, by {}",
            course.ids,
            seconds(wave.half_ms),
            seconds(found.lag_ms.max(STEP_MS)),
            percent(found.swing)
        )),
        None => Ruling::Wrong(format!(
            "no utilisation series of node `{node}` followed a load that came and went every {}: readings must be at \
             most 30 s old",
            seconds(wave.half_ms)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::line;

    fn wave(half_ms: u64) -> Wave {
        let cycle = |number: u64| {
            let begin = 100_000 + number * 2 * half_ms;
            (begin, begin + half_ms, begin + 2 * half_ms)
        };
        Wave {
            half_ms,
            duty: 1.0,
            cycles: vec![cycle(0), cycle(1)],
        }
    }

    /// What an exporter shows each second that reads every `refresh` seconds what went on at that moment.
    fn shown(wave: &Wave, refresh: u64) -> Line {
        let busy = |at: u64| {
            wave.cycles
                .iter()
                .any(|(begin, end, _)| (*begin..*end).contains(&at))
        };
        line((90..300).map(|second| {
            let read = second / refresh * refresh * 1000;
            (second * 1000, if busy(read) { 0.8 } else { 0.0 })
        }))
    }

    #[test]
    fn a_fresh_exporter_follows_and_its_lag_is_told() {
        let found = follows(&shown(&wave(4000), 1), &wave(4000), 0.8).unwrap();
        assert!(found.lag_ms <= 1000, "{found:?}");
        assert!((found.swing - 0.8).abs() < 1e-9);
    }

    #[test]
    fn a_slow_one_follows_a_slow_wave() {
        assert!(follows(&shown(&wave(32_000), 15), &wave(32_000), 0.8).is_some());
        assert_eq!(follows(&shown(&wave(4000), 15), &wave(4000), 0.8), None);
    }

    #[test]
    fn a_wave_that_worked_less_is_followed_by_less() {
        let steady = crate::accelerator_metrics::judge::fixture::steady("a");
        let of = |duty| Wave { duty, ..wave(4000) };
        assert_eq!(rise_of(&of(1.0), &steady, 0.8), 0.8);
        assert!((rise_of(&of(0.4), &steady, 0.8) - 0.4).abs() < 1e-9);
        let ruling = judge("n", &Chart::default(), &of(0.1), 0.8);
        assert!(
            matches!(&ruling, Ruling::Undecided(why) if why.contains("only 10 %")),
            "{ruling:?}"
        );
    }

    #[test]
    fn flat_lines_and_empty_ones_follow_nothing() {
        let flat = line((90..300).map(|second| (second * 1000, 0.4)));
        assert_eq!(follows(&flat, &wave(4000), 0.8), None);
        assert_eq!(follows(&flat, &wave(4000), 0.0), None);
        assert_eq!(follows(&Line::default(), &wave(4000), 0.8), None);
        assert_eq!(follows(&flat, &Wave::default(), 0.8), None);
    }
}
