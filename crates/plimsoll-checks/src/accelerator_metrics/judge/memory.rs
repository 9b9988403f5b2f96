//! M5: memory that is held shows, and memory that is given back too.

use super::memory_shown;
use crate::{
    accelerator_metrics::{
        chart::{Chart, Course},
        experiment::Steady,
    },
    probe_pod::Ruling,
};

/// How far a rise may be from what was held.
const TOLERANCE: f64 = 0.15;

/// What memory in use did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::accelerator_metrics) struct Rise {
    pub(in crate::accelerator_metrics) idle: f64,
    pub(in crate::accelerator_metrics) loaded: f64,
}

/// What memory in use of a device did when some was held.
pub(in crate::accelerator_metrics) fn rise(course: &Course, steady: &Steady) -> Option<Rise> {
    let line = course.used()?;
    // A device that had no series before it was held held nothing.
    let idle = line.level(steady.idle_from, steady.idle_to).unwrap_or_default();
    let (_, loaded) = line.within(steady.began, steady.ended).last()?;
    Some(Rise { idle, loaded })
}

impl Rise {
    /// Whether it is what was held, about.
    pub(in crate::accelerator_metrics) fn is(&self, held: f64) -> bool {
        self.is_within(held, TOLERANCE)
    }

    /// Whether it is what was held, up to a share of it.
    pub(in crate::accelerator_metrics) fn is_within(&self, held: f64, tolerance: f64) -> bool {
        ((self.loaded - self.idle) - held).abs() <= held * tolerance
    }
}

/// Whether memory in use went back to about where it was.
pub(in crate::accelerator_metrics) fn has_fallen(
    chart: &Chart,
    course: &Course,
    idle: f64,
    steady: &Steady,
    to: u64,
) -> bool {
    let Some(line) = course.used() else { return false };
    let held = steady.held_bytes as f64;
    match line.within(steady.ended, to).last() {
        // Series that went with their holder.
        _ if chart.has_lost(course, to) => true,
        Some((_, value)) => value - idle <= held * TOLERANCE,
        None => true,
    }
}

/// Decides.
pub(in crate::accelerator_metrics) fn judge(
    node: &str,
    chart: &Chart,
    course: &Course,
    steady: &Steady,
) -> Ruling {
    let device = &course.ids;
    if steady.held_bytes == 0 {
        return Ruling::Undecided(format!(
            "no memory could be held on device {} of node `{node}`",
            steady.held
        ));
    }
    let held = steady.held_bytes as f64;
    let Some(rise) = rise(course, steady) else {
        return Ruling::Undecided(format!(
            "the exporter of node `{node}` gave no reading of the memory of device {device} while some was held"
        ));
    };
    let name = course.used().map_or("memory in use", |line| line.name.as_str());
    if !rise.is(held) {
        return Ruling::Wrong(format!(
            "{} of memory were held on device {device} of node `{node}`, and {name} went from {} to {}",
            memory_shown(held),
            memory_shown(rise.idle),
            memory_shown(rise.loaded)
        ));
    }
    if !has_fallen(chart, course, rise.idle, steady, steady.after_to) {
        let last = course
            .used()
            .and_then(|line| line.last())
            .map_or(0.0, |(_, value)| value);
        return Ruling::Wrong(format!(
            "{name} of device {device} on node `{node}` did not fall when the memory was given back: {} before, {} \
             after",
            memory_shown(rise.idle),
            memory_shown(last)
        ));
    }
    Ruling::Right(format!(
        "{name} of device {device} on node `{node}` rose by {} when {} were held, and fell again",
        memory_shown(rise.loaded - rise.idle),
        memory_shown(held)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::{course_of_memory, steady};

    const MIB: f64 = 1_048_576.0;

    fn ruled(idle: f64, loaded: f64, after: f64) -> Ruling {
        judge(
            "n",
            &Chart::default(),
            &course_of_memory(idle * MIB, loaded * MIB, after * MIB),
            &steady("a"),
        )
    }

    #[test]
    fn memory_rises_by_what_is_held_and_falls_again() {
        assert!(ruled(3.0, 19.0, 3.0).is_right());
        assert!(ruled(3.0, 20.0, 4.0).is_right(), "within the tolerance");
    }

    #[test]
    fn memory_that_does_not_move_or_does_not_fall_is_wrong() {
        assert!(ruled(64.0, 64.0, 64.0).is_wrong());
        assert!(ruled(3.0, 35.0, 3.0).is_wrong());
        let high = ruled(3.0, 19.0, 19.0);
        assert!(
            high.is_wrong() && high.detail().contains("did not fall"),
            "{high:?}"
        );
    }

    #[test]
    fn without_memory_held_nothing_can_be_told() {
        let none = Steady {
            held_bytes: 0,
            ..steady("a")
        };
        assert!(matches!(
            judge("n", &Chart::default(), &course_of_memory(0.0, 0.0, 0.0), &none),
            Ruling::Undecided(_)
        ));
    }
}
