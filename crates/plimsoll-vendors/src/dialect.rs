//! Readings of devices as a vendor's exporter writes them: its names, labels, units and blanks. Pure.
//!
//! What imitates accelerators speaks by this; a profile that is wrong shows on both of our own grounds alike, so profiles
//! are compared with the vendors' own documentation, not with this.

use std::fmt::Write;

use crate::{Labels, Metrics, Series, Unit};

/// One device's readings, in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The device's number on its node.
    pub number: String,
    /// Who it says it is.
    pub uuid: String,
    /// The share of time in which it was busy, 0 to 1.
    pub utilisation: f64,
    /// Bytes of its memory in use.
    pub used: u64,
    /// All of its memory, in bytes.
    pub total: u64,
    /// The container that holds it.
    pub holder: Option<Holder>,
    /// Which part of a device it is, if it is one.
    pub portion: Option<Portion>,
    /// What is amiss with how utilisation is written.
    pub quirk: Quirk,
}

/// What a partition is of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// Who the device says it is.
    pub whole: String,
    /// The partition's number among those of the device.
    pub number: String,
    /// Its profile.
    pub profile: String,
}

/// A container that holds a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
}

/// What is amiss with how a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quirk {
    /// Nothing.
    #[default]
    None,
    /// The vendor's sign for "no reading" stands in its place; -1 where it has none.
    Blank,
    /// A share is written as a percentage where a ratio is due, or the other way about.
    OtherUnit,
}

/// All series of a vendor's devices, grouped by metric as the format wants them.
#[must_use]
pub fn write(metrics: &Metrics, readings: &[Reading]) -> String {
    let rows: Vec<(String, &Reading)> = readings
        .iter()
        // Some exporters have nothing to say of devices that nobody holds.
        .filter(|reading| reading.holder.is_some() || metrics.idle_series)
        .map(|reading| (labels(&metrics.labels, reading), reading))
        .collect();
    let mut text = String::new();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&Reading) -> f64| {
        // Writing to a string does not fail.
        let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, reading) in &rows {
            let _written = writeln!(text, "{name}{{{labels}}} {}", value(reading));
        }
    };
    let busy = [&metrics.utilisation]
        .into_iter()
        .chain(&metrics.utilisation_alternatives);
    for series in busy {
        let help = "Share of time in which the device was busy.";
        family(&series.name, help, &|reading| share(metrics, series, reading));
    }
    let mut memory = |series: &Series, help: &str, bytes: fn(&Reading) -> f64| {
        family(&series.name, help, &|reading| {
            bytes(reading) / series.unit.in_base()
        });
    };
    memory(&metrics.memory_used, "Device memory in use.", |reading| {
        reading.used as f64
    });
    if let Some(series) = &metrics.memory_free {
        memory(series, "Device memory not in use.", |reading| {
            reading.total.saturating_sub(reading.used) as f64
        });
    }
    if let Some(series) = &metrics.memory_total {
        memory(series, "Device memory.", |reading| reading.total as f64);
    }
    // What the imitation can't measure is blank, as the vendor writes it.
    if let Some(blank) = metrics.sentinels.first() {
        for optional in &metrics.optional {
            let help = format!("{} in {}.", optional.measures.name(), optional.unit);
            family(&optional.name, &help, &|_| *blank);
        }
    }
    text
}

fn share(metrics: &Metrics, series: &Series, reading: &Reading) -> f64 {
    let in_unit = |unit: Unit| reading.utilisation / unit.in_base();
    match (reading.quirk, series.unit) {
        (Quirk::Blank, _) => metrics.sentinels.first().copied().unwrap_or(-1.0),
        (Quirk::OtherUnit, Unit::Percent) => in_unit(Unit::Ratio),
        (Quirk::OtherUnit, _) => in_unit(Unit::Percent),
        (Quirk::None, unit) => in_unit(unit),
    }
}

fn labels(names: &Labels, reading: &Reading) -> String {
    let mut labels: Vec<(&str, &str)> = Vec::new();
    // Where one label is both number and identity, it is the identity.
    if names.uuid.as_deref() != Some(names.device.as_str()) {
        labels.push((&names.device, &reading.number));
    }
    if let Some(name) = &names.uuid {
        labels.push((name, &reading.uuid));
    }
    if let Some(portion) = &reading.portion {
        let parts = [
            (&names.partition, &portion.number),
            (&names.profile, &portion.profile),
        ];
        labels.extend(
            parts
                .into_iter()
                .filter_map(|(name, value)| Some((name.as_deref()?, value.as_str()))),
        );
    }
    if let Some(holder) = &reading.holder {
        let parts = [
            (&names.namespace, &holder.namespace),
            (&names.pod, &holder.pod),
            (&names.container, &holder.container),
        ];
        labels.extend(
            parts
                .into_iter()
                .filter_map(|(name, value)| Some((name.as_deref()?, value.as_str()))),
        );
    }
    let pairs: Vec<String> = labels
        .into_iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    pairs.join(",")
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vendor;

    fn reading(held: bool) -> Reading {
        Reading {
            number: "1".into(),
            uuid: "u1".into(),
            utilisation: 0.25,
            used: 16 << 20,
            total: 64 << 20,
            holder: held.then(|| Holder {
                namespace: "ns".into(),
                pod: "p".into(),
                container: "c".into(),
            }),
            portion: None,
            quirk: Quirk::None,
        }
    }

    fn written(vendor: &str, reading: Reading) -> String {
        write(
            Vendor::by_id(vendor).unwrap().metrics.as_ref().unwrap(),
            &[reading],
        )
    }

    #[test]
    fn a_held_device_shows_under_its_vendors_names_units_and_labels() {
        let text = written("nvidia", reading(true));
        let labels = "gpu=\"1\",UUID=\"u1\",namespace=\"ns\",pod=\"p\",container=\"c\"";
        for (name, value) in [
            ("DCGM_FI_DEV_GPU_UTIL", "25"),
            ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "0.25"),
            ("DCGM_FI_DEV_FB_USED", "16"),
            ("DCGM_FI_DEV_FB_FREE", "48"),
            ("DCGM_FI_DEV_FB_TOTAL", "64"),
            ("DCGM_FI_DEV_GPU_TEMP", "9223372036854775807"),
        ] {
            let line = format!("{name}{{{labels}}} {value}");
            // A blank is a number that no double holds to its last digit.
            let found = text.lines().any(|found| {
                found == line || (value.len() > 18 && found.starts_with(&line[..line.len() - 4]))
            });
            assert!(found, "no `{line}` in\n{text}");
            assert_eq!(text.matches(&format!("# TYPE {name} gauge")).count(), 1);
        }
    }

    #[test]
    fn an_idle_device_has_series_without_a_holder_except_where_its_vendor_has_none() {
        let text = written("amd", reading(false));
        assert!(
            text.contains("gpu_gfx_activity{gpu_id=\"1\",serial_number=\"u1\"} 25"),
            "{text}"
        );
        assert!(!text.contains("pod="), "{text}");
        assert!(!written("google-tpu", reading(false)).contains("duty_cycle{"));
        let text = written("google-tpu", reading(true));
        assert_eq!(
            text.matches("accelerator_id=").count(),
            text.matches("namespace=").count()
        );
    }

    #[test]
    fn a_partition_has_series_with_its_number_and_profile_where_its_vendor_has_labels_for_them() {
        let partition = Reading {
            portion: Some(Portion {
                whole: "u0".into(),
                number: "2".into(),
                profile: "1g.10gb".into(),
            }),
            ..reading(false)
        };
        let text = written("nvidia", partition.clone());
        let line = "DCGM_FI_DEV_FB_USED{gpu=\"1\",UUID=\"u1\",GPU_I_ID=\"2\",GPU_I_PROFILE=\"1g.10gb\"} 16";
        assert!(text.contains(line), "{text}");
        assert!(!written("intel-gpu", partition).contains("1g.10gb"));
    }

    #[test]
    fn a_quirk_changes_what_is_written_of_utilisation_alone() {
        let with = |vendor, quirk| {
            written(
                vendor,
                Reading {
                    quirk,
                    ..reading(true)
                },
            )
        };
        assert!(with("amd", Quirk::Blank).contains("} -1\n"));
        assert!(with("amd", Quirk::OtherUnit).contains("} 0.25\n"));
        assert!(with("intel-gpu", Quirk::OtherUnit).contains("} 25\n"));
        for quirk in [Quirk::Blank, Quirk::OtherUnit] {
            assert!(with("nvidia", quirk).contains(
                "DCGM_FI_DEV_FB_USED{gpu=\"1\",UUID=\"u1\",namespace=\"ns\",pod=\"p\",container=\"c\"} 16\n"
            ));
        }
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
