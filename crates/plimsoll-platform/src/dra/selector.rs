//! The simple CEL expressions that classes select devices by, evaluated here.
//!
//! Understood: `device.driver`, `device.attributes["domain"].name`, `"name" in device.attributes["domain"]`,
//! comparisons with literals, `!`, `&&`, `||` and brackets. The scheduler's own evaluation decides what a
//! claim gets; this one only counts what could be had, and says so where it can't.

use std::fmt;

use super::{Attribute, Device};

mod parse;

/// An understood expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector(Expression);

/// The expression is beyond what is understood here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't evaluate `{expression}`: {what}, at character {at}")]
pub struct UnknownExpression {
    /// The whole expression.
    pub expression: String,
    /// What is not understood.
    pub what: String,
    /// Where, from 1.
    pub at: usize,
}

/// Whether something is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It can't be told here, and why.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Comparison, Operand),
    /// Whether an attribute of that full name is there.
    Has(String),
    /// Whether there is any attribute of that domain.
    HasDomain(String),
    /// An operand that is a truth value itself.
    Is(Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Driver,
    Attribute(String),
    Literal(Attribute),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Selector {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`UnknownExpression`], which says little about whether the expression is right.
    pub fn parse(expression: &str) -> Result<Self, UnknownExpression> {
        parse::parse(expression).map(Self)
    }

    /// Whether it selects the device. An attribute the device doesn't have makes the scheduler's evaluation
    /// fail, so it is no match.
    #[must_use]
    pub fn matches(&self, driver: &str, device: &Device) -> Truth {
        match self.0.evaluate(driver, device) {
            Some(true) => Truth::Yes,
            Some(false) | None => Truth::No,
        }
    }
}

impl Expression {
    /// `None` where CEL's evaluation would fail. As there, `false &&` and `true ||` swallow a failure.
    fn evaluate(&self, driver: &str, device: &Device) -> Option<bool> {
        match self {
            Self::Or(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.evaluate(driver, device)).collect();
                if parts.contains(&Some(true)) {
                    Some(true)
                } else {
                    all_known(&parts).then_some(false)
                }
            }
            Self::And(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.evaluate(driver, device)).collect();
                if parts.contains(&Some(false)) {
                    Some(false)
                } else {
                    all_known(&parts).then_some(true)
                }
            }
            Self::Not(part) => part.evaluate(driver, device).map(|value| !value),
            Self::Compare(left, comparison, right) => {
                comparison.holds(&left.value(driver, device)?, &right.value(driver, device)?)
            }
            Self::Has(name) => Some(device.attributes.contains_key(name)),
            Self::HasDomain(domain) => {
                let domain = format!("{domain}/");
                Some(device.attributes.keys().any(|name| name.starts_with(&domain)))
            }
            Self::Is(operand) => match operand.value(driver, device)? {
                Attribute::Bool(value) => Some(value),
                _ => None,
            },
        }
    }
}

fn all_known(parts: &[Option<bool>]) -> bool {
    parts.iter().all(Option::is_some)
}

impl Operand {
    fn value(&self, driver: &str, device: &Device) -> Option<Attribute> {
        match self {
            Self::Driver => Some(Attribute::String(driver.to_owned())),
            Self::Attribute(name) => device.attributes.get(name).cloned(),
            Self::Literal(value) => Some(value.clone()),
        }
    }
}

impl Comparison {
    fn holds(self, left: &Attribute, right: &Attribute) -> Option<bool> {
        let order = left.partial_cmp(right);
        Some(match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => order?.is_lt(),
            Self::LessOrEqual => order?.is_le(),
            Self::Greater => order?.is_gt(),
            Self::GreaterOrEqual => order?.is_ge(),
        })
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn device() -> Device {
        Device {
            name: "gpu-0".into(),
            attributes: Arc::new(
                [
                    ("gpu.nvidia.com/type".into(), Attribute::String("gpu".into())),
                    ("gpu.nvidia.com/index".into(), Attribute::Int(3)),
                    ("gpu.nvidia.com/healthy".into(), Attribute::Bool(true)),
                ]
                .into(),
            ),
            ..Device::default()
        }
    }

    fn truth(expression: &str) -> Truth {
        match Selector::parse(expression) {
            Ok(selector) => selector.matches("gpu.nvidia.com", &device()),
            Err(error) => Truth::Unknown(error.to_string()),
        }
    }

    #[test]
    fn the_expressions_that_drivers_install_are_evaluated() {
        for (expression, wanted) in [
            ("device.driver == 'gpu.nvidia.com'", Truth::Yes),
            ("device.driver == \"gpu.amd.com\"", Truth::No),
            (
                r#"device.driver == "gpu.nvidia.com" && device.attributes["gpu.nvidia.com"].type == "gpu""#,
                Truth::Yes,
            ),
            (
                r#"device.attributes['gpu.nvidia.com']['type'] == 'mig'"#,
                Truth::No,
            ),
            (r#"device.attributes["gpu.nvidia.com"].index >= 3"#, Truth::Yes),
            (r#"device.attributes["gpu.nvidia.com"].index < -1"#, Truth::No),
            (r#"device.attributes["gpu.nvidia.com"].healthy"#, Truth::Yes),
            (r#"!(device.attributes["gpu.nvidia.com"].healthy)"#, Truth::No),
            (r#""type" in device.attributes["gpu.nvidia.com"]"#, Truth::Yes),
            (r#""uuid" in device.attributes["gpu.nvidia.com"]"#, Truth::No),
            (r#""gpu.amd.com" in device.attributes"#, Truth::No),
            (r#"has(device.attributes["gpu.nvidia.com"].type)"#, Truth::Yes),
            ("false || device.driver != 'x'", Truth::Yes),
            ("true", Truth::Yes),
        ] {
            assert_eq!(truth(expression), wanted, "{expression}");
        }
    }

    #[test]
    fn an_attribute_that_is_not_there_never_matches() {
        assert_eq!(
            truth(r#"device.attributes["gpu.nvidia.com"].uuid == "a""#),
            Truth::No
        );
        assert_eq!(
            truth(r#"device.attributes["gpu.nvidia.com"].uuid != "a""#),
            Truth::No
        );
        assert_eq!(
            truth(r#"!(device.attributes["gpu.nvidia.com"].uuid == "a")"#),
            Truth::No
        );
        assert_eq!(truth(r#"true || device.attributes["x"].uuid == "a""#), Truth::Yes);
    }

    #[test]
    fn what_is_not_understood_is_unknown_and_quoted() {
        for expression in [
            r#"device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("10Gi")) >= 0"#,
            "device.driver.startsWith('gpu')",
            "",
            "device.driver ==",
            "device.driver == 'x' 1",
            "(((((((((((((((((((((((((((((((((((((((((((true",
            "device.driver == 'unterminated",
        ] {
            assert!(
                matches!(truth(expression), Truth::Unknown(why) if why.contains(expression)),
                "{expression}"
            );
        }
    }
}
