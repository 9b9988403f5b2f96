//! How a vendor's exporter names, labels and scales what it measures.

use serde::Deserialize;

/// The exporter of a vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// What people call the exporter.
    pub exporter: String,
    /// Its usual port.
    pub port: u16,
    /// Labels of its Service or its pods, as `key=value`; any of them will do.
    #[serde(default)]
    pub found_by: Vec<String>,
    /// The path it serves metrics under.
    #[serde(default = "usual_path")]
    pub path: String,
    /// How busy a device is.
    pub utilisation: Series,
    /// Names that say the same where the first is missing.
    #[serde(default)]
    pub utilisation_alternatives: Vec<Series>,
    /// Memory in use on a device.
    pub memory_used: Series,
    /// Memory not in use.
    #[serde(default)]
    pub memory_free: Option<Series>,
    /// All memory of a device.
    #[serde(default)]
    pub memory_total: Option<Series>,
    /// A prefix that some installations put before every name.
    #[serde(default)]
    pub optional_prefix: Option<String>,
    /// What it measures beyond that where the hardware offers it.
    #[serde(default)]
    pub optional: Vec<Optional>,
    /// Values that mean "no reading".
    #[serde(default)]
    pub sentinels: Vec<f64>,
    /// Why partitions of a device have no series of their own, where the vendor says that they have none.
    #[serde(default)]
    pub partitions_untold: Option<String>,
    /// Whether a device that nobody holds has series.
    #[serde(default = "yes")]
    pub idle_series: bool,
    /// The names of the labels.
    pub labels: Labels,
}

/// A metric that hardware need not offer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Optional {
    /// The metric's name.
    pub name: String,
    /// What it measures.
    pub measures: Measure,
    /// The unit of its values, as people write it.
    pub unit: String,
}

/// What a metric measures that hardware need not offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Energy taken so far.
    Energy,
    /// Faults counted so far.
    Errors,
    /// Traffic between devices.
    Link,
    /// Power.
    Power,
    /// Temperature.
    Temperature,
}

impl Measure {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Errors => "errors",
            Self::Link => "link",
            Self::Power => "power",
            Self::Temperature => "temperature",
        }
    }
}

impl Metrics {
    /// Whether a value means "no reading". Of a blank integer only the first fifteen digits survive.
    #[must_use]
    pub fn is_blank(&self, value: f64) -> bool {
        self.sentinels
            .iter()
            .any(|sentinel| (value - sentinel).abs() <= sentinel.abs() * 1e-3)
    }
}

/// One metric: its name and what its numbers are in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// The unit of its values.
    pub unit: Unit,
}

/// The unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// 0 to 100.
    Percent,
    /// 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
    /// 2^10 bytes.
    Kibibytes,
    /// Millions of bytes.
    Megabytes,
    /// 2^20 bytes.
    Mebibytes,
}

impl Unit {
    /// How many of the base unit (ratio, or bytes) one of this unit is.
    #[must_use]
    pub fn in_base(self) -> f64 {
        match self {
            Self::Percent => 0.01,
            Self::Ratio | Self::Bytes => 1.0,
            Self::Kibibytes => 1024.0,
            Self::Megabytes => 1e6,
            Self::Mebibytes => 1_048_576.0,
        }
    }

    /// Whether this unit measures a share rather than an amount of memory.
    #[must_use]
    pub fn is_share(self) -> bool {
        matches!(self, Self::Percent | Self::Ratio)
    }
}

/// Label names of a vendor's series.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Labels {
    /// The device's number or name on its node.
    pub device: String,
    /// The device's identity, where it is a label.
    #[serde(default)]
    pub uuid: Option<String>,
    /// The device's address on the PCI bus, where it is a label.
    #[serde(default)]
    pub pci: Option<String>,
    /// Which partition of the device it is, where it is one.
    #[serde(default)]
    pub partition: Option<String>,
    /// The profile of that partition.
    #[serde(default)]
    pub profile: Option<String>,
    /// The pod that holds the device.
    #[serde(default)]
    pub pod: Option<String>,
    /// The namespace of that pod.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The container of that pod.
    #[serde(default)]
    pub container: Option<String>,
}

fn usual_path() -> String {
    "/metrics".to_owned()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_to_their_base() {
        assert_eq!(50.0 * Unit::Percent.in_base(), 0.5);
        assert_eq!(Unit::Mebibytes.in_base(), 1024.0 * 1024.0);
        assert!(Unit::Ratio.is_share() && !Unit::Bytes.is_share());
    }

    #[test]
    fn a_blank_reading_is_told_from_a_large_one() {
        let nvidia = crate::Vendor::by_id("nvidia").unwrap().metrics.as_ref().unwrap();
        for blank in [
            9_223_372_036_854_775_794.0,
            9_223_372_036_854_775_792.0,
            1.8e19,
            18_446_744_073_709_551_602.0,
        ] {
            assert!(nvidia.is_blank(blank), "{blank}");
        }
        for value in [0.0, 100.0, 81_920.0, 1e15] {
            assert!(!nvidia.is_blank(value), "{value}");
        }
    }
}
