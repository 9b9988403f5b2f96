//! From charts to outcomes. Pure: what was said, and what was done meanwhile.
//!
//! A control is wrong only where the exporter says something that is not so; that a device could not be had, or worked
//! on, leaves it undecided.

pub(super) mod back;
pub(super) mod coverage;
pub(super) mod freshness;
pub(super) mod holder;
pub(super) mod memory;
pub(super) mod movement;
pub(super) mod values;

#[cfg(test)]
pub(super) mod fixture;

/// A share as people write it.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent != 0.0 && percent.abs() < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// An amount of memory as people write it.
pub(super) fn memory_shown(bytes: f64) -> String {
    let units = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0)];
    let unit = units.into_iter().find(|(_, size)| bytes.abs() >= *size);
    match unit {
        Some((name, size)) => format!("{:.1} {name}", bytes / size),
        None => format!("{bytes:.0} bytes"),
    }
}

/// Milliseconds as people write them.
pub(super) fn seconds(ms: u64) -> String {
    if ms < 9950 {
        format!("{:.1} s", ms as f64 / 1000.0)
    } else {
        format!("{:.0} s", ms as f64 / 1000.0)
    }
}
