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
    /// Values that mean "no reading".
    #[serde(default)]
    pub sentinels: Vec<f64>,
    /// Whether a device that nobody holds has series.
    #[serde(default = "yes")]
    pub idle_series: bool,
    /// The names of the labels.
    pub labels: Labels,
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
}
