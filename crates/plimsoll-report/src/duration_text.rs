//! Durations for people.

use std::time::Duration;

use jiff::Timestamp;

/// `0.3 s`, `12.3 s`, `2 min 05 s`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = (duration.as_millis() + 500) / 1000;
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

/// How long after `start` something happened; nothing if a clock went back.
pub(crate) fn since(start: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (340, "0.3 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min 00 s"),
            (125_400, "2 min 05 s"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_time() {
        let (early, late) = (
            "2026-10-01T08:00:00Z".parse().unwrap(),
            "2026-10-01T08:00:01Z".parse().unwrap(),
        );
        assert_eq!(
            (since(early, late), since(late, early)),
            (Duration::from_secs(1), Duration::ZERO)
        );
    }
}
