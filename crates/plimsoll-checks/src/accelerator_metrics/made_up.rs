//! A vendor that does not exist: one file says all that the suite must know, and no code knows it.

use plimsoll_probe::{
    Report,
    exposition::Exposition,
    protocol::{Scraped, Series, Value},
};
use plimsoll_vendors::{
    DeviceRole, Vendor,
    dialect::{self, Holder, Quirk, Reading},
};

use super::{
    chart::Chart,
    vocabulary::{Named, Quantity, wanted},
};
use crate::probe_pod::Look;

/// What would be `vendors/made-up.toml`.
const FILE: &str = r#"
id = "made-up"
name = "Made-Up Thinking Machines"
resources = ["thinking.example.org/brain"]

[dra]
driver = "brain.thinking.example.org"
device-classes = ["brain.thinking.example.org"]
uuid-attribute = "soul"

[devices]
exclusive = ["/dev/brain[0-9]*"]
control = ["/dev/brainctl"]

[selectors]
env = ["BRAIN_VISIBLE_DEVICES"]

[metrics]
exporter = "brain exporter"
port = 9777
found-by = ["app=brain-exporter"]
utilisation = { name = "brain_thoughtfulness", unit = "ratio" }
memory-used = { name = "brain_memories_kib", unit = "kibibytes" }
memory-total = { name = "brain_capacity_kib", unit = "kibibytes" }
sentinels = [-7.0]
labels = { device = "brain", uuid = "soul", pod = "thinker", namespace = "school", container = "mind" }
"#;

fn made_up() -> &'static Vendor {
    Box::leak(Box::new(toml::from_str(FILE).unwrap()))
}

fn reading(number: &str, utilisation: f64, quirk: Quirk) -> Reading {
    Reading {
        number: number.to_owned(),
        uuid: format!("soul-{number}"),
        utilisation,
        used: 3 << 20,
        total: 64 << 30,
        holder: Some(Holder {
            namespace: "ns".to_owned(),
            pod: "p".to_owned(),
            container: "c".to_owned(),
        }),
        portion: None,
        quirk,
    }
}

/// What a visit to its exporter tells.
fn chart(readings: &[Reading]) -> Chart {
    let metrics = made_up().metrics.as_ref().unwrap();
    let answer = Exposition::parse(&dialect::write(metrics, readings));
    let mut chart = Chart::new(Some(metrics), &Named::default());
    let mut values = Vec::new();
    for (number, sample) in (0..).zip(answer.samples) {
        values.push((number, Value(sample.value)));
        chart.add(&Report::Series(Series {
            series: number,
            target: 0,
            name: sample.name,
            labels: sample.labels,
        }));
    }
    chart.add(&Report::Scraped(Scraped {
        target: 0,
        round: 0,
        at_unix_ms: 1000,
        took_ms: 0,
        status: Some(200),
        bytes: 0,
        samples: 0,
        malformed_lines: 0,
        duplicates: 0,
        left_out: 0,
        values,
        problem: None,
    }));
    chart
}

#[test]
fn its_devices_are_known_by_resource_driver_node_and_selector() {
    let vendor = made_up();
    assert_eq!(vendor.resource(), Some("thinking.example.org/brain"));
    assert!(
        vendor
            .dra
            .as_ref()
            .unwrap()
            .is_driver("brain.thinking.example.org")
    );
    assert_eq!(vendor.devices.role("/dev/brain3"), Some(DeviceRole::Exclusive));
    assert_eq!(vendor.devices.role("/dev/brainctl"), Some(DeviceRole::Control));
    assert_eq!(vendor.selectors.env, ["BRAIN_VISIBLE_DEVICES"]);
    let look = Look::at(Some(vendor)).args();
    assert!(look.contains(&"--match=/dev/brain[0-9]*".to_owned()), "{look:?}");
}

#[test]
fn its_series_are_read_in_its_units_of_its_devices_and_holders() {
    let chart = chart(&[reading("0", 0.8, Quirk::None), reading("1", 0.0, Quirk::None)]);
    assert_eq!(chart.devices.len(), 2);
    let course = &chart.devices["soul-0"];
    assert_eq!(course.utilisation().unwrap().last(), Some((1000, 0.8)));
    assert_eq!(course.used().unwrap().last(), Some((1000, f64::from(3 << 20))));
    let total = course.line(Quantity::Total).unwrap();
    assert_eq!(total.last(), Some((1000, 64.0 * 1_073_741_824.0)));
    assert_eq!(course.holders[&1000][0].shown(), "ns/p/c");
    let names = wanted(made_up().metrics.as_ref().unwrap());
    assert!(names.contains(&"brain_thoughtfulness".to_owned()));
}

#[test]
fn its_word_for_no_reading_is_no_reading() {
    let chart = chart(&[reading("0", 0.8, Quirk::Blank)]);
    assert_eq!(chart.devices["soul-0"].utilisation().unwrap().last(), None);
}
