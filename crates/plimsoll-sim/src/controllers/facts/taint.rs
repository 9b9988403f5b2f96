//! Taints, and who bears them.

use serde_json::Value;
use std::time::Duration;

use super::meta::items;

/// Whether a toleration bears a taint.
pub(crate) fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let effect = text(&toleration["effect"]);
    if !effect.is_empty() && effect != text(&taint["effect"]) {
        return false;
    }
    let key = text(&toleration["key"]);
    if !key.is_empty() && key != text(&taint["key"]) {
        return false;
    }
    let (own, theirs) = (text(&toleration["value"]), text(&taint["value"]));
    let number = |text: &str| text.parse::<i64>().ok();
    match toleration["operator"].as_str() {
        Some("Exists") => true,
        Some("Lt") => number(&theirs)
            .zip(number(&own))
            .is_some_and(|(theirs, own)| theirs < own),
        Some("Gt") => number(&theirs)
            .zip(number(&own))
            .is_some_and(|(theirs, own)| theirs > own),
        _ => !key.is_empty() && own == theirs,
    }
}

/// The taints of a node with one of those effects.
pub(crate) fn of<'a>(node: &'a Value, effects: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    items(&node["spec"]["taints"]).iter().filter(move |taint| {
        taint["effect"]
            .as_str()
            .is_some_and(|effect| effects.contains(&effect))
    })
}

/// How long a pod may stay where there are such taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// For good.
    Forever,
    /// For so long.
    For(Duration),
}

/// How long a pod with these tolerations bears these taints: the shortest time of the tolerations that it needs.
pub(crate) fn stay<'a>(tolerations: &Value, taints: impl IntoIterator<Item = &'a Value>) -> Stay {
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let bearing: Vec<&Value> = items(tolerations)
            .iter()
            .filter(|toleration| tolerates(toleration, taint))
            .collect();
        if bearing.is_empty() {
            return Stay::For(Duration::ZERO);
        }
        for seconds in bearing
            .iter()
            .filter_map(|toleration| toleration["tolerationSeconds"].as_i64())
        {
            shortest = Some(shortest.map_or(seconds, |shortest| shortest.min(seconds)));
        }
    }
    match shortest {
        None => Stay::Forever,
        Some(seconds) => Stay::For(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shortest_toleration_that_is_needed_counts() {
        let lost = json!({"key": "lost", "effect": "NoExecute"});
        let sick = json!({"key": "sick", "value": "x", "effect": "NoExecute"});
        let tolerations = json!([
            {"key": "lost", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "sick", "value": "x", "tolerationSeconds": 20},
        ]);
        let after = |seconds| Stay::For(Duration::from_secs(seconds));
        assert_eq!(stay(&tolerations, [&lost]), after(300));
        assert_eq!(stay(&tolerations, [&lost, &sick]), after(20));
        assert_eq!(stay(&json!([]), [&lost]), after(0));
        assert_eq!(
            stay(&json!([{"operator": "Exists"}]), [&lost, &sick]),
            Stay::Forever
        );
    }
}
