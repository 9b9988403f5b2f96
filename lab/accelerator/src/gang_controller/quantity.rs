//! Kubernetes quantities as numbers.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Suffixes and what they multiply by.
const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// A quantity in thousandths of its unit, rounded up as the scheduler does; nothing sensible counts as nothing.
pub(super) fn thousandths(quantity: &Quantity) -> i64 {
    let text = quantity.0.trim();
    let plain = text.parse::<f64>().ok();
    let value = plain.or_else(|| {
        let (suffix, factor) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
        Some(text.strip_suffix(suffix)?.parse::<f64>().ok()? * factor)
    });
    (value.unwrap_or(0.0) * 1000.0).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("2", 2_000),
            ("250m", 250),
            ("0.5", 500),
            ("1Ki", 1_024_000),
            ("64Mi", 67_108_864_000),
            ("1k", 1_000_000),
            ("1e3", 1_000_000),
            ("100u", 1),
            ("", 0),
            ("x", 0),
        ] {
            assert_eq!(thousandths(&Quantity(text.to_owned())), expected, "{text}");
        }
    }
}
