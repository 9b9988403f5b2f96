//! M2: values are readings, within the range of their unit, and in that unit.

use plimsoll_vendors::Unit;

use super::{
    memory::{self, Rise},
    memory_shown,
    movement::Move,
};
use crate::{
    accelerator_metrics::{
        chart::{Chart, Course, Line, unit_name},
        experiment::Steady,
        vocabulary::Quantity,
    },
    probe_pod::Ruling,
};

/// What rounding may add to a whole.
const ROUNDING: f64 = 1.01;

/// Decides whether all values of a node are readings that can be true.
pub(in crate::accelerator_metrics) fn plausible(node: &str, chart: &Chart) -> Ruling {
    if chart.is_empty() {
        return Ruling::Undecided(format!("no exporter of node `{node}` gave a value"));
    }
    if chart.duplicates > 0 {
        return Ruling::Wrong(format!(
            "the exporter of node `{node}` gives {} series twice in one answer",
            chart.duplicates
        ));
    }
    Ruling::all(chart.devices.values().map(|course| of_device(node, course))).in_short(|| {
        format!(
            "all values of {} devices of node `{node}` are in range",
            chart.devices.len()
        )
    })
}

fn of_device(node: &str, course: &Course) -> Ruling {
    let device = &course.ids;
    for quantity in [Quantity::Utilisation, Quantity::Used] {
        let Some(line) = course.line(quantity) else {
            continue;
        };
        let mut blanks = line.points.iter().filter(|point| point.value.is_none());
        // One reading that failed is no fault; that most do is.
        if blanks.clone().count() * 2 >= line.points.len()
            && let Some(blank) = blanks.next_back()
        {
            return Ruling::Wrong(format!(
                "{} of device {device} on node `{node}` is {}, which is no reading",
                line.name, blank.raw
            ));
        }
    }
    if let Some(line) = course.utilisation()
        && let Some((_, over)) = line.within(0, u64::MAX).find(|(_, value)| *value > ROUNDING)
    {
        let unit = line.unit.map_or("its unit", unit_name);
        return Ruling::Wrong(format!(
            "{} of device {device} on node `{node}` is {} times what is possible; its unit should be {unit}",
            line.name, over
        ));
    }
    let total = course
        .line(Quantity::Total)
        .and_then(Line::last)
        .map(|(_, total)| total)
        .filter(|total| *total > 0.0);
    if let (Some(total), Some(line)) = (total, course.used())
        && let Some((_, used)) = line
            .within(0, u64::MAX)
            .find(|(_, used)| *used > total * ROUNDING)
    {
        return Ruling::Wrong(format!(
            "{} of device {device} on node `{node}` is {}, more than the {} that it has",
            line.name,
            memory_shown(used),
            memory_shown(total)
        ));
    }
    Ruling::Right(format!("values of device {device} on node `{node}` are in range"))
}

/// Whether what a load did to the values shows that they are in another unit than the name's. Nothing if not.
pub(in crate::accelerator_metrics) fn other_unit(
    node: &str,
    course: &Course,
    moved: &Move,
    steady: &Steady,
) -> Option<Ruling> {
    let device = &course.ids;
    let line = course.utilisation()?;
    let unit = line.unit?;
    let raw = moved.rise() / unit.in_base();
    // A percentage that moves by what a ratio would. A ratio has fractions: 1 among whole numbers is one per cent.
    let is_fine = line
        .points
        .iter()
        .any(|point| point.value.is_some() && point.raw.fract() != 0.0);
    let is_share = is_fine && (steady.duty * 0.5..=steady.duty * 1.4).contains(&raw);
    if unit == Unit::Percent && !moved.is_one() && is_share {
        return Some(Ruling::Wrong(format!(
            "{} of device {device} on node `{node}` rose by {raw:.2} when it worked {:.0} % of the time: the unit is \
             not percent, as it should be, but a ratio",
            moved.name,
            steady.duty * 100.0
        )));
    }
    let held = steady.held_bytes as f64;
    let Rise { idle, loaded } = memory::rise(course, steady)?;
    let factor = (loaded - idle) / held;
    if held <= 0.0 || factor <= 0.0 {
        return None;
    }
    let line = course.used()?;
    let close = |wanted: f64| (factor / wanted - 1.0).abs() <= 0.15;
    let stated = line.unit?;
    let others = [Unit::Bytes, Unit::Kibibytes, Unit::Megabytes, Unit::Mebibytes];
    let other = others
        .into_iter()
        // Megabytes of either kind are within the tolerance.
        .find(|other| {
            (other.in_base() / stated.in_base()).log10().abs() > 1.0
                && close(stated.in_base() / other.in_base())
        })?;
    Some(Ruling::Wrong(format!(
        "{} of device {device} on node `{node}` rose by {} when {} were held: the unit is not {}, as it should be, but {}",
        line.name,
        memory_shown(loaded - idle),
        memory_shown(held),
        unit_name(stated),
        unit_name(other)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::{chart, course_of_memory, course_with, steady};

    #[test]
    fn what_can_be_true_is_right() {
        assert!(plausible("n", &chart(&[("a", [0.0, 80.0]), ("b", [0.0, 100.0])])).is_right());
        assert!(matches!(plausible("n", &chart(&[])), Ruling::Undecided(_)));
    }

    #[test]
    fn blanks_and_numbers_that_are_none_are_no_readings() {
        for blank in [9_223_372_036_854_775_794.0, -1.0, f64::NAN, f64::INFINITY] {
            let ruling = plausible("n", &chart(&[("a", [blank, blank])]));
            assert!(
                ruling.is_wrong() && ruling.detail().contains("no reading"),
                "{blank}: {ruling:?}"
            );
        }
    }

    #[test]
    fn more_than_all_is_wrong() {
        assert!(plausible("n", &chart(&[("a", [0.0, 150.0])])).is_wrong());
    }

    fn unit(course: &Course) -> Option<Ruling> {
        let steady = steady("a");
        let moved = Move::of(course, &steady)?;
        other_unit("n", course, &moved, &steady)
    }

    #[test]
    fn a_ratio_where_percent_is_due_is_told_by_how_it_moves() {
        assert!(
            unit(&course_with("a", [0.0, 0.8, 0.0]))
                .unwrap()
                .detail()
                .contains("unit")
        );
        assert_eq!(unit(&course_with("a", [0.0, 80.0, 0.0])), None);
        assert_eq!(unit(&course_with("a", [37.0, 37.0, 37.0])), None);
        assert_eq!(
            unit(&course_with("a", [0.0, 1.0, 0.0])),
            None,
            "a per cent of a load that hardly shows"
        );
    }

    #[test]
    fn memory_in_another_unit_is_told_by_how_it_moves() {
        let held = 16.0 * 1_048_576.0;
        assert_eq!(unit(&course_of_memory(0.0, held, 0.0)), None);
        // Bytes where MiB are due.
        let ruling = unit(&course_of_memory(0.0, held * 1_048_576.0, 0.0)).unwrap();
        assert!(ruling.detail().contains("but bytes"), "{ruling:?}");
    }
}
