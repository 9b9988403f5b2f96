//! What an exporter said of each accelerator, before the load that was applied to it: an observation of kind
//! `device-series`, as the check of accelerator metrics keeps it.

use serde_json::Value;

use super::{
    super::words::seen,
    chart::{Across, Chart, Line},
    series::{from_the_first_moment, thinned},
};

/// The charts of a node's devices: utilisation and memory of each. Nothing if the fact is of another kind.
pub(super) fn charts(fact: &Value) -> Option<Vec<Chart>> {
    if fact.get("kind")?.as_str()? != "device-series" {
        return None;
    }
    let devices = fact.get("devices")?.as_array()?;
    let loads: Vec<Load> = fact.get("loads")?.as_array()?.iter().map(Load::of).collect();
    let node = fact.get("node").and_then(Value::as_str).unwrap_or_default();
    let mut charts: Vec<Chart> = devices
        .iter()
        .flat_map(|device| {
            let quantities = [
                ("utilisation", "Utilisation", "load applied"),
                ("memory_used", "Memory", "memory held"),
            ];
            quantities
                .into_iter()
                .filter_map(|(field, what, applied)| chart(node, device, field, what, applied, &loads))
        })
        .collect();
    from_the_first_moment(&mut charts);
    Some(charts)
}

/// What was done to the device under load.
struct Load {
    /// The part of the time that it worked, 0 to 1.
    duty: f64,
    held: f64,
    /// From when to when.
    busy: Vec<(f64, f64)>,
}

impl Load {
    fn of(load: &Value) -> Self {
        let number = |field| load.get(field).and_then(Value::as_f64).unwrap_or(0.0);
        let spans = load
            .get("busy")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        Self {
            duty: number("duty"),
            held: number("held_bytes"),
            busy: spans
                .iter()
                .filter_map(|span| Some((span.get(0)?.as_f64()?, span.get(1)?.as_f64()?)))
                .collect(),
        }
    }
}

fn chart(
    node: &str,
    device: &Value,
    field: &str,
    what: &str,
    applied: &str,
    loads: &[Load],
) -> Option<Chart> {
    let line = device.get(field)?;
    let points: Vec<(f64, f64)> = line
        .get("points")?
        .as_array()?
        .iter()
        // A moment without a reading has null in the place of its number.
        .filter_map(|point| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()?)))
        .collect();
    let (&(from, _), &(to, _)) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let text = |field| {
        line.get(field)
            .and_then(Value::as_str)
            .map(seen)
            .unwrap_or_default()
    };
    let (series, unit) = (text("name"), text("unit"));
    let loaded = device.get("loaded").and_then(Value::as_bool).unwrap_or(false);
    let height = |load: &Load| {
        if field == "utilisation" {
            load.duty * full(&unit)
        } else {
            load.held / bytes(&unit)
        }
    };
    let steps = if loaded {
        staircase(loads, height, from, to)
    } else {
        vec![(from, 0.0), (to, 0.0)]
    };
    let name = ids(device);
    let top = points
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::NEG_INFINITY, f64::max);
    let load = if loaded {
        "under load"
    } else {
        "no load was applied to it"
    };
    Some(Chart {
        title: format!("{what} of {name} on {} ({load})", seen(node)),
        told: format!("{series}: up to {top:.1} {unit}; {load}."),
        across: Across::Time,
        upwards: unit,
        whole: false,
        lines: vec![
            Line {
                name: applied.to_owned(),
                points: steps,
                applied: true,
            },
            Line {
                name: series,
                points: thinned(points),
                applied: false,
            },
        ],
    })
}

/// What the exporter knows the device by.
fn ids(device: &Value) -> String {
    let ids = device.get("device");
    let text = |field| ids.and_then(|ids| ids.get(field)).filter(|id| !id.is_null());
    let id = ["uuid", "pci", "index"].into_iter().find_map(text);
    match id {
        Some(Value::String(id)) => seen(id),
        Some(id) => format!("device {id}"),
        None => "a device".to_owned(),
    }
}

/// The whole of a device's time.
fn full(unit: &str) -> f64 {
    if unit == "ratio" { 1.0 } else { 100.0 }
}

fn bytes(unit: &str) -> f64 {
    match unit {
        "KiB" => 1024.0,
        "MB" => 1e6,
        "MiB" => 1_048_576.0,
        _ => 1.0,
    }
}

/// Up where a load began, down where it ended.
fn staircase(loads: &[Load], height: impl Fn(&Load) -> f64, from: f64, to: f64) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64, f64)> = loads
        .iter()
        .flat_map(|load| load.busy.iter().map(|(begin, end)| (*begin, *end, height(load))))
        .collect();
    spans.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut steps = vec![(from, 0.0)];
    for (begin, end, height) in spans {
        steps.extend([(begin, 0.0), (begin, height), (end, height), (end, 0.0)]);
    }
    steps.push((to, 0.0));
    steps.retain(|(at, _)| (from..=to).contains(at));
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_load_stands_behind_the_device_it_was_applied_to_and_no_other() {
        let start = 1_800_000_000_000_u64;
        let line = |unit: &str| {
            json!({"name": "UTIL", "unit": unit, "points": [
                [start, 1], [start + 5000, 79], [start + 8000, null], [start + 10_000, 2],
            ]})
        };
        let fact = json!({"kind": "device-series", "node": "n1",
        "loads": [{"duty": 0.8, "held_bytes": 1_048_576, "busy": [[start + 1000, start + 9000]]}],
        "devices": [
            {"device": {"uuid": "gpu-a"}, "loaded": true, "utilisation": line("percent"), "memory_used": line("MiB")},
            {"device": {"uuid": null, "pci": null, "index": 3}, "loaded": false, "utilisation": line("ratio")},
        ]});
        let charts = charts(&fact).unwrap();
        let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Utilisation of gpu-a on n1 (under load)",
                "Memory of gpu-a on n1 (under load)",
                "Utilisation of device 3 on n1 (no load was applied to it)",
            ]
        );
        assert_eq!(
            charts[0].lines[0].points,
            [
                (0.0, 0.0),
                (1000.0, 0.0),
                (1000.0, 80.0),
                (9000.0, 80.0),
                (9000.0, 0.0),
                (10_000.0, 0.0)
            ]
        );
        assert_eq!(charts[1].lines[0].points[2], (1000.0, 1.0));
        assert_eq!(charts[2].lines[0].points, [(0.0, 0.0), (10_000.0, 0.0)]);
    }

    #[test]
    fn another_fact_is_none_of_devices() {
        for fact in [json!(null), json!({"kind": 3}), json!({"kind": "device-series"})] {
            assert!(charts(&fact).is_none(), "{fact}");
        }
    }
}
