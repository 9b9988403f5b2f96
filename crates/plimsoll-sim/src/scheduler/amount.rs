//! Quantities as Kubernetes writes them: `100m`, `80Gi`, `1e3`.

use serde_json::Value;

/// An amount in thousandths, rounded up as the API rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amount(i128);

impl Amount {
    /// So many whole ones.
    #[cfg(test)]
    fn whole(count: i64) -> Self {
        Self(i128::from(count) * 1000)
    }

    /// Reads a quantity; none where it isn't one.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Parses a quantity's text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let decimals = u32::try_from(fraction.len()).ok()?;
        let (factor, exponent) = scale(suffix)?;
        // The result is digits × factor × 10^(exponent + 3 − decimals).
        let power = exponent + 3 - i32::try_from(decimals).ok()?;
        let scaled = digits.checked_mul(factor)?;
        let thousandths = match u32::try_from(power) {
            Ok(up) => scaled.checked_mul(10_i128.checked_pow(up)?)?,
            Err(_) => {
                let divisor = 10_i128.checked_pow(power.unsigned_abs()).unwrap_or(i128::MAX);
                // Rounded away from zero.
                scaled / divisor + i128::from(scaled % divisor != 0)
            }
        };
        Some(Self(if negative { -thousandths } else { thousandths }))
    }

    /// In whole ones, rounded up.
    pub(super) fn ceiling(self) -> i64 {
        let whole = self.0.div_euclid(1000) + i128::from(self.0.rem_euclid(1000) != 0);
        i64::try_from(whole).unwrap_or(i64::MAX)
    }

    /// In thousandths.
    pub(super) fn thousandths(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The same, rounded up to a multiple of `step` above `base`.
    pub(super) fn stepped(self, base: Self, step: Self) -> Self {
        if step.0 <= 0 || self.0 <= base.0 {
            return self.max(base);
        }
        let steps =
            (self.0 - base.0).div_euclid(step.0) + i128::from((self.0 - base.0).rem_euclid(step.0) != 0);
        Self(base.0 + steps * step.0)
    }

    /// Written with the suffixes that `like` is written with, as far as it goes.
    pub(super) fn written_like(self, like: &str) -> String {
        const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        if self.0 % 1000 != 0 {
            return format!("{}m", self.0);
        }
        let mut whole = self.0 / 1000;
        let mut suffix = "";
        if like.ends_with('i') {
            for next in BINARY {
                if whole == 0 || whole % 1024 != 0 {
                    break;
                }
                whole /= 1024;
                suffix = next;
            }
        }
        format!("{whole}{suffix}")
    }
}

impl std::ops::Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// What a suffix stands for: a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            let power: i32 = digits.parse().ok()?;
            (power.abs() <= 30).then_some((1, power))?
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn thousandths(text: &str) -> Option<i64> {
        Amount::parse(text).map(Amount::thousandths)
    }

    #[test]
    fn quantities_are_read_with_all_their_suffixes() {
        for (text, expected) in [
            ("1", 1000),
            ("100m", 100),
            ("0.5", 500),
            (".5", 500),
            ("1.", 1000),
            ("2k", 2_000_000),
            ("1Ki", 1_024_000),
            ("1.5Gi", 1_610_612_736_000),
            ("1e3", 1_000_000),
            ("1E3", 1_000_000),
            ("12e-1", 1200),
            ("-2", -2000),
            ("1n", 1),
            ("0", 0),
        ] {
            assert_eq!(thousandths(text), Some(expected), "{text}");
        }
        for text in ["", "m", "1.2.3", "1x", "Gi", "e3", "1e"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
        assert_eq!(Amount::read(&json!(3)), Some(Amount::whole(3)));
        assert_eq!(Amount::read(&json!(null)), None);
    }

    #[test]
    fn a_fraction_takes_a_whole_one() {
        assert_eq!(Amount::parse("1.1").map(Amount::ceiling), Some(2));
        assert_eq!(Amount::parse("1").map(Amount::ceiling), Some(1));
    }

    #[test]
    fn amounts_are_written_as_they_were_asked_for() {
        let gi = |text: &str| Amount::parse(text).unwrap_or_default();
        assert_eq!(gi("80Gi").written_like("1Gi"), "80Gi");
        assert_eq!(gi("1.5Gi").written_like("1Gi"), "1536Mi");
        assert_eq!(gi("2").written_like("2"), "2");
        assert_eq!(gi("500m").written_like("1"), "500m");
        assert_eq!(gi("0").written_like("1Gi"), "0");
    }

    #[test]
    fn steps_are_counted_from_the_base() {
        let whole = Amount::whole;
        assert_eq!(whole(5).stepped(whole(2), whole(2)), whole(6));
        assert_eq!(whole(6).stepped(whole(2), whole(2)), whole(6));
        assert_eq!(whole(1).stepped(whole(2), whole(2)), whole(2));
        assert_eq!(whole(5).stepped(whole(2), Amount::default()), whole(5));
    }
}
