//! A certificate's year.

use jiff::{ToSpan, civil::Date};
use schemars::JsonSchema;
use serde::Serialize;

/// From when until when a product is certified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Certificate {
    /// The day of the merge.
    #[schemars(with = "String", extend("format" = "date"))]
    pub since: Date,
    /// The day a year later: a renewal must be merged before it.
    #[schemars(with = "String", extend("format" = "date"))]
    pub until: Date,
    /// Who says so.
    pub source: DateSource,
    /// The newer certificate of the same product, if it has one.
    pub renewed_by: Option<String>,
}

/// Where a date is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateSource {
    /// A file of dates.
    Given,
    /// The history of the checkout: when `PRODUCT.yaml` came into it.
    History,
}

impl Certificate {
    /// The certificate of a submission merged on this day: it runs one year.
    #[must_use]
    pub fn of(since: Date, source: DateSource) -> Self {
        // A year after 29 February is 28 February.
        let until = since.checked_add(1.year()).unwrap_or(Date::MAX);
        Self {
            since,
            until,
            source,
            renewed_by: None,
        }
    }

    /// Whether it has run out on this day.
    #[must_use]
    pub fn expired(&self, today: Date) -> bool {
        today >= self.until
    }

    /// The days that are left; negative if it has run out.
    #[must_use]
    pub fn days_left(&self, today: Date) -> i32 {
        today.until(self.until).map_or(0, |span| span.get_days())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_runs_a_year() {
        let certificate = Certificate::of("2026-03-01".parse().unwrap(), DateSource::Given);
        assert_eq!(certificate.until.to_string(), "2027-03-01");
        assert!(!certificate.expired("2027-02-28".parse().unwrap()));
        assert!(certificate.expired("2027-03-01".parse().unwrap()));
        assert_eq!(certificate.days_left("2027-01-01".parse().unwrap()), 59);
        let leap = Certificate::of("2028-02-29".parse().unwrap(), DateSource::Given);
        assert_eq!(leap.until.to_string(), "2029-02-28");
    }
}
