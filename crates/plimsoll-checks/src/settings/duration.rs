//! Durations as people write them: `45s`, `2m`, `1m30s`.

use std::time::Duration;

/// A week: nobody waits longer for a verdict.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads hours, minutes and seconds in that order, each at most once. None for anything else, for nothing at all,
/// and for more than a week.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0_u64;
    for (unit, length) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let number: u64 = number.parse().ok()?;
            seconds = seconds.checked_add(number.checked_mul(length)?)?;
            rest = after;
        }
    }
    let duration = Duration::from_secs(seconds);
    (rest.is_empty() && !duration.is_zero() && duration <= LONGEST).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_minutes_and_seconds_are_read_in_that_order() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("45s"), Some(45));
        assert_eq!(seconds("1h2m3s"), Some(3723));
        assert_eq!(seconds("90m"), Some(5400));
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "45",
            "s",
            "3s2m",
            "1.5m",
            "-3s",
            "0s",
            "200h",
            "2m ",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
