//! Shares of a device: how much of its capacities one takes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{inventory::Device, request::Choice, usage::Usage};
use crate::scheduler::amount::Amount;

/// How much of one capacity a share takes, and how that is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) amount: Amount,
    pub(super) written: String,
}

/// What a choice takes of a device's capacities; none where the device can't give it.
pub(super) fn parts(choice: &Choice, device: &Device, usage: &Usage) -> Option<BTreeMap<String, Part>> {
    let capacities = device.published["capacity"].as_object();
    let mut asked: BTreeMap<&str, &Value> = BTreeMap::new();
    for (name, amount) in &choice.capacities {
        asked.insert(own_name(name, device)?, amount);
    }
    if !device.is_shared && asked.is_empty() {
        return Some(BTreeMap::new());
    }
    let mut parts = BTreeMap::new();
    for (name, capacity) in capacities.into_iter().flatten() {
        let part = part(asked.get(name.as_str()).copied(), capacity)?;
        let total = Amount::read(&capacity["value"]).unwrap_or_default();
        if usage.consumed(&device.id, name) + part.amount > total {
            return None;
        }
        parts.insert(name.clone(), part);
    }
    Some(if device.is_shared { parts } else { BTreeMap::new() })
}

/// The name under which the device publishes the capacity that is asked for.
fn own_name<'a>(asked: &'a str, device: &'a Device) -> Option<&'a str> {
    let capacities = device.published["capacity"].as_object()?;
    let short = asked
        .strip_prefix(&device.id.driver)
        .and_then(|rest| rest.strip_prefix('/'));
    let long = || format!("{}/{asked}", device.id.driver);
    [Some(asked), short]
        .into_iter()
        .flatten()
        .find(|name| capacities.contains_key(*name))
        .or_else(|| capacities.get_key_value(&long()).map(|(name, _)| name.as_str()))
}

/// How much is taken of one capacity: what is asked for, rounded up by the device's policy; its default, or all of it,
/// where nothing is asked.
fn part(asked: Option<&Value>, capacity: &Value) -> Option<Part> {
    let policy = &capacity["requestPolicy"];
    let given = asked.or(policy.get("default")).unwrap_or(&capacity["value"]);
    let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    let amount = Amount::read(given)?;
    let rounded = if asked.is_none() {
        amount
    } else {
        rounded(amount, policy)?
    };
    let written = if rounded == amount {
        text
    } else {
        rounded.written_like(&text)
    };
    Some(Part {
        amount: rounded,
        written,
    })
}

/// The next larger amount that the policy allows; none where there is none.
fn rounded(amount: Amount, policy: &Value) -> Option<Amount> {
    let range = &policy["validRange"];
    if let Some(least) = Amount::read(&range["min"]) {
        let step = Amount::read(&range["step"]).unwrap_or_default();
        let rounded = amount.stepped(least, step);
        let most = Amount::read(&range["max"]);
        return most.is_none_or(|most| rounded <= most).then_some(rounded);
    }
    match policy["validValues"].as_array() {
        Some(values) => values
            .iter()
            .filter_map(Amount::read)
            .filter(|value| *value >= amount)
            .min(),
        None => Some(amount),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(asked: Option<&str>, policy: &Value) -> Option<String> {
        let asked = asked.map(|text| json!(text));
        part(asked.as_ref(), &json!({"value": "10Gi", "requestPolicy": policy})).map(|part| part.written)
    }

    #[test]
    fn nothing_asked_takes_the_default_or_all() {
        assert_eq!(taken(None, &json!({"default": "1Gi"})).as_deref(), Some("1Gi"));
        assert_eq!(taken(None, &json!(null)).as_deref(), Some("10Gi"));
    }

    #[test]
    fn what_is_asked_is_rounded_up_to_what_the_device_gives() {
        let range = json!({"validRange": {"min": "2Gi", "step": "2Gi", "max": "6Gi"}});
        assert_eq!(taken(Some("3Gi"), &range).as_deref(), Some("4Gi"));
        assert_eq!(taken(Some("1Gi"), &range).as_deref(), Some("2Gi"));
        assert_eq!(taken(Some("7Gi"), &range), None);
        let values = json!({"validValues": ["1Gi", "4Gi"]});
        assert_eq!(taken(Some("2Gi"), &values).as_deref(), Some("4Gi"));
        assert_eq!(taken(Some("5Gi"), &values), None);
        assert_eq!(taken(Some("3Gi"), &json!(null)).as_deref(), Some("3Gi"));
    }
}
