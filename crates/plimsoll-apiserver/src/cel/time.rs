//! Times and durations in expressions.

use std::{cmp::Ordering, fmt};

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload, add_overload,
    common::{
        traits::{Adder, Comparer, Subtractor},
        types::{CelInt, CelString},
        value::{CowVal, Val},
    },
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{fault, opaque::opaque};
use crate::schema::format::duration_nanoseconds;

/// A point in time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instant(Timestamp);

/// How long something takes, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span(i64);

opaque!(Instant, "google.protobuf.Timestamp", ordered by this, adds by this);
opaque!(Span, "google.protobuf.Duration", ordered by this, adds by this);

impl Instant {
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn shifted(&self, nanoseconds: i64, operator: &str) -> Result<Self, ExecutionError> {
        let shifted = self.0.checked_add(SignedDuration::from_nanos(nanoseconds));
        shifted
            .map(Self)
            .map_err(|_| fault::function(operator, "timestamp overflow"))
    }
}

impl Span {
    pub(super) fn parse(text: &str) -> Option<Self> {
        duration_nanoseconds(text).map(Self)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In seconds, as CEL writes durations.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0 / 1_000_000_000, (self.0 % 1_000_000_000).abs());
        let sign = if self.0 < 0 && seconds == 0 { "-" } else { "" };
        let fraction = format!("{rest:09}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{seconds}s"),
            fraction => write!(f, "{sign}{seconds}.{fraction}s"),
        }
    }
}

fn no_overload(operator: &str, one: &dyn Val, other: &dyn Val) -> ExecutionError {
    let types = vec![
        one.get_type().name().to_owned(),
        other.get_type().name().to_owned(),
    ];
    ExecutionError::no_such_overload(operator, types)
}

impl Comparer for Instant {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| no_overload("_<_", self, other))?;
        Ok(self.0.cmp(&other.0))
    }
}

impl Comparer for Span {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| no_overload("_<_", self, other))?;
        Ok(self.0.cmp(&other.0))
    }
}

impl Adder for Instant {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match other.downcast_ref::<Span>() {
            Some(span) => self.shifted(span.0, "_+_").map(CowVal::owned),
            None => Err(no_overload("_+_", self, other)),
        }
    }
}

impl Subtractor for Instant {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        if let Some(span) = other.downcast_ref::<Span>() {
            return self.shifted(span.0.saturating_neg(), "_-_").map(CowVal::owned);
        }
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| no_overload("_-_", self, other))?;
        let between = self.0.duration_since(other.0).as_nanos();
        let between = i64::try_from(between).map_err(|_| fault::function("_-_", "duration overflow"))?;
        Ok(CowVal::owned(Span(between)))
    }
}

impl Adder for Span {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        if let Some(instant) = other.downcast_ref::<Instant>() {
            return instant.shifted(self.0, "_+_").map(CowVal::owned);
        }
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| no_overload("_+_", self, other))?;
        let sum = self
            .0
            .checked_add(other.0)
            .ok_or_else(|| fault::function("_+_", "duration overflow"))?;
        Ok(CowVal::owned(Self(sum)))
    }
}

impl Subtractor for Span {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| no_overload("_-_", self, other))?;
        let rest = self
            .0
            .checked_sub(other.0)
            .ok_or_else(|| fault::function("_-_", "duration overflow"))?;
        Ok(CowVal::owned(Self(rest)))
    }
}

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn duration: (CelString) -> Result<Span>)?;
    add_overload!(env, fn same_span: (Span) -> Span, name = "duration")?;
    add_overload!(env, fn timestamp: (CelString) -> Result<Instant>)?;
    add_overload!(env, fn timestamp_of: (CelInt) -> Result<Instant>, name = "timestamp")?;
    add_overload!(env, fn same_instant: (Instant) -> Instant, name = "timestamp")?;
    add_overload!(env, fn span_text: (Span) -> CelString, name = "string")?;
    add_overload!(env, fn instant_text: (Instant) -> CelString, name = "string")?;
    add_overload!(env, fn instant_number: (Instant) -> CelInt, name = "int")?;
    add_member_overload!(env, fn hours: (Span) -> CelInt, name = "getHours")?;
    add_member_overload!(env, fn minutes: (Span) -> CelInt, name = "getMinutes")?;
    add_member_overload!(env, fn seconds: (Span) -> CelInt, name = "getSeconds")?;
    add_member_overload!(env, fn milliseconds: (Span) -> CelInt, name = "getMilliseconds")?;
    add_member_overload!(env, fn full_year: (Instant) -> CelInt, name = "getFullYear")?;
    add_member_overload!(env, fn month: (Instant) -> CelInt, name = "getMonth")?;
    add_member_overload!(env, fn day_of_month: (Instant) -> CelInt, name = "getDayOfMonth")?;
    add_member_overload!(env, fn date: (Instant) -> CelInt, name = "getDate")?;
    add_member_overload!(env, fn day_of_week: (Instant) -> CelInt, name = "getDayOfWeek")?;
    add_member_overload!(env, fn day_of_year: (Instant) -> CelInt, name = "getDayOfYear")?;
    add_member_overload!(env, fn hour: (Instant) -> CelInt, name = "getHours")?;
    add_member_overload!(env, fn minute: (Instant) -> CelInt, name = "getMinutes")?;
    add_member_overload!(env, fn second: (Instant) -> CelInt, name = "getSeconds")?;
    add_member_overload!(env, fn millisecond: (Instant) -> CelInt, name = "getMilliseconds")
}

fn duration(text: &CelString<'_>) -> Result<Span, ExecutionError> {
    let invalid = || fault::function("duration", format!("time: invalid duration {:?}", text.inner()));
    Span::parse(text.inner()).ok_or_else(invalid)
}

fn same_span(span: &Span) -> Span {
    span.clone()
}

fn timestamp(text: &CelString<'_>) -> Result<Instant, ExecutionError> {
    let invalid = || {
        fault::function(
            "timestamp",
            format!("parsing time {:?}: cannot parse", text.inner()),
        )
    };
    Instant::parse(text.inner()).ok_or_else(invalid)
}

fn timestamp_of(seconds: &CelInt) -> Result<Instant, ExecutionError> {
    let instant = Timestamp::from_second(*seconds.inner());
    instant
        .map(Instant)
        .map_err(|_| fault::function("timestamp", "timestamp overflow"))
}

fn same_instant(instant: &Instant) -> Instant {
    instant.clone()
}

fn span_text(span: &Span) -> CelString<'static> {
    span.to_string().into()
}

fn instant_text(instant: &Instant) -> CelString<'static> {
    instant.to_string().into()
}

fn instant_number(instant: &Instant) -> CelInt {
    instant.0.as_second().into()
}

fn hours(span: &Span) -> CelInt {
    (span.0 / 3_600_000_000_000).into()
}

fn minutes(span: &Span) -> CelInt {
    (span.0 / 60_000_000_000).into()
}

fn seconds(span: &Span) -> CelInt {
    (span.0 / 1_000_000_000).into()
}

fn milliseconds(span: &Span) -> CelInt {
    (span.0 / 1_000_000 % 1000).into()
}

fn civil(instant: &Instant) -> jiff::civil::DateTime {
    TimeZone::UTC.to_datetime(instant.0)
}

fn full_year(instant: &Instant) -> CelInt {
    i64::from(civil(instant).year()).into()
}

fn month(instant: &Instant) -> CelInt {
    (i64::from(civil(instant).month()) - 1).into()
}

fn day_of_month(instant: &Instant) -> CelInt {
    (i64::from(civil(instant).day()) - 1).into()
}

fn date(instant: &Instant) -> CelInt {
    i64::from(civil(instant).day()).into()
}

fn day_of_week(instant: &Instant) -> CelInt {
    i64::from(civil(instant).weekday().to_sunday_zero_offset()).into()
}

fn day_of_year(instant: &Instant) -> CelInt {
    (i64::from(civil(instant).day_of_year()) - 1).into()
}

fn hour(instant: &Instant) -> CelInt {
    i64::from(civil(instant).hour()).into()
}

fn minute(instant: &Instant) -> CelInt {
    i64::from(civil(instant).minute()).into()
}

fn second(instant: &Instant) -> CelInt {
    i64::from(civil(instant).second()).into()
}

fn millisecond(instant: &Instant) -> CelInt {
    i64::from(civil(instant).millisecond()).into()
}
