//! The device cgroup of a container.

use plimsoll_probe::protocol::{DeviceNumber, NodeKind};

/// Devices that may be opened; a part that is not given stands for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) kind: Option<NodeKind>,
    pub(crate) major: Option<u32>,
    pub(crate) minor: Option<u32>,
}

impl Rule {
    /// Any device.
    pub(crate) const ANY: Self = Self {
        kind: None,
        major: None,
        minor: None,
    };

    /// That one device.
    pub(crate) fn one(number: DeviceNumber) -> Self {
        Self {
            kind: Some(number.kind),
            major: Some(number.major),
            minor: Some(number.minor),
        }
    }

    /// All devices of that driver.
    pub(crate) fn driver(number: DeviceNumber) -> Self {
        Self {
            minor: None,
            ..Self::one(number)
        }
    }

    fn allows(&self, number: DeviceNumber) -> bool {
        self.kind.is_none_or(|kind| kind == number.kind)
            && self.major.is_none_or(|major| major == number.major)
            && self.minor.is_none_or(|minor| minor == number.minor)
    }
}

/// Character devices that container runtimes allow everybody, by major and, unless all are meant, minor.
const STANDARD: [(u32, Option<u32>); 9] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (136, None),
];

/// What a container may open; everything else is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    /// What every container may open.
    pub(crate) fn standard() -> Self {
        let rule = |(major, minor)| Rule {
            kind: Some(NodeKind::Character),
            major: Some(major),
            minor,
        };
        Self(STANDARD.into_iter().map(rule).collect())
    }

    /// Allows more.
    pub(crate) fn allow(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// Whether that device may be opened.
    pub(crate) fn allows(&self, number: DeviceNumber) -> bool {
        self.0.iter().any(|rule| rule.allows(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> DeviceNumber {
        text.parse().unwrap()
    }

    #[test]
    fn a_container_opens_what_is_standard_and_what_it_was_given() {
        let mut rules = Rules::standard();
        assert!(rules.allows(number("c:1:3")) && rules.allows(number("c:136:7")));
        assert!(!rules.allows(number("b:1:3")), "kinds are numbered apart");
        assert!(!rules.allows(number("b:7:0")));
        rules.allow(Rule::one(number("b:7:0")));
        assert!(rules.allows(number("b:7:0")) && !rules.allows(number("b:7:1")));
        rules.allow(Rule::driver(number("b:7:0")));
        assert!(rules.allows(number("b:7:1")) && !rules.allows(number("b:8:1")));
        rules.allow(Rule::ANY);
        assert!(rules.allows(number("c:195:255")));
    }
}
