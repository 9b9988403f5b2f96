//! Readings as Prometheus text. Pure.

use std::fmt::Write;

use plimsoll_vendors::{Labels, Metrics, Series, Unit};

use super::holders::{Holder, Holders};
use crate::{
    device::Device,
    monitor::{Reading, Readings},
};

/// One device's values in base units.
struct Values {
    utilisation: f64,
    used: f64,
    total: f64,
}

/// All series of all devices, grouped by metric as the format wants them.
pub(crate) fn render(devices: &[Device], readings: &Readings, holders: &Holders) -> String {
    let mut text = String::new();
    let mut vendors: Vec<&str> = devices.iter().map(|device| device.vendor.id.as_str()).collect();
    vendors.sort_unstable();
    vendors.dedup();
    for vendor in vendors {
        let of_vendor: Vec<&Device> = devices
            .iter()
            .filter(|device| device.vendor.id == vendor)
            .collect();
        if let Some(metrics) = of_vendor
            .first()
            .and_then(|device| device.vendor.metrics.as_ref())
        {
            render_vendor(&mut text, metrics, &of_vendor, readings, holders);
        }
    }
    text
}

fn render_vendor(
    text: &mut String,
    metrics: &Metrics,
    devices: &[&Device],
    readings: &Readings,
    holders: &Holders,
) {
    let mut rows: Vec<(String, Values)> = Vec::new();
    for device in devices {
        let holder = holders.get(&device.identity.uuid);
        // A device that is gone has no readings, hence no series; some exporters have none for idle ones either.
        let Some(Reading::Healthy {
            utilisation,
            memory_used,
        }) = readings.get(&device.identity.uuid)
        else {
            continue;
        };
        if holder.is_none() && !metrics.idle_series {
            continue;
        }
        let (used, total) = (*memory_used as f64, device.identity.memory as f64);
        let values = Values {
            utilisation: *utilisation,
            used,
            total,
        };
        rows.push((labels(&metrics.labels, device, holder), values));
    }
    let mut family = |series: &Series, help: &str, value: fn(&Values) -> f64| {
        let name = &series.name;
        // Writing to a string does not fail.
        let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, values) in &rows {
            let _written = writeln!(text, "{name}{{{labels}}} {}", in_unit(value(values), series.unit));
        }
    };
    for series in [&metrics.utilisation]
        .into_iter()
        .chain(&metrics.utilisation_alternatives)
    {
        family(series, "Share of time in which the device was busy.", |values| {
            values.utilisation
        });
    }
    family(&metrics.memory_used, "Device memory in use.", |values| {
        values.used
    });
    if let Some(series) = &metrics.memory_free {
        family(series, "Device memory not in use.", |values| {
            (values.total - values.used).max(0.0)
        });
    }
    if let Some(series) = &metrics.memory_total {
        family(series, "Device memory.", |values| values.total);
    }
}

fn in_unit(base: f64, unit: Unit) -> f64 {
    base / unit.in_base()
}

fn labels(names: &Labels, device: &Device, holder: Option<&Holder>) -> String {
    let number = device
        .name
        .split_once('-')
        .map_or(device.name.as_str(), |(_, number)| number);
    let mut labels: Vec<(&str, &str)> = Vec::new();
    // Where one label is both number and identity, it is the identity.
    if names.uuid.as_deref() != Some(names.device.as_str()) {
        labels.push((&names.device, number));
    }
    if let Some(name) = &names.uuid {
        labels.push((name, &device.identity.uuid));
    }
    if let Some(holder) = holder {
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
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::device::fixture;

    fn readings(devices: &[Device], reading: Reading) -> Readings {
        let readings = devices
            .iter()
            .map(|device| (device.identity.uuid.clone(), reading.clone()));
        Arc::new(BTreeMap::from_iter(readings))
    }

    fn busy() -> Reading {
        Reading::Healthy {
            utilisation: 0.25,
            memory_used: 16 << 20,
        }
    }

    fn held(device: &Device) -> Holders {
        let holder = Holder {
            namespace: "ns".into(),
            pod: "p".into(),
            container: "c".into(),
        };
        Holders::from([(device.identity.uuid.clone(), holder)])
    }

    #[test]
    fn a_held_device_shows_under_its_vendors_names_units_and_labels() {
        let devices = [fixture::device("nvidia", 1)];
        let text = render(&devices, &readings(&devices, busy()), &held(&devices[0]));
        let labels = format!(
            "gpu=\"1\",UUID=\"{}\",namespace=\"ns\",pod=\"p\",container=\"c\"",
            devices[0].identity.uuid
        );
        for (name, value) in [
            ("DCGM_FI_DEV_GPU_UTIL", "25"),
            ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "0.25"),
            ("DCGM_FI_DEV_FB_USED", "16"),
            ("DCGM_FI_DEV_FB_FREE", "48"),
            ("DCGM_FI_DEV_FB_TOTAL", "64"),
        ] {
            let line = format!("{name}{{{labels}}} {value}");
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
            assert!(text.contains(&format!("# TYPE {name} gauge")));
        }
    }

    #[test]
    fn an_idle_device_has_series_without_a_holder_except_where_its_vendor_has_none() {
        let amd = [fixture::device("amd", 0)];
        let text = render(&amd, &readings(&amd, busy()), &Holders::new());
        assert!(
            text.contains("gpu_gfx_activity{gpu_id=\"0\",serial_number="),
            "{text}"
        );
        assert!(!text.contains("pod="), "{text}");
        let tpu = [fixture::device("google-tpu", 0)];
        assert!(!render(&tpu, &readings(&tpu, busy()), &Holders::new()).contains("duty_cycle{"));
        let text = render(&tpu, &readings(&tpu, busy()), &held(&tpu[0]));
        assert_eq!(
            text.matches("accelerator_id=").count(),
            text.matches("namespace=").count(),
            "{text}"
        );
    }

    #[test]
    fn a_device_that_is_gone_has_no_series() {
        let devices = [fixture::device("nvidia", 0)];
        let gone = readings(&devices, Reading::Unhealthy("detached".into()));
        assert!(!render(&devices, &gone, &Holders::new()).contains("DCGM_FI_DEV_GPU_UTIL{"));
        assert_eq!(render(&[], &gone, &Holders::new()), "");
    }

    #[test]
    fn each_metric_is_one_block_however_many_devices() {
        let devices = [
            fixture::device("nvidia", 0),
            fixture::device("amd", 0),
            fixture::device("nvidia", 1),
        ];
        let text = render(&devices, &readings(&devices, busy()), &Holders::new());
        assert_eq!(text.matches("# TYPE DCGM_FI_DEV_GPU_UTIL gauge").count(), 1);
        assert_eq!(text.matches("\nDCGM_FI_DEV_GPU_UTIL{").count(), 2);
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
