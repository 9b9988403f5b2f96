//! Charts of a minute: idle until 10 s, loaded until 20 s, idle until 30 s, then a wave.

use std::collections::BTreeMap;

use plimsoll_probe::{
    Report,
    protocol::{Scraped, Series, Value},
};
use plimsoll_vendors::Vendor;

use crate::accelerator_metrics::{
    chart::{Chart, Course, Line, Point},
    device::Held,
    experiment::{Steady, Wave},
    vocabulary::{Holder, Named},
};

const MIB: u64 = 1 << 20;

pub(in crate::accelerator_metrics) fn steady(uuid: &str) -> Steady {
    Steady {
        held: Held {
            path: "/dev/nvidia0".to_owned(),
            uuid: Some(uuid.to_owned()),
            pci: None,
            index: Some(0),
        },
        by: holder("ours"),
        duty: 0.8,
        held_bytes: 16 * MIB,
        idle_from: 1000,
        idle_to: 10_000,
        began: 10_500,
        ended: 20_500,
        after_to: 30_500,
    }
}

pub(in crate::accelerator_metrics) fn holder(pod: &str) -> Holder {
    Holder {
        namespace: "ns".to_owned(),
        pod: pod.to_owned(),
        container: "c".to_owned(),
    }
}

pub(in crate::accelerator_metrics) fn wave() -> Wave {
    Wave {
        half_ms: 4000,
        duty: 1.0,
        cycles: vec![(32_000, 36_000, 40_000), (40_000, 44_000, 48_000)],
    }
}

/// Devices by uuid, each with what `DCGM_FI_DEV_GPU_UTIL` says of it idle and loaded.
pub(in crate::accelerator_metrics) fn chart(devices: &[(&str, [f64; 2])]) -> Chart {
    let devices: Vec<(&str, [f64; 3], [f64; 3])> = devices
        .iter()
        .map(|(uuid, [idle, loaded])| (*uuid, [*idle, *loaded, *idle], [0.0, 16.0, 0.0]))
        .collect();
    drawn(&devices)
}

/// One device that is idle, loaded and idle again.
pub(in crate::accelerator_metrics) fn course_with(uuid: &str, utilisation: [f64; 3]) -> Course {
    drawn(&[(uuid, utilisation, [0.0, 16.0, 0.0])]).devices[uuid].clone()
}

/// One device whose memory in use is this many bytes before, while and after some is held.
pub(in crate::accelerator_metrics) fn course_of_memory(before: f64, held: f64, after: f64) -> Course {
    let bytes = MIB as f64;
    drawn(&[(
        "a",
        [0.0, 80.0, 0.0],
        [before / bytes, held / bytes, after / bytes],
    )])
    .devices["a"]
        .clone()
}

fn drawn(devices: &[(&str, [f64; 3], [f64; 3])]) -> Chart {
    let mut chart = Chart::new(
        Vendor::by_id("nvidia").unwrap().metrics.as_ref(),
        &Named::default(),
    );
    for (number, (uuid, ..)) in (0..).zip(devices) {
        for (offset, name) in ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED"]
            .into_iter()
            .enumerate()
        {
            chart.add(&Report::Series(Series {
                series: number * 2 + u32::try_from(offset).unwrap(),
                target: 0,
                name: name.to_owned(),
                labels: BTreeMap::from([("UUID".to_owned(), (*uuid).to_owned())]),
            }));
        }
    }
    let wave = wave();
    for second in 1..50 {
        let at = second * 1000;
        let in_wave = wave
            .cycles
            .iter()
            .any(|(begin, end, _)| (*begin..*end).contains(&at));
        let phase = match at {
            ..=10_500 => 0,
            10_501..=20_500 => 1,
            _ if in_wave => 1,
            _ => 2,
        };
        let values = (0..).zip(devices).flat_map(|(number, (_, utilisation, memory))| {
            [
                (number * 2, Value(utilisation[phase])),
                (number * 2 + 1, Value(memory[phase])),
            ]
        });
        chart.add(&Report::Scraped(Scraped {
            target: 0,
            round: second,
            at_unix_ms: at,
            took_ms: 0,
            status: Some(200),
            bytes: 0,
            samples: 0,
            malformed_lines: 0,
            duplicates: 0,
            left_out: 0,
            values: values.collect(),
            problem: None,
        }));
    }
    chart
}

/// Lets the exporter name these on a device during the load and after it.
pub(in crate::accelerator_metrics) fn held_by(
    chart: &mut Chart,
    uuid: &str,
    during: Option<Holder>,
    after: Option<Holder>,
) {
    let steady = steady(uuid);
    for at in chart.answers.clone() {
        let said = if (steady.began..=steady.ended).contains(&at) {
            &during
        } else if at > steady.ended {
            &after
        } else {
            &None
        };
        if let (Some(said), Some(course)) = (said, chart.devices.get_mut(uuid)) {
            course.holders.insert(at, vec![said.clone()]);
        }
    }
}

/// A line of shares, by moment.
pub(in crate::accelerator_metrics) fn line(points: impl Iterator<Item = (u64, f64)>) -> Line {
    let mut line = Line::default();
    line.name = "x".to_owned();
    line.points = points
        .map(|(at, value)| Point {
            at,
            raw: value,
            value: Some(value),
        })
        .collect();
    line
}
