//! Schedules of five fields: minute, hour, day of the month, month, day of the week.

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// For how many years a next time is looked for, such as 29 February on a Monday.
const YEARS: i16 = 5;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Whether either of the two kinds of days is enough, since both are restricted.
    either_day: bool,
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "expected exactly 5 fields, found {}: {fields:?}",
                fields.len()
            ));
        };
        let any = |field: &str| field.starts_with('*') || field.starts_with('?');
        let mut weekdays = field(weekday, 0, 7, &DAYS, 0)?;
        if weekdays.contains(&7) {
            weekdays.retain(|day| *day != 7);
            weekdays.insert(0, 0);
            weekdays.dedup();
        }
        Ok(Self {
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 0)?,
            months: field(month, 1, 12, &MONTHS, 1)?,
            weekdays,
            either_day: !any(day) && !any(weekday),
        })
    }

    fn has_day(&self, date: civil::Date) -> bool {
        if !self.months.contains(&date.month()) {
            return false;
        }
        let day = self.days.contains(&date.day());
        let weekday = self.weekdays.contains(&date.weekday().to_sunday_zero_offset());
        if self.either_day {
            day || weekday
        } else {
            day && weekday
        }
    }

    /// The first time after that one.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let begin = after.to_zoned(zone.clone()).datetime();
        let mut date = begin.date();
        let last = civil::date(date.year() + YEARS, 12, 31);
        while date <= last {
            if self.has_day(date) {
                for hour in &self.hours {
                    for minute in &self.minutes {
                        let time = date.at(*hour, *minute, 0, 0);
                        if time < begin {
                            continue;
                        }
                        // A time that a change of clocks leaves out is not met that day.
                        let Ok(zoned) = time.to_zoned(zone.clone()) else {
                            continue;
                        };
                        if zoned.datetime() == time && zoned.timestamp() > after {
                            return Some(zoned.timestamp());
                        }
                    }
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The last time after the one and not after the other, and how many there were.
    pub(super) fn latest(
        &self,
        after: Timestamp,
        until: Timestamp,
        zone: &TimeZone,
    ) -> (Option<Timestamp>, usize) {
        let (mut latest, mut count, mut at) = (None, 0, after);
        while let Some(next) = self.next(at, zone).filter(|next| *next <= until) {
            latest = Some(next);
            count += 1;
            at = next;
        }
        (latest, count)
    }
}

fn field(text: &str, least: i8, most: i8, names: &[&str], first_name: i8) -> Result<Vec<i8>, String> {
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                step.parse::<usize>()
                    .ok()
                    .filter(|step| *step > 0)
                    .ok_or_else(|| bad(part))?,
            ),
            None => (part, 1),
        };
        let read = |text: &str| -> Result<i8, String> {
            let lower = text.to_lowercase();
            let named = names.iter().position(|name| *name == lower);
            let value = match named {
                Some(at) => i8::try_from(at).unwrap_or_default() + first_name,
                None => text.parse().map_err(|_| bad(text))?,
            };
            if (least..=most).contains(&value) {
                Ok(value)
            } else {
                Err(bad(text))
            }
        };
        let (from, to) = match range {
            "*" | "?" => (least, if names == DAYS { 6 } else { most }),
            _ => match range.split_once('-') {
                Some((from, to)) => (read(from)?, read(to)?),
                None => {
                    let only = read(range)?;
                    (only, if part.contains('/') { most } else { only })
                }
            },
        };
        if from > to {
            return Err(format!(
                "beginning of range ({from}) beyond end of range ({to}): {part}"
            ));
        }
        values.extend((from..=to).step_by(step));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn bad(text: &str) -> String {
    format!("failed to parse int from {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str) -> String {
        let after: Timestamp = after.parse().unwrap();
        Schedule::parse(schedule)
            .unwrap()
            .next(after, &TimeZone::UTC)
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_next_time_is_found() {
        assert_eq!(
            next("*/15 * * * *", "2026-03-01T10:07:30Z"),
            "2026-03-01T10:15:00Z"
        );
        assert_eq!(
            next("*/15 * * * *", "2026-03-01T10:15:00Z"),
            "2026-03-01T10:30:00Z"
        );
        assert_eq!(
            next("0 0 1 JAN *", "2026-03-01T10:00:00Z"),
            "2027-01-01T00:00:00Z"
        );
        assert_eq!(
            next("30 8-10 * * mon-fri", "2026-02-28T12:00:00Z"),
            "2026-03-02T08:30:00Z"
        );
        assert_eq!(next("0 0 29 2 *", "2026-03-01T00:00:00Z"), "2028-02-29T00:00:00Z");
        assert_eq!(next("@hourly", "2026-03-01T10:00:01Z"), "2026-03-01T11:00:00Z");
        assert_eq!(next("0 0 * * 7", "2026-03-02T00:00:00Z"), "2026-03-08T00:00:00Z");
    }

    #[test]
    fn of_two_restricted_days_either_is_enough() {
        assert_eq!(
            next("0 0 15 * mon", "2026-03-03T00:00:00Z"),
            "2026-03-09T00:00:00Z"
        );
        assert_eq!(
            next("0 0 15 * mon", "2026-03-10T00:00:00Z"),
            "2026-03-15T00:00:00Z"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* 5-2 * * *",
            "x * * * *",
            "*/0 * * * *",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
