//! Numbers as the API writes them.

/// A floating point number as Go's `%v` has it: `5`, `0.5`, `1e+06`.
pub(crate) fn go_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_go_prints_them() {
        for (number, text) in [
            (5.0, "5"),
            (0.5, "0.5"),
            (-1.0, "-1"),
            (65535.0, "65535"),
            (1_000_000.0, "1e+06"),
            (2_147_483_647.0, "2.147483647e+09"),
            (0.000_01, "1e-05"),
        ] {
            assert_eq!(go_float(number), text);
        }
    }
}
