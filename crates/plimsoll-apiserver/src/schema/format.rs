//! Formats of strings and numbers.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

/// A format that is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    None,
    Int32,
    Int64,
    Byte,
    DateTime,
    /// With microseconds, as leases have it.
    MicroTime,
    Date,
    Duration,
    Ipv4,
    Ipv6,
    Cidr,
    Uuid,
    Uri,
    Hostname,
    Email,
    Mac,
}

impl Format {
    /// By its name in OpenAPI; those that aren't checked are `None`.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "byte" => Self::Byte,
            "date-time" | "datetime" => Self::DateTime,
            "date" => Self::Date,
            "duration" => Self::Duration,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "cidr" => Self::Cidr,
            "uuid" => Self::Uuid,
            "uri" => Self::Uri,
            "hostname" => Self::Hostname,
            "email" => Self::Email,
            "mac" => Self::Mac,
            _ => Self::None,
        }
    }

    /// Its name in OpenAPI.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Byte => "byte",
            Self::DateTime | Self::MicroTime => "date-time",
            Self::Date => "date",
            Self::Duration => "duration",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Cidr => "cidr",
            Self::Uuid => "uuid",
            Self::Uri => "uri",
            Self::Hostname => "hostname",
            Self::Email => "email",
            Self::Mac => "mac",
        }
    }

    /// Whether a text is of this format.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::None | Self::Int32 | Self::Int64 => true,
            Self::Byte => is_base64(text),
            Self::DateTime | Self::MicroTime => text.parse::<Timestamp>().is_ok(),
            Self::Date => text.parse::<Date>().is_ok(),
            Self::Duration => duration_nanoseconds(text).is_some(),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Cidr => is_cidr(text),
            Self::Uuid => is_uuid(text),
            Self::Uri => {
                text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) || text.starts_with('/')
            }
            Self::Hostname => is_hostname(text),
            Self::Email => text
                .split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && is_hostname(host)),
            Self::Mac => is_mac(text),
        }
    }

    /// Whether a whole number fits.
    pub(crate) fn holds(self, number: &Value) -> bool {
        match self {
            Self::Int32 => number.as_i64().is_none_or(|number| i32::try_from(number).is_ok()),
            Self::None
            | Self::Int64
            | Self::Byte
            | Self::DateTime
            | Self::MicroTime
            | Self::Date
            | Self::Duration
            | Self::Ipv4
            | Self::Ipv6
            | Self::Cidr
            | Self::Uuid
            | Self::Uri
            | Self::Hostname
            | Self::Email
            | Self::Mac => true,
        }
    }
}

fn is_base64(text: &str) -> bool {
    let bytes: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    bytes.len().is_multiple_of(4)
        && padding <= 2
        && bytes[..bytes.len() - padding]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        let most = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
            (Ok(_), _) => 32,
            (_, Ok(_)) => 128,
            _ => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}

fn is_uuid(text: &str) -> bool {
    let digits = text.chars().filter(|c| *c != '-').collect::<String>();
    digits.len() == 32
        && digits.chars().all(|c| c.is_ascii_hexdigit())
        && (text.len() == 32 || text.len() == 36)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn is_hostname(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6
        && parts
            .iter()
            .all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

/// A duration as Go writes it (`1h30m`, `-2.5s`), in nanoseconds.
pub(crate) fn duration_nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_f64;
    let mut exact = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let nanoseconds: i64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        match number.split_once('.') {
            None => exact = exact.checked_add(number.parse::<i64>().ok()?.checked_mul(nanoseconds)?)?,
            Some((whole, fraction)) => {
                if whole.is_empty() && fraction.is_empty() {
                    return None;
                }
                let whole = if whole.is_empty() {
                    0
                } else {
                    whole.parse::<i64>().ok()?
                };
                exact = exact.checked_add(whole.checked_mul(nanoseconds)?)?;
                if !fraction.is_empty() {
                    #[expect(clippy::cast_precision_loss, reason = "units are small")]
                    let unit = nanoseconds as f64;
                    total += format!("0.{fraction}").parse::<f64>().ok()? * unit;
                }
            }
        }
        rest = after;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below a few hours")]
    let nanoseconds = exact.checked_add(total.round() as i64)?;
    Some(if negative { -nanoseconds } else { nanoseconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration_nanoseconds("1h30m"), Some(5_400_000_000_000));
        assert_eq!(duration_nanoseconds("-1.5s"), Some(-1_500_000_000));
        assert_eq!(duration_nanoseconds("0"), Some(0));
        for wrong in ["", "1", "s", ".s", "1x", "1h 1m", "9999999999999999999h"] {
            assert_eq!(duration_nanoseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn formats_tell_right_from_wrong() {
        for (format, right, wrong) in [
            ("date-time", "2026-01-02T03:04:05Z", "2026-01-02"),
            ("byte", "aGk=", "aGk"),
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "fd00::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
            ("hostname", "a.example.com", "-a"),
            ("mac", "00:11:22:33:44:55", "00:11"),
            ("duration", "5m", "five"),
        ] {
            assert!(Format::named(format).matches(right), "{right} is a {format}");
            assert!(!Format::named(format).matches(wrong), "{wrong} is no {format}");
        }
        assert!(!Format::Int32.holds(&serde_json::json!(3_000_000_000_i64)));
    }
}
