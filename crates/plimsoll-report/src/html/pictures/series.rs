//! Numbers over time or size, wherever in a fact there is a list of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    super::words::seen,
    chart::{Across, Chart, INKS, Line},
};

/// How deep in a fact lists are looked for.
const DEPTH: usize = 6;
/// How many points a line is drawn with.
const POINTS: usize = 300;
/// Lines whose greatest values differ by more than this are not drawn over one axis.
const SPREAD: f64 = 25.0;
/// Fields that say what a list is about, in the order in which they are said.
const NAMES: [&str; 9] = [
    "node", "device", "name", "uuid", "id", "metric", "series", "trial", "path",
];

/// Milliseconds above this are not since a beginning but since 1970.
const SINCE_1970: f64 = 1e11;

/// The charts of all lists of numbers in `fact`.
pub(super) fn charts(fact: &Value) -> Vec<Chart> {
    let mut charts = Vec::new();
    search(fact, &mut Vec::new(), DEPTH, &mut charts);
    from_the_first_moment(&mut charts);
    charts
}

/// Moments since 1970 become moments since the first one in the fact, so that its charts have one axis.
pub(super) fn from_the_first_moment(charts: &mut [Chart]) {
    let mut lines: Vec<&mut Line> = charts
        .iter_mut()
        .filter(|chart| chart.across == Across::Time)
        .flat_map(|chart| &mut chart.lines)
        .collect();
    let first = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|(at, _)| *at)
        .fold(f64::INFINITY, f64::min);
    if first.is_finite() && first > SINCE_1970 {
        for (at, _) in lines.iter_mut().flat_map(|line| &mut line.points) {
            *at -= first;
        }
    }
}

/// Looks for lists; `about` says on the way what they are about.
fn search(value: &Value, about: &mut Vec<String>, depth: usize, charts: &mut Vec<Chart>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Array(items) => match Table::of(items) {
            Some(table) => charts.extend(table.charts(about)),
            None => items
                .iter()
                .for_each(|item| search(item, about, depth - 1, charts)),
        },
        Value::Object(fields) => {
            let known = about.len();
            about.extend(names(fields));
            for (unit, lines) in lines_by_unit(fields) {
                let table = Table {
                    across: Across::Time,
                    lines,
                };
                charts.extend(table.charts(about).into_iter().map(|chart| Chart {
                    upwards: unit.clone(),
                    ..chart
                }));
            }
            for (name, value) in fields {
                let told = matches!(value, Value::Array(_) | Value::Object(_));
                if told {
                    about.push(spoken(name));
                    search(value, about, depth - 1, charts);
                    about.pop();
                }
            }
            about.truncate(known);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn names(fields: &Map<String, Value>) -> impl Iterator<Item = String> + '_ {
    NAMES
        .into_iter()
        .filter_map(|name| match fields.get(name)? {
            Value::String(text) => Some(text.as_str()),
            // A device by its ids: the first one says enough.
            Value::Object(ids) => NAMES
                .into_iter()
                .chain(["pci"])
                .find_map(|id| ids.get(id)?.as_str()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        })
        .filter(|text| !text.is_empty())
        .map(seen)
}

/// The lines that stand side by side in an object, by their unit.
fn lines_by_unit(fields: &Map<String, Value>) -> BTreeMap<String, Vec<Line>> {
    let mut units: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (field, value) in fields {
        let Some(points) = value.get("points").and_then(Value::as_array) else {
            continue;
        };
        let points: Vec<(f64, f64)> = points
            .iter()
            // A moment without a reading has null in the place of its number.
            .filter_map(|point| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()?)))
            .collect();
        if points.len() < 2 {
            continue;
        }
        let text = |field| value.get(field).and_then(Value::as_str).map(seen);
        let name = match text("name") {
            Some(name) => format!("{} ({name})", spoken(field)),
            None => spoken(field),
        };
        units
            .entry(text("unit").unwrap_or_default())
            .or_default()
            .push(Line {
                name,
                points: thinned(points),
                applied: is_applied(field),
            });
    }
    units
}

fn spoken(field: &str) -> String {
    seen(field).replace('_', " ")
}

/// A list of objects with a number that goes across and others that go upwards.
struct Table {
    across: Across,
    lines: Vec<Line>,
}

impl Table {
    fn of(items: &[Value]) -> Option<Self> {
        let rows: Vec<&Map<String, Value>> = items.iter().map(Value::as_object).collect::<Option<_>>()?;
        let first = rows.first().filter(|_| rows.len() >= 3)?;
        let (key, across) = [("at_ms", Across::Time), ("bytes", Across::Size)]
            .into_iter()
            .find(|(key, _)| first.get(*key).is_some_and(Value::is_number))?;
        let mut fields: Vec<&String> = rows
            .iter()
            .flat_map(|row| row.keys())
            .filter(|field| *field != key)
            .collect();
        fields.sort();
        fields.dedup();
        let lines: Vec<Line> = fields
            .into_iter()
            .filter_map(|field| {
                let point =
                    |row: &&Map<String, Value>| Some((row.get(key)?.as_f64()?, row.get(field)?.as_f64()?));
                let mut points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
                points.sort_by(|left, right| left.0.total_cmp(&right.0));
                (points.len() >= 2).then(|| Line {
                    name: spoken(field),
                    points: thinned(points),
                    applied: is_applied(field),
                })
            })
            .collect();
        (!lines.is_empty()).then_some(Self { across, lines })
    }

    /// One chart for lines that can share an axis.
    fn charts(self, about: &[String]) -> Vec<Chart> {
        let mut lines: Vec<(f64, Line)> = self
            .lines
            .into_iter()
            .map(|line| (greatest(&line), line))
            .collect();
        lines.sort_by(|left, right| left.0.total_cmp(&right.0));
        let mut groups: Vec<(f64, Vec<Line>)> = Vec::new();
        for (size, line) in lines {
            match groups.last_mut() {
                Some((least, group)) if size <= *least * SPREAD && group.len() < INKS => group.push(line),
                Some(_) | None => groups.push((size, vec![line])),
            }
        }
        groups
            .into_iter()
            .map(|(_, mut lines)| {
                // What was applied lies behind what was seen.
                lines.sort_by(|left, right| {
                    right
                        .applied
                        .cmp(&left.applied)
                        .then_with(|| left.name.cmp(&right.name))
                });
                let upwards = if let [line] = &lines[..] {
                    line.name.clone()
                } else {
                    String::new()
                };
                Chart {
                    title: about.join(" · "),
                    told: lines.iter().map(range).collect::<Vec<_>>().join(" "),
                    across: self.across,
                    upwards,
                    whole: false,
                    lines,
                }
            })
            .collect()
    }
}

/// Whether the check did it, rather than saw it.
fn is_applied(field: &str) -> bool {
    ["applied", "load", "duty", "wanted", "expected", "limit", "target"]
        .into_iter()
        .any(|word| field.contains(word))
}

fn greatest(line: &Line) -> f64 {
    line.points.iter().map(|(_, y)| y.abs()).fold(0.0, f64::max)
}

fn range(line: &Line) -> String {
    let low = line.points.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = line
        .points
        .iter()
        .map(|(_, y)| *y)
        .fold(f64::NEG_INFINITY, f64::max);
    format!("{}: from {} to {}.", line.name, rounded(low), rounded(high))
}

fn rounded(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Of many points those that show the line's shape: the least and the greatest of each stretch.
pub(super) fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    let stretch = points.len().div_ceil(POINTS / 2);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let low = chunk
                .iter()
                .copied()
                .min_by(|left, right| left.1.total_cmp(&right.1));
            let high = chunk
                .iter()
                .copied()
                .max_by(|left, right| left.1.total_cmp(&right.1));
            let mut kept: Vec<(f64, f64)> = low.into_iter().chain(high).collect();
            kept.sort_by(|left, right| left.0.total_cmp(&right.0));
            kept
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_device_gets_a_chart_with_the_load_behind_what_was_measured() {
        let samples = |top: f64| -> Vec<Value> {
            (0..5)
                .map(|at| json!({"at_ms": at * 1000, "load": 80, "utilisation": top, "note": "x"}))
                .collect()
        };
        let fact = json!({"devices": [
            {"uuid": "gpu-a", "samples": samples(78.0)},
            {"uuid": "gpu-b", "samples": samples(79.5)},
        ]});
        let charts = charts(&fact);
        assert_eq!(charts.len(), 2);
        assert_eq!(charts[0].title, "devices · gpu-a · samples");
        let lines: Vec<(&str, bool)> = charts[0]
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.applied))
            .collect();
        assert_eq!(lines, [("load", true), ("utilisation", false)]);
        assert_eq!(
            charts[1].told,
            "load: from 80 to 80. utilisation: from 79.5 to 79.5."
        );
    }

    #[test]
    fn lines_of_a_device_are_told_by_name_and_unit_from_their_first_moment_on() {
        let line = |name: &str, unit: &str| {
            json!({"name": name, "unit": unit, "points": [
                [1_800_000_001_000_u64, 3], [1_800_000_002_000_u64, null], [1_800_000_003_000_u64, 80],
            ]})
        };
        let fact = json!({"devices": [{
            "device": {"uuid": null, "pci": "0000:01:00.0"},
            "utilisation": line("DCGM_FI_DEV_GPU_UTIL", "percent"), "memory_used": line("DCGM_FI_DEV_FB_USED", "MiB"),
        }]});
        let charts = charts(&fact);
        let told: Vec<(&str, &str)> = charts
            .iter()
            .map(|chart| (chart.upwards.as_str(), chart.lines[0].name.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("MiB", "memory used (DCGM_FI_DEV_FB_USED)"),
                ("percent", "utilisation (DCGM_FI_DEV_GPU_UTIL)")
            ]
        );
        assert_eq!(charts[1].title, "devices · 0000:01:00.0");
        assert_eq!(charts[1].lines[0].points, [(0.0, 3.0), (2000.0, 80.0)]);
    }

    #[test]
    fn numbers_of_different_size_get_axes_of_their_own() {
        let fact: Vec<Value> = (0..4)
            .map(|at| json!({"at_ms": at, "percent": 40, "memory_bytes": 2_000_000_000_u64}))
            .collect();
        assert_eq!(charts(&json!(fact)).len(), 2);
    }

    #[test]
    fn bandwidth_over_size_goes_on_a_logarithmic_axis() {
        let fact: Vec<Value> = (0..4)
            .map(|power| json!({"bytes": 1024 << power, "gbit_s": 10 * power}))
            .collect();
        assert_eq!(charts(&json!(fact))[0].across, Across::Size);
    }

    #[test]
    fn many_points_are_thinned_without_losing_a_peak() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|at| (f64::from(at), 1.0)).collect();
        points[4321].1 = 99.0;
        let thin = thinned(points);
        assert!(thin.len() <= POINTS, "{}", thin.len());
        assert!(thin.contains(&(4321.0, 99.0)));
    }

    #[test]
    fn what_is_no_series_is_no_chart() {
        for fact in [
            json!(null),
            json!([1, 2, 3]),
            json!([{"at_ms": 1}, {"at_ms": 2}]),
            json!([{"a": 1}, {"a": 2}, {"a": 3}]),
        ] {
            assert!(charts(&fact).is_empty(), "{fact}");
        }
    }
}
