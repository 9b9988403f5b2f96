//! What a scalar is: the resolution rules of the validator's YAML library.

/// What a scalar resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    Null,
    Text,
    Bool,
    Int,
    Float,
    Date,
}

impl Resolved {
    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text => "text",
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Date => "a date",
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Text => "!!str",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Date => "!!timestamp",
        }
    }
}

/// Resolves a scalar. `Err`: its tag asks for a kind that its text is not, which the library takes for an
/// error of the file.
pub(crate) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Resolved, String> {
    match tag {
        Some("!!str" | "!!binary") => return Ok(Resolved::Text),
        None | Some("!") if !plain => return Ok(Resolved::Text),
        _ => {}
    }
    let tag = tag.filter(|tag| *tag != "!");
    // A date is looked for only where no other kind is asked for.
    let dates = tag.is_none_or(|tag| tag == "!!timestamp");
    let found = implicit(text, dates);
    match tag {
        None => Ok(found),
        Some("!!float") if found == Resolved::Int => Ok(Resolved::Float),
        Some("!!merge") if text == "<<" => Ok(Resolved::Text),
        Some(tag) if tag == found.tag() => Ok(found),
        Some(tag) => Err(format!("cannot be read as `{tag}`: it is {}", found.name())),
    }
}

fn implicit(text: &str, dates: bool) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Resolved::Bool,
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Resolved::Float,
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' if is_float(text) => Resolved::Float,
        b'+' | b'-' | b'0'..=b'9' => number(text, dates),
        _ => Resolved::Text,
    }
}

fn number(text: &str, dates: bool) -> Resolved {
    if dates && is_date(text) {
        return Resolved::Date;
    }
    let plain = text.replace('_', "");
    if is_int(&plain) {
        Resolved::Int
    } else if is_float(&plain) {
        Resolved::Float
    } else {
        Resolved::Text
    }
}

/// A whole number of 64 bits with an optional sign: decimal, `0x`, `0o`, `0b`, or octal after a bare `0`.
fn is_int(text: &str) -> bool {
    let (negative, unsigned, signed) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..], true),
        [b'+', ..] => (false, &text[1..], true),
        _ => (false, text, false),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    // Rust would take a second sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let Ok(magnitude) = u64::from_str_radix(digits, radix) else {
        return false;
    };
    let limit = i64::MAX.unsigned_abs();
    match (negative, signed) {
        (true, _) => magnitude <= limit + 1,
        (false, true) => magnitude <= limit,
        (false, false) => true,
    }
}

/// Digits with a point and an exponent, and within the range of 64 bits.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    mantissa_fits && exponent_fits && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `2026-10-01`, or with a time: after `T` or `t` with a zone, after a blank without.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((bytes[at], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = parts.next().and_then(|year| year.parse::<u32>().ok());
    let (month, day) = (parts.next().and_then(small), parts.next().and_then(small));
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
        && match time {
            None => true,
            Some((b' ', time)) => is_time(time),
            Some((_, time)) => match time.find(['Z', '+', '-']) {
                Some(at) => is_time(&time[..at]) && is_zone(&time[at..]),
                None => false,
            },
        }
}

/// One or two digits.
fn small(text: &str) -> Option<u32> {
    ((1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn is_time(text: &str) -> bool {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next(), parts.next(), parts.next());
    let (Some(hour), Some(minute), Some(second), None) = (hour, minute, second, parts.next()) else {
        return false;
    };
    let (second, fraction) = match second.split_once(['.', ',']) {
        Some((second, fraction)) => (second, Some(fraction)),
        None => (second, None),
    };
    let below = |text: &str, limit: u32| small(text).is_some_and(|value| value < limit);
    below(hour, 24)
        && below(minute, 60)
        && below(second, 60)
        && fraction.is_none_or(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_zone(text: &str) -> bool {
    let pair = |text: &str, limit: u32| text.len() == 2 && small(text).is_some_and(|value| value < limit);
    match text.strip_prefix(['+', '-']).map(|zone| zone.split_once(':')) {
        Some(Some((hours, minutes))) => pair(hours, 25) && pair(minutes, 61),
        Some(None) => false,
        None => text == "Z",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Resolved {
        resolve(text, true, None).unwrap()
    }

    #[test]
    fn what_the_programme_s_rules_call_text_is_text() {
        for text in [
            "1.30.0",
            "v1.37",
            "yes",
            "on",
            "12:30:45",
            "0x",
            "08x",
            "1e",
            "2026-13-01",
            "<<",
            "-",
            "+",
            ".",
            "1e400",
        ] {
            assert_eq!(plain(text), Resolved::Text, "{text}");
        }
    }

    #[test]
    fn what_the_programme_s_rules_call_no_text_is_none() {
        for (text, kind) in [
            ("3.2", Resolved::Float),
            ("1.37", Resolved::Float),
            ("2026-10-01", Resolved::Date),
            ("2026-1-2 3:04:05.5", Resolved::Date),
            ("2026-10-01T08:00:00Z", Resolved::Date),
            ("2026-10-01t08:00:00+02:00", Resolved::Date),
            ("010", Resolved::Int),
            ("08", Resolved::Float),
            ("1_000", Resolved::Int),
            ("1e3", Resolved::Float),
            ("0x1F", Resolved::Int),
            ("-0b101", Resolved::Int),
            ("18446744073709551615", Resolved::Int),
            (".inf", Resolved::Float),
            (".5", Resolved::Float),
            ("~", Resolved::Null),
            ("", Resolved::Null),
            ("True", Resolved::Bool),
        ] {
            assert_eq!(plain(text), kind, "{text}");
        }
    }

    #[test]
    fn quotes_and_the_text_tag_make_text() {
        assert_eq!(resolve("3.2", false, None), Ok(Resolved::Text));
        assert_eq!(resolve("3.2", true, Some("!!str")), Ok(Resolved::Text));
        assert_eq!(resolve("3", true, Some("!!float")), Ok(Resolved::Float));
    }

    #[test]
    fn a_tag_that_does_not_fit_is_an_error() {
        for (text, tag) in [("abc", "!!int"), ("x", "!custom"), ("x", "!!null")] {
            assert!(resolve(text, true, Some(tag)).is_err(), "{tag} {text}");
        }
    }
}
