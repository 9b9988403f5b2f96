//! How fast a proposal is followed: stabilisation, rates and bounds.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::facts::meta;

/// How long a higher recommendation keeps a lower one from being followed, where nothing else is said.
const DOWN_WINDOW: i64 = 300;

/// What was recommended and done.
#[derive(Debug, Default)]
pub(super) struct Memory {
    recommendations: Vec<(Timestamp, i64)>,
    /// By how much it grew, or shrank.
    changes: Vec<(Timestamp, i64)>,
}

impl Memory {
    /// Begins with the size that is found.
    pub(super) fn begin(&mut self, current: i64, now: Timestamp) {
        if self.recommendations.is_empty() {
            self.recommendations.push((now, current));
        }
    }

    /// Remembers a change of size.
    pub(super) fn rescaled(&mut self, from: i64, to: i64, now: Timestamp) {
        self.changes.push((now, to - from));
    }

    fn forget_older_than(&mut self, longest: i64, now: Timestamp) {
        let kept = |at: Timestamp| now.duration_since(at).as_secs() <= longest;
        self.recommendations.retain(|(at, _)| kept(*at));
        self.changes.retain(|(at, _)| kept(*at));
    }

    fn recommended_within(&self, seconds: i64, now: Timestamp) -> impl Iterator<Item = i64> {
        self.recommendations
            .iter()
            .filter(move |(at, _)| {
                now.duration_since(*at)
                    < Duration::from_secs(seconds.unsigned_abs())
                        .try_into()
                        .unwrap_or_default()
            })
            .map(|(_, replicas)| *replicas)
    }

    /// The size at the beginning of a period.
    fn size_before(&self, current: i64, seconds: i64, now: Timestamp) -> i64 {
        let changed: i64 = self
            .changes
            .iter()
            .filter(|(at, _)| now.duration_since(*at).as_secs() < seconds)
            .map(|(_, change)| change)
            .sum();
        current - changed
    }
}

/// What is done about a proposal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Followed {
    pub(super) replicas: i64,
    /// Reason and message of `AbleToScale`.
    pub(super) able: (&'static str, &'static str),
    /// `ScalingLimited` with reason and message.
    pub(super) limited: (bool, &'static str, &'static str),
}

const READY: (&str, &str) = ("ReadyForNewScale", "recommended size matches current size");
const UP_STABILIZED: (&str, &str) = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const DOWN_STABILIZED: (&str, &str) = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const WITHIN: (bool, &str, &str) = (
    false,
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
);
const TOO_FAST_UP: (bool, &str, &str) = (
    true,
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
);
const TOO_FAST_DOWN: (bool, &str, &str) = (
    true,
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);
const TOO_MANY: (bool, &str, &str) = (
    true,
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);
const TOO_FEW: (bool, &str, &str) = (
    true,
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);

/// Follows a proposal as far as bounds, and the autoscaler's behaviour if it says one, allow.
pub(super) fn follow(
    own: &Value,
    memory: &mut Memory,
    current: i64,
    proposed: i64,
    bounds: (i64, i64),
    now: Timestamp,
) -> Followed {
    if own["spec"]["behavior"].is_object() {
        by_rules(&own["spec"]["behavior"], memory, current, proposed, bounds, now)
    } else {
        by_default(memory, current, proposed, bounds, now)
    }
}

fn by_default(
    memory: &mut Memory,
    current: i64,
    proposed: i64,
    (least, most): (i64, i64),
    now: Timestamp,
) -> Followed {
    memory.forget_older_than(DOWN_WINDOW, now);
    let stable = memory
        .recommended_within(DOWN_WINDOW, now)
        .fold(proposed, i64::max);
    memory.recommendations.push((now, proposed));
    let able = if stable == proposed {
        READY
    } else {
        DOWN_STABILIZED
    };
    let rate = (2 * current).max(4);
    let (ceiling, limit) = if most > rate {
        (rate, TOO_FAST_UP)
    } else {
        (most, TOO_MANY)
    };
    let (replicas, limited) = if stable < least {
        (least, TOO_FEW)
    } else if stable > ceiling {
        (ceiling, limit)
    } else {
        (stable, WITHIN)
    };
    Followed {
        replicas,
        able,
        limited,
    }
}

/// The rules of one direction, with what they leave out.
fn rules(behaviour: &Value, direction: &str) -> Value {
    let mut rules = match direction {
        "scaleUp" => json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]}),
        _ => json!({"stabilizationWindowSeconds": DOWN_WINDOW, "selectPolicy": "Max", "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15}]}),
    };
    for (field, value) in behaviour[direction].as_object().into_iter().flatten() {
        if !value.is_null() && !value.as_array().is_some_and(Vec::is_empty) {
            rules[field] = value.clone();
        }
    }
    rules
}

fn by_rules(
    behaviour: &Value,
    memory: &mut Memory,
    current: i64,
    proposed: i64,
    (least, most): (i64, i64),
    now: Timestamp,
) -> Followed {
    let (up, down) = (rules(behaviour, "scaleUp"), rules(behaviour, "scaleDown"));
    let window = |rules: &Value| meta::number(&rules["stabilizationWindowSeconds"], 0);
    let periods = [&up, &down].map(|rules| {
        let policies = meta::items(&rules["policies"]).iter();
        policies
            .map(|policy| meta::number(&policy["periodSeconds"], 0))
            .max()
            .unwrap_or_default()
    });
    let longest = periods
        .into_iter()
        .chain([window(&up), window(&down)])
        .max()
        .unwrap_or_default();
    memory.forget_older_than(longest, now);
    let at_most = memory
        .recommended_within(window(&up), now)
        .fold(proposed, i64::min);
    let at_least = memory
        .recommended_within(window(&down), now)
        .fold(proposed, i64::max);
    memory.recommendations.push((now, proposed));
    let stable = current.max(at_most).min(at_least);
    let able = if stable == proposed {
        READY
    } else if proposed >= current {
        UP_STABILIZED
    } else {
        DOWN_STABILIZED
    };
    let (replicas, limited) = match stable.cmp(&current) {
        std::cmp::Ordering::Greater => {
            let rate = rate_limit(&up, memory, current, now, Direction::Up).max(current);
            let (ceiling, limit) = if most > rate {
                (rate, TOO_FAST_UP)
            } else {
                (most, TOO_MANY)
            };
            if stable > ceiling {
                (ceiling, limit)
            } else {
                (stable, WITHIN)
            }
        }
        std::cmp::Ordering::Less => {
            let rate = rate_limit(&down, memory, current, now, Direction::Down).min(current);
            let (floor, limit) = if least < rate {
                (rate, TOO_FAST_DOWN)
            } else {
                (least, TOO_FEW)
            };
            if stable < floor {
                (floor, limit)
            } else {
                (stable, WITHIN)
            }
        }
        std::cmp::Ordering::Equal => (stable, WITHIN),
    };
    Followed {
        replicas,
        able,
        limited,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// How far the policies of a direction let the size go now.
fn rate_limit(rules: &Value, memory: &Memory, current: i64, now: Timestamp, direction: Direction) -> i64 {
    let select = rules["selectPolicy"].as_str().unwrap_or("Max");
    if select == "Disabled" {
        return current;
    }
    let limits = meta::items(&rules["policies"]).iter().map(|policy| {
        let before = memory.size_before(current, meta::number(&policy["periodSeconds"], 15), now);
        let value = meta::number(&policy["value"], 0);
        match (policy["type"] == "Pods", direction) {
            (true, Direction::Up) => before + value,
            (true, Direction::Down) => before - value,
            (false, Direction::Up) => before + (before * value + 99).div_euclid(100),
            (false, Direction::Down) => (before * (100 - value)).div_euclid(100),
        }
    });
    let furthest = (select == "Max") == (direction == Direction::Up);
    let limit = if furthest { limits.max() } else { limits.min() };
    limit.unwrap_or(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn without_rules_it_doubles_at_most_and_shrinks_after_five_minutes() {
        let own = json!({"spec": {}});
        let mut memory = Memory::default();
        memory.begin(3, at(0));
        let grown = follow(&own, &mut memory, 3, 20, (1, 50), at(0));
        assert_eq!((grown.replicas, grown.limited), (6, TOO_FAST_UP));
        let held = follow(&own, &mut memory, 6, 1, (1, 50), at(100));
        assert_eq!((held.replicas, held.able), (12, DOWN_STABILIZED));
        let shrunk = follow(&own, &mut memory, 6, 1, (1, 50), at(500));
        assert_eq!((shrunk.replicas, shrunk.able), (1, READY));
        let bounded = follow(&own, &mut Memory::default(), 3, 20, (1, 5), at(0));
        assert_eq!((bounded.replicas, bounded.limited), (5, TOO_MANY));
    }

    #[test]
    fn policies_bound_the_change_of_a_period() {
        let own = json!({"spec": {"behavior": {
            "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
            "scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Min", "policies": [
                {"type": "Percent", "value": 50, "periodSeconds": 60}, {"type": "Pods", "value": 1, "periodSeconds": 60}]}}}});
        let mut memory = Memory::default();
        memory.begin(4, at(0));
        let grown = follow(&own, &mut memory, 4, 10, (1, 50), at(0));
        assert_eq!((grown.replicas, grown.limited), (6, TOO_FAST_UP));
        memory.rescaled(4, 6, at(0));
        assert_eq!(follow(&own, &mut memory, 6, 10, (1, 50), at(30)).replicas, 6);
        assert_eq!(follow(&own, &mut memory, 6, 10, (1, 50), at(61)).replicas, 8);
        let shrunk = follow(&own, &mut memory, 6, 1, (1, 50), at(200));
        assert_eq!((shrunk.replicas, shrunk.limited), (5, TOO_FAST_DOWN));
    }

    #[test]
    fn growth_can_wait_for_the_lowest_recent_recommendation() {
        let own = json!({"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 60}}}});
        let mut memory = Memory::default();
        memory.begin(2, at(0));
        let held = follow(&own, &mut memory, 2, 6, (1, 50), at(30));
        assert_eq!((held.replicas, held.able), (2, UP_STABILIZED));
        assert_eq!(follow(&own, &mut memory, 2, 6, (1, 50), at(70)).replicas, 6);
    }
}
