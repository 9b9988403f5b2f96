//! Amounts of resources, in thousandths.

use plimsoll_apiserver::Quantity;
use serde_json::Value;

/// Reads an amount; parts of a thousandth count as one.
pub(crate) fn milli_of(value: &Value) -> Option<i64> {
    Quantity::read(value).map(Quantity::milli)
}

/// Writes an amount as the API does, with decimal suffixes.
pub(crate) fn decimal(milli: i64) -> String {
    let text = format!("{milli}m");
    text.parse::<Quantity>().map_or(text, |amount| amount.to_string())
}

/// Writes an amount as the API does, with binary suffixes where it is a multiple.
pub(crate) fn binary(milli: i64) -> String {
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let (mut number, mut suffixes) = (milli / 1000, ["", "Ki", "Mi", "Gi", "Ti", "Pi"].iter());
    let mut suffix = suffixes.next().unwrap_or(&"");
    while number != 0 && number % 1024 == 0 {
        let Some(larger) = suffixes.next() else { break };
        (number, suffix) = (number / 1024, larger);
    }
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_the_largest_suffix_that_is_exact() {
        assert_eq!([1500, 2000, 2_000_000, 0].map(decimal), ["1500m", "2", "2k", "0"]);
        assert_eq!([1_048_576_000, 3_000, 1_500].map(binary), ["1Mi", "3", "1500m"]);
    }
}
