//! How many members of each gang held a place, over time: a gang is admitted in one step or not at all.

use serde_json::{Map, Value};

use super::{
    super::words::seen,
    chart::{Across, Chart, INKS, Line},
};

/// The chart of a watch of gangs, if the fact is one.
pub(super) fn charts(fact: &Value) -> Vec<Chart> {
    let Some(groups) = fact.pointer("/timeline/members").and_then(Value::as_object) else {
        return Vec::new();
    };
    let end = groups
        .values()
        .filter_map(Value::as_object)
        .flat_map(Map::values)
        .filter_map(last)
        .fold(0.0, f64::max);
    let mut lines = Vec::new();
    let mut told = Vec::new();
    for (name, members) in groups {
        let Some(members) = members.as_object() else {
            continue;
        };
        told.push(sentence(&seen(name), members));
        let points = steps(members, end);
        if points.len() > 2 && lines.len() < INKS {
            lines.push(Line {
                name: seen(name),
                points,
                applied: false,
            });
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let slots = fact.pointer("/slots/kind").and_then(Value::as_str);
    let title = match slots {
        Some(slots) => format!("Members that hold a place: {}", seen(slots)),
        None => "Members that hold a place".to_owned(),
    };
    vec![Chart {
        title,
        told: told.join(" "),
        across: Across::Time,
        upwards: "members".to_owned(),
        whole: true,
        lines,
    }]
}

fn milliseconds(member: &Value, field: &str) -> Option<f64> {
    member.get(field)?.as_f64()
}

fn last(member: &Value) -> Option<f64> {
    ["bound_ms", "started_ms", "ended_ms", "gone_ms"]
        .into_iter()
        .filter_map(|field| milliseconds(member, field))
        .reduce(f64::max)
}

/// When a member let go of its place.
fn released(member: &Value) -> Option<f64> {
    milliseconds(member, "ended_ms").or_else(|| milliseconds(member, "gone_ms"))
}

/// A staircase: up where a member was bound, down where it let go.
fn steps(members: &Map<String, Value>, end: f64) -> Vec<(f64, f64)> {
    let mut changes: Vec<(f64, f64)> = Vec::new();
    for member in members.values() {
        if let Some(bound) = milliseconds(member, "bound_ms") {
            changes.push((bound, 1.0));
            changes.extend(released(member).map(|at| (at, -1.0)));
        }
    }
    changes.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut held = 0.0;
    let mut points = vec![(0.0, held)];
    for (at, change) in changes {
        points.push((at, held));
        held += change;
        points.push((at, held));
    }
    points.push((end, held));
    points
}

fn sentence(name: &str, members: &Map<String, Value>) -> String {
    let bound: Vec<f64> = members
        .values()
        .filter_map(|member| milliseconds(member, "bound_ms"))
        .collect();
    let first = bound.iter().copied().reduce(f64::min);
    let last = bound.iter().copied().reduce(f64::max);
    let all = members.len();
    match (first, last) {
        (Some(first), Some(_)) if all == 1 => format!("{name}: bound after {first} ms."),
        (Some(first), Some(last)) => {
            format!(
                "{name}: {} of {all} members bound after {first} ms, {} ms apart.",
                bound.len(),
                last - first
            )
        }
        (None, _) | (_, None) => format!("{name}: none of {all} bound."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gang_goes_up_in_one_step_and_is_told_in_words() {
        let fact = json!({"slots": {"kind": "2 slots"}, "timeline": {"members": {
            "whole": {"a": {"bound_ms": 10, "ended_ms": 50}, "b": {"bound_ms": 10, "gone_ms": 60}},
            "none": {"c": {"bound_ms": null}},
        }}});
        let charts = charts(&fact);
        assert_eq!(charts.len(), 1);
        assert_eq!(charts[0].lines.len(), 1);
        assert_eq!(
            charts[0].told,
            "none: none of 1 bound. whole: 2 of 2 members bound after 10 ms, 0 ms apart."
        );
        assert_eq!(
            charts[0].lines[0].points[..5],
            [(0.0, 0.0), (10.0, 0.0), (10.0, 1.0), (10.0, 1.0), (10.0, 2.0)]
        );
        assert_eq!(charts[0].lines[0].points.last(), Some(&(60.0, 0.0)));
    }

    #[test]
    fn another_fact_is_no_watch_of_gangs() {
        for fact in [
            json!(null),
            json!({"timeline": []}),
            json!({"timeline": {"members": {"a": 3}}}),
        ] {
            assert!(charts(&fact).is_empty(), "{fact}");
        }
    }
}
