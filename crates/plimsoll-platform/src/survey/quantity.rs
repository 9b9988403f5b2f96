//! Kubernetes quantities, such as `1500m` or `40Gi`.

/// A quantity in thousandths; `None` for what is none.
pub(super) fn thousandths(text: &str) -> Option<i128> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Thousandths are as precise as anything we compare.
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let negative = whole.starts_with('-');
    let whole: i128 = if matches!(whole, "" | "-" | "+") && !fraction.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: i128 = digits.parse().ok()?;
    let thousandths = whole
        .checked_mul(1000)?
        .checked_add(if negative { -part } else { part })?;
    if let Some(exponent) = suffix
        .strip_prefix(['e', 'E'])
        .filter(|exponent| !exponent.is_empty())
    {
        let exponent: u32 = exponent.trim_start_matches('+').parse().ok()?;
        return thousandths.checked_mul(10_i128.checked_pow(exponent)?);
    }
    let power = |base: i128, exponent: u32| thousandths.checked_mul(base.checked_pow(exponent)?);
    match suffix {
        "" => Some(thousandths),
        "m" => Some(thousandths / 1000),
        "k" => power(1000, 1),
        "M" => power(1000, 2),
        "G" => power(1000, 3),
        "T" => power(1000, 4),
        "P" => power(1000, 5),
        "E" => power(1000, 6),
        "Ki" => power(1024, 1),
        "Mi" => power(1024, 2),
        "Gi" => power(1024, 3),
        "Ti" => power(1024, 4),
        "Pi" => power(1024, 5),
        "Ei" => power(1024, 6),
        _ => None,
    }
}

/// A quantity of things that come in wholes.
#[must_use]
pub fn whole(text: &str) -> u64 {
    thousandths(text)
        .and_then(|thousandths| u64::try_from(thousandths / 1000).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_quantities_are_read() {
        for (text, thousandths_of) in [
            ("0", 0),
            ("2", 2000),
            ("1500m", 1500),
            ("1.5", 1500),
            (".5", 500),
            ("-1.5", -1500),
            ("2k", 2_000_000),
            ("1Ki", 1_024_000),
            ("1e3", 1_000_000),
            ("40Gi", 40 * 1024 * 1024 * 1024 * 1000),
        ] {
            assert_eq!(thousandths(text), Some(thousandths_of), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in [
            "",
            "Gi",
            "x",
            "1x",
            "1.2.3",
            "--1",
            "1e99",
            "999999999999999999999999999999999999999999Ei",
        ] {
            assert_eq!(thousandths(text), None, "{text}");
        }
        assert_eq!(whole("-3"), 0);
    }
}
