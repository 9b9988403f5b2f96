//! M6: after the load, utilisation goes back to where it was.

use super::{movement::Move, percent, seconds};
use crate::{
    accelerator_metrics::{
        chart::{Chart, Course},
        experiment::Steady,
    },
    probe_pod::Ruling,
};

/// What may be left of a rise.
const LEFT: f64 = 0.25;

/// Whether utilisation is back by a moment.
pub(in crate::accelerator_metrics) fn is_back(
    chart: &Chart,
    course: &Course,
    moved: &Move,
    steady: &Steady,
    to: u64,
) -> bool {
    let Some(line) = course.utilisation() else {
        return false;
    };
    match line.within(steady.ended, to).last() {
        // A series that went with its holder.
        _ if chart.has_lost(course, to) => true,
        Some((_, value)) => value <= moved.idle + moved.rise() * LEFT,
        None => true,
    }
}

/// Decides.
pub(in crate::accelerator_metrics) fn judge(
    node: &str,
    chart: &Chart,
    course: &Course,
    moved: &Move,
    steady: &Steady,
) -> Ruling {
    let after = seconds(steady.after_to.saturating_sub(steady.ended));
    if is_back(chart, course, moved, steady, steady.after_to) {
        return Ruling::Right(format!(
            "{} of device {} on node `{node}` was back within {after} of the end of the load",
            moved.name, moved.ids
        ));
    }
    let last = course
        .utilisation()
        .and_then(|line| line.last())
        .map_or(0.0, |(_, value)| value);
    Ruling::Wrong(format!(
        "{} of device {} on node `{node}` is at {} still, {after} after the end of the load; it was at {} before",
        moved.name,
        moved.ids,
        percent(last),
        percent(moved.idle)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::{
        fixture::{course_with, steady},
        movement::Move,
    };

    fn ruled(after: f64) -> Ruling {
        let course = course_with("a", [0.0, 80.0, after]);
        let steady = steady("a");
        let moved = Move::of(&course, &steady).unwrap();
        judge("n", &Chart::default(), &course, &moved, &steady)
    }

    #[test]
    fn what_stays_up_is_wrong() {
        assert!(ruled(0.0).is_right());
        assert!(ruled(10.0).is_right());
        assert!(ruled(80.0).is_wrong());
    }
}
