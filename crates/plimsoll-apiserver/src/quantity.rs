//! Amounts of resources, as the API writes them: `500m`, `1Gi`, `4`.

use std::{
    cmp::Ordering,
    fmt,
    ops::{Add, Neg, Sub},
    str::FromStr,
};

use serde_json::Value;

/// An exact amount. It is written in the notation that it was read in.
///
/// Anything finer than a billionth is rounded up, as the API does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    /// In billionths.
    nano: i128,
    notation: Notation,
}

/// How an amount is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Notation {
    /// `m`, `k`, `M`, …
    #[default]
    Decimal,
    /// `Ki`, `Mi`, …
    Binary,
    /// `e3`, `e6`, …
    Exponent,
}

/// A text that is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
pub struct NoQuantity;

const NANO: i128 = 1_000_000_000;
const DECIMAL: &[(&str, i32)] = &[
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: &[&str] = &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nano: 0,
        notation: Notation::Decimal,
    };

    /// A whole number of something.
    #[must_use]
    pub const fn whole(count: i64) -> Self {
        Self {
            nano: count as i128 * NANO,
            notation: Notation::Decimal,
        }
    }

    /// Reads a field's value, which may be a text or a number.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    }

    /// Rounded up to a whole number.
    #[must_use]
    pub fn value(self) -> i64 {
        clamp(ceiling(self.nano, NANO))
    }

    /// In thousandths, rounded up.
    #[must_use]
    pub fn milli(self) -> i64 {
        clamp(ceiling(self.nano, NANO / 1000))
    }

    /// The same, rounded up to a whole number.
    #[must_use]
    pub fn rounded_up(self) -> Self {
        Self {
            nano: ceiling(self.nano, NANO) * NANO,
            ..self
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// Below, at or above nothing.
    #[must_use]
    pub fn sign(self) -> Ordering {
        self.nano.cmp(&0)
    }

    /// The whole number that it is, if it is one.
    #[must_use]
    pub fn as_whole(self) -> Option<i64> {
        if self.nano % NANO == 0 {
            i64::try_from(self.nano / NANO).ok()
        } else {
            None
        }
    }

    /// As a floating point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.ratio_to(Self::whole(1))
    }

    /// As a number, for ratios.
    #[must_use]
    pub fn ratio_to(self, other: Self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "ratios are compared and shown, not counted"
        )]
        {
            self.nano as f64 / other.nano as f64
        }
    }
}

fn ceiling(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

/// The sum is written like the left side, or like the right one where the left is nothing.
impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            nano: self.nano.saturating_add(other.nano),
            notation: if self.is_zero() {
                other.notation
            } else {
                self.notation
            },
        }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            nano: self.nano.saturating_neg(),
            ..self
        }
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl FromStr for Quantity {
    type Err = NoQuantity;

    fn from_str(text: &str) -> Result<Self, NoQuantity> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(unsigned.len());
        let (digits, suffix) = unsigned.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(NoQuantity);
        }
        let (notation, exponent, factor) = unit(suffix).ok_or(NoQuantity)?;
        let mut digits = format!("{whole}{fraction}");
        // What remains of the point after the suffix and the billionths.
        let shift = exponent + 9 - i32::try_from(fraction.len()).map_err(|_| NoQuantity)?;
        let mut round = false;
        if shift >= 0 {
            let zeros = usize::try_from(shift).map_err(|_| NoQuantity)?;
            if zeros > 60 {
                return Err(NoQuantity);
            }
            digits.push_str(&"0".repeat(zeros));
        } else {
            let keep = digits
                .len()
                .saturating_sub(usize::try_from(-shift).map_err(|_| NoQuantity)?);
            round = digits[keep..].bytes().any(|digit| digit != b'0');
            digits.truncate(keep);
        }
        let digits = digits.trim_start_matches('0');
        let magnitude: i128 = match digits {
            "" => 0,
            digits => digits.parse().map_err(|_| NoQuantity)?,
        };
        let magnitude = magnitude
            .checked_mul(factor)
            .ok_or(NoQuantity)?
            .checked_add(i128::from(round))
            .ok_or(NoQuantity)?;
        Ok(Self {
            nano: if text.starts_with('-') {
                -magnitude
            } else {
                magnitude
            },
            notation,
        })
    }
}

/// The notation of a suffix, its power of ten and its factor.
fn unit(suffix: &str) -> Option<(Notation, i32, i128)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(own, _)| *own == suffix) {
        return Some((Notation::Decimal, *exponent, 1));
    }
    if let Some(power) = BINARY.iter().position(|own| *own == suffix) {
        return Some((Notation::Binary, 0, 1024_i128.pow(u32::try_from(power).ok()?)));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    // Beyond that it is too much, or as good as nothing, in any case.
    Some((Notation::Exponent, exponent.clamp(-10_000, 10_000), 1))
}

/// In the canonical form: no fraction, and the largest suffix that allows that.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        match self.notation {
            Notation::Binary if !small => {
                let mut mantissa = ceiling(self.nano, NANO);
                let mut power = 0;
                while mantissa % 1024 == 0 && power + 1 < BINARY.len() {
                    mantissa /= 1024;
                    power += 1;
                }
                write!(f, "{mantissa}{}", BINARY[power])
            }
            Notation::Binary | Notation::Decimal => {
                let (mantissa, exponent) = self.thousands(18);
                let suffix = DECIMAL.iter().find(|(_, own)| *own == exponent);
                write!(f, "{mantissa}{}", suffix.map_or("", |(suffix, _)| suffix))
            }
            Notation::Exponent => match self.thousands(i32::MAX) {
                (mantissa, 0) => write!(f, "{mantissa}"),
                (mantissa, exponent) => write!(f, "{mantissa}e{exponent}"),
            },
        }
    }
}

impl Quantity {
    /// As a whole number of the largest power of a thousand.
    fn thousands(self, most: i32) -> (i128, i32) {
        let (mut mantissa, mut exponent) = (self.nano, -9);
        while mantissa % 1000 == 0 && exponent < most {
            mantissa /= 1000;
            exponent += 3;
        }
        (mantissa, exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Quantity {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn amounts_are_written_in_their_canonical_form() {
        for (text, canonical) in [
            ("0", "0"),
            ("1", "1"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1000m", "1"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("100000000", "100M"),
            ("1e3", "1e3"),
            ("12e6", "12e6"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("1025Mi", "1025Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("512Ki", "512Ki"),
            ("1000Ki", "1000Ki"),
            ("0.1", "100m"),
            ("-2", "-2"),
            ("1E", "1E"),
            (".5", "500m"),
            ("0.0000000001", "1n"),
            ("100n", "100n"),
        ] {
            assert_eq!(amount(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "m", "1x", "1.2.3", "1 Gi", "Gi", "--1", "1ee3", "1e", "0x10"] {
            assert_eq!(text.parse::<Quantity>(), Err(NoQuantity), "{text}");
        }
    }

    #[test]
    fn amounts_of_different_notations_compare_and_add() {
        assert!(amount("1Gi") > amount("1G"));
        assert_eq!(amount("1"), amount("1000m"));
        assert_eq!((amount("1Gi") + amount("1Mi")).to_string(), "1025Mi");
        assert_eq!((Quantity::ZERO + amount("1Gi")).to_string(), "1Gi");
        assert_eq!((amount("2") - amount("500m")).to_string(), "1500m");
        assert_eq!(amount("1500m").value(), 2);
        assert_eq!(amount("0.0005").milli(), 1);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-+]?[0-9.]{0,40}[eEinumkKMGTP]{0,2}[-+]?[0-9]{0,12}") {
            if let Ok(quantity) = text.parse::<Quantity>() {
                let _ = (quantity.to_string(), quantity.value(), quantity.milli(), quantity.as_whole(), quantity + quantity);
            }
        }

        #[test]
        fn a_written_amount_reads_as_itself(nano in -10_i128.pow(20)..10_i128.pow(20), notation in 0..3_usize) {
            let notation = [Notation::Decimal, Notation::Binary, Notation::Exponent][notation];
            // Bytes are whole.
            let nano = if notation == Notation::Binary { nano / NANO * NANO } else { nano };
            let quantity = Quantity { nano, notation };
            prop_assert_eq!(amount(&quantity.to_string()), quantity);
        }
    }
}
