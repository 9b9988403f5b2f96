//! M3, M4 and M7: who moved when one device worked.

use super::{back, percent, seconds};
use crate::{
    accelerator_metrics::{
        chart::{Chart, Course, Line, mean},
        device::Ids,
        experiment::Steady,
    },
    probe_pod::Ruling,
};

/// The least that utilisation must rise by, as a share.
pub(in crate::accelerator_metrics) const LEAST_RISE: f64 = 0.2;

/// How many times its own noise it must rise by.
const OVER_NOISE: f64 = 5.0;

/// The part of what a device truly did that its exporter must show.
const SHOWN: f64 = 0.75;

/// What a device's utilisation did when a load came.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::accelerator_metrics) struct Move {
    pub(in crate::accelerator_metrics) ids: Ids,
    pub(in crate::accelerator_metrics) name: String,
    pub(in crate::accelerator_metrics) idle: f64,
    pub(in crate::accelerator_metrics) loaded: f64,
    /// What it must rise by to count.
    pub(in crate::accelerator_metrics) due: f64,
    /// From the beginning of the load until it had risen.
    pub(in crate::accelerator_metrics) lag_ms: Option<u64>,
}

impl Move {
    pub(in crate::accelerator_metrics) fn rise(&self) -> f64 {
        self.loaded - self.idle
    }

    pub(in crate::accelerator_metrics) fn is_one(&self) -> bool {
        self.rise() >= self.due
    }

    /// What a course did when a load came, which perhaps is not over yet.
    pub(in crate::accelerator_metrics) fn of(course: &Course, steady: &Steady) -> Option<Self> {
        let (began, ended) = (steady.began, steady.ended);
        let line = course.utilisation()?;
        let (level, noise) = rest(line, steady.idle_from, steady.idle_to);
        let loaded = line.level(began, ended)?;
        let due = LEAST_RISE.max(OVER_NOISE * noise);
        let risen = line
            .within(began, ended)
            .find(|(_, value)| value - level >= due)
            .map(|(at, _)| at.saturating_sub(began));
        Some(Self {
            ids: course.ids.clone(),
            name: line.name.clone(),
            idle: level,
            loaded,
            due,
            lag_ms: risen,
        })
    }
}

/// The level of a line within a span of time, and how far it varied. A device that had no series was idle.
fn rest(line: &Line, from: u64, to: u64) -> (f64, f64) {
    let values: Vec<f64> = line.within(from, to).map(|(_, value)| value).collect();
    let noise = values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - values.iter().copied().fold(f64::INFINITY, f64::min);
    let noise = if noise.is_finite() { noise } else { 0.0 };
    (mean(&values).unwrap_or_default(), noise)
}

/// Whether devices that may be idle have varied so little since a moment that a load of that duty would stand out. One
/// that somebody else works on is not waited for.
pub(in crate::accelerator_metrics) fn is_calm(chart: &Chart, from: u64, duty: f64) -> bool {
    let lines = chart.devices.values().filter_map(Course::utilisation);
    lines
        .map(|line| rest(line, from, u64::MAX))
        .all(|(level, noise)| level >= LEAST_RISE || OVER_NOISE * noise <= duty / 2.0)
}

/// What all devices did.
pub(in crate::accelerator_metrics) fn moves(chart: &Chart, steady: &Steady) -> Vec<Move> {
    chart
        .devices
        .values()
        .filter_map(|course| Move::of(course, steady))
        .collect()
}

/// The device that was worked on, among those that have series.
pub(in crate::accelerator_metrics) fn located<'a>(chart: &'a Chart, steady: &Steady) -> Option<&'a Ids> {
    steady
        .held
        .among(chart.devices.values().map(|course| &course.ids))
}

/// The series by which the load shows: the device's own if it moved, else the first that did.
pub(in crate::accelerator_metrics) fn shows<'a>(
    chart: &'a Chart,
    moves: &[Move],
    steady: &Steady,
) -> Option<&'a Course> {
    let own = located(chart, steady).map(Ids::key);
    let moved = |key: &str| moves.iter().any(|moved| moved.ids.key() == key && moved.is_one());
    let key = own
        .filter(|key| moved(key))
        .or_else(|| {
            moves
                .iter()
                .find(|moved| moved.is_one())
                .map(|moved| moved.ids.key())
        })
        .or(own)?;
    chart.devices.get(key)
}

/// M3: something rises when a device works.
pub(in crate::accelerator_metrics) fn rises(
    node: &str,
    chart: &Chart,
    moves: &[Move],
    steady: &Steady,
) -> Ruling {
    let own = located(chart, steady).map(Ids::key);
    let mut movers = moves.iter().filter(|moved| moved.is_one());
    let mover = movers
        .clone()
        .find(|moved| own == Some(moved.ids.key()))
        .or(movers.next());
    if let Some(moved) = mover {
        return Ruling::Right(format!(
            "on node `{node}` {} of device {} rose from {} to {} when a device worked {} of the time",
            moved.name,
            moved.ids,
            percent(moved.idle),
            percent(moved.loaded),
            percent(steady.duty)
        ));
    }
    let shown = moves
        .iter()
        .find(|moved| own == Some(moved.ids.key()))
        .or(moves.first());
    match shown {
        None => Ruling::Undecided(format!(
            "the exporter of node `{node}` gave no reading of utilisation while device {} worked",
            steady.held
        )),
        Some(still) if still.due > steady.duty * SHOWN => Ruling::Undecided(format!(
            "device {} of node `{node}` could be made to work only {} of the time: a rise of {} by {}, as its readings \
             before call for, was not to be had; {} was read",
            steady.held,
            percent(steady.duty),
            still.name,
            percent(still.due),
            percent(still.loaded)
        )),
        Some(still) => Ruling::Wrong(format!(
            "no utilisation series of node `{node}` moved while device {} worked {} of the time for {}: {} of device \
             {} went from {} to {}, where a rise by {} was due",
            steady.held,
            percent(steady.duty),
            seconds(steady.ended.saturating_sub(steady.began)),
            still.name,
            still.ids,
            percent(still.idle),
            percent(still.loaded),
            percent(still.due)
        )),
    }
}

/// M4: nobody else rises. Nothing where there is nobody else.
pub(in crate::accelerator_metrics) fn others_stay(
    node: &str,
    chart: &Chart,
    moves: &[Move],
    steady: &Steady,
) -> Option<Ruling> {
    if moves.len() < 2 {
        return None;
    }
    let own = located(chart, steady).map(Ids::key);
    let movers: Vec<&Move> = moves.iter().filter(|moved| moved.is_one()).collect();
    if movers.is_empty() {
        return Some(Ruling::Undecided(format!(
            "no series of node `{node}` moved at all, so that the others stayed still shows nothing"
        )));
    }
    let of_own = movers.iter().find(|moved| own == Some(moved.ids.key()));
    // Without a label that tells which it is, one of the movers is the one that worked.
    let excused = of_own.or(if own.is_none() { movers.first() } else { None });
    let others: Vec<&&Move> = movers
        .iter()
        .filter(|moved| excused.is_none_or(|excused| excused.ids != moved.ids))
        .collect();
    // What somebody else does on another device begins and ends at times of its own.
    let in_step = |moved: &Move| {
        let course = chart.devices.get(moved.ids.key());
        course.is_some_and(|course| back::is_back(chart, course, moved, steady, steady.after_to))
    };
    if let Some(other) = others.iter().find(|other| in_step(other)) {
        let how = match of_own {
            Some(_) => format!(
                "worked alone, and {} of device {} moved as well",
                other.name, other.ids
            ),
            None => format!(
                "worked, and the series of another device moved in its place, {} of device {}",
                other.name, other.ids
            ),
        };
        return Some(Ruling::Wrong(format!(
            "on node `{node}` device {} {how}: from {} to {}, and back when the load ended",
            steady.held,
            percent(other.idle),
            percent(other.loaded)
        )));
    }
    Some(Ruling::Right(format!(
        "on node `{node}` {} other devices stayed still{}",
        moves.len() - movers.len(),
        match others.len() {
            0 => String::new(),
            count => format!(" and {count} moved at times of their own"),
        }
    )))
}

/// M7: it is the device's own series that rises.
pub(in crate::accelerator_metrics) fn is_the_device(
    node: &str,
    chart: &Chart,
    moves: &[Move],
    steady: &Steady,
) -> Ruling {
    let Some(own) = located(chart, steady) else {
        return Ruling::Undecided(format!(
            "no label of the series of node `{node}` tells which of them is device {}",
            steady.held
        ));
    };
    let moved = |moved: &&Move| moved.is_one() && moved.ids == *own;
    if let Some(moved) = moves.iter().find(moved) {
        return Ruling::Right(format!(
            "on node `{node}` the load was on device {}, and {} of device {} moved",
            steady.held, moved.name, moved.ids
        ));
    }
    match moves.iter().find(|moved| moved.is_one()) {
        Some(other) => Ruling::Wrong(format!(
            "on node `{node}` the load was on device {}, and what moved is the series of another device, {}",
            steady.held, other.ids
        )),
        None => Ruling::Undecided(format!(
            "no series of node `{node}` moved, so none can be told by it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::{chart, course_with, steady};

    fn ruled(values: &[(&str, [f64; 2])]) -> (Ruling, Option<Ruling>, Ruling) {
        let chart = chart(values);
        let steady = steady("a");
        let moves = moves(&chart, &steady);
        (
            rises("n", &chart, &moves, &steady),
            others_stay("n", &chart, &moves, &steady),
            is_the_device("n", &chart, &moves, &steady),
        )
    }

    #[test]
    fn the_one_that_worked_rises_alone() {
        let (m3, m4, m7) = ruled(&[("a", [0.0, 80.0]), ("b", [0.0, 0.0])]);
        assert!(m3.is_right() && m4.unwrap().is_right() && m7.is_right());
    }

    #[test]
    fn a_load_that_fell_short_of_what_must_be_seen_proves_nothing() {
        let chart = chart(&[("a", [0.0, 15.0])]);
        for (duty, wrong) in [(0.8, true), (0.28, true), (0.2, false)] {
            let steady = Steady { duty, ..steady("a") };
            let ruling = rises("n", &chart, &moves(&chart, &steady), &steady);
            assert_eq!(ruling.is_wrong(), wrong, "{duty}: {ruling:?}");
            assert!(
                wrong || ruling.detail().contains("only 20 % of the time"),
                "{ruling:?}"
            );
        }
    }

    #[test]
    fn noise_is_waited_out_unless_somebody_else_makes_it() {
        let restless = |from: f64, to: f64| {
            let mut chart = chart(&[("a", [0.0, 80.0])]);
            let course = chart.devices.get_mut("a").unwrap();
            *course = course_with("a", [from, to, from]);
            is_calm(&chart, 0, 0.8)
        };
        assert!(restless(0.0, 5.0));
        assert!(!restless(0.0, 11.0));
        assert!(restless(60.0, 90.0), "somebody works on it");
    }

    #[test]
    fn constants_do_not_move() {
        let (m3, m4, m7) = ruled(&[("a", [37.0, 37.0]), ("b", [37.0, 37.0])]);
        assert!(m3.is_wrong(), "{m3:?}");
        assert!(!m4.unwrap().is_wrong() && !m7.is_wrong());
    }

    #[test]
    fn the_neighbour_in_its_place_is_named() {
        let (m3, m4, m7) = ruled(&[("a", [0.0, 0.0]), ("b", [0.0, 80.0])]);
        assert!(m3.is_right(), "something moved");
        let m4 = m4.unwrap();
        assert!(m4.is_wrong() && m4.detail().contains("another device"), "{m4:?}");
        assert!(m7.is_wrong() && m7.detail().contains('b'), "{m7:?}");
    }

    #[test]
    fn all_in_step_is_wrong_though_the_right_one_moves() {
        let (m3, m4, m7) = ruled(&[("a", [0.0, 80.0]), ("b", [0.0, 80.0])]);
        assert!(m3.is_right() && m7.is_right());
        assert!(m4.unwrap().detail().contains("moved as well"));
    }

    #[test]
    fn one_device_has_no_others_and_an_empty_chart_proves_nothing() {
        let (_, m4, _) = ruled(&[("a", [0.0, 80.0])]);
        assert_eq!(m4, None);
        let (m3, m4, m7) = ruled(&[]);
        assert!(matches!(
            (m3, m4, m7),
            (Ruling::Undecided(_), None, Ruling::Undecided(_))
        ));
    }

    #[test]
    fn a_device_that_no_label_tells_is_not_guessed_at() {
        let (m3, m4, m7) = ruled(&[("x", [0.0, 80.0]), ("y", [0.0, 0.0])]);
        assert!(m3.is_right() && m4.unwrap().is_right());
        assert!(matches!(m7, Ruling::Undecided(_)), "{m7:?}");
    }
}
