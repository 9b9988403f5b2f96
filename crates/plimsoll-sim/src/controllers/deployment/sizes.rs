//! How large each ReplicaSet of a Deployment is to be.

use std::cmp::Reverse;

use plimsoll_apiserver::Object;
use serde_json::Value;

use super::super::facts::meta;

/// What a Deployment allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many pods it wants.
    pub(super) replicas: i64,
    /// How many more it allows meanwhile.
    pub(super) surge: i64,
    /// How many of them may be unavailable meanwhile.
    pub(super) unavailable: i64,
    rolling: bool,
}

impl Limits {
    pub(super) fn of(deployment: &Value) -> Self {
        let replicas = meta::number(&deployment["spec"]["replicas"], 1);
        let strategy = &deployment["spec"]["strategy"];
        let rolling = strategy["type"] != "Recreate";
        let (mut surge, mut unavailable) = (0, 0);
        if rolling {
            surge = share(&strategy["rollingUpdate"]["maxSurge"], replicas, Rounding::Up, 25);
            unavailable = share(
                &strategy["rollingUpdate"]["maxUnavailable"],
                replicas,
                Rounding::Down,
                25,
            );
            if surge == 0 && unavailable == 0 {
                unavailable = 1;
            }
        }
        Self {
            replicas,
            surge,
            unavailable: unavailable.min(replicas),
            rolling,
        }
    }

    /// With how many pods it is at its largest.
    pub(super) fn most(&self) -> i64 {
        self.replicas + self.surge
    }
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

/// A number, or a percentage of a whole.
fn share(value: &Value, whole: i64, rounding: Rounding, default_percent: i64) -> i64 {
    let percent = match value {
        Value::Number(number) => return number.as_i64().unwrap_or_default(),
        Value::String(text) => text.trim_end_matches('%').parse().unwrap_or(default_percent),
        _ => default_percent,
    };
    match rounding {
        Rounding::Up => (whole * percent + 99).div_euclid(100),
        Rounding::Down => (whole * percent).div_euclid(100),
    }
}

/// A new size for a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resize {
    /// The set's uid.
    pub(super) set: String,
    /// Its size to be.
    pub(super) to: i64,
}

impl Resize {
    /// A change of a set's size, if it is one.
    pub(super) fn of(set: &Value, to: i64) -> Option<Self> {
        (size(set) != to).then(|| Self::anyway(set, to))
    }

    /// The size, and with it what the set notes of the Deployment's size.
    fn anyway(set: &Value, to: i64) -> Self {
        Self {
            set: meta::uid(set).to_owned(),
            to,
        }
    }
}

fn size(set: &Value) -> i64 {
    meta::number(&set["spec"]["replicas"], 1)
}

fn available(set: &Value) -> i64 {
    meta::number(&set["status"]["availableReplicas"], 0)
}

/// The size of the new set, which has that size now, beside the old ones.
pub(super) fn of_new(limits: &Limits, now: i64, old: &[Object]) -> i64 {
    if !limits.rolling {
        return limits.replicas;
    }
    let all = now + old.iter().map(|set| size(set)).sum::<i64>();
    if all >= limits.most() {
        return now;
    }
    now + (limits.most() - all).min(limits.replicas - now)
}

/// Lets the new set grow as far as the surge allows, or shrink to the Deployment's size.
pub(super) fn grow_new(limits: &Limits, new: &Value, old: &[Object]) -> Vec<Resize> {
    let now = size(new);
    let to = if now > limits.replicas {
        limits.replicas
    } else {
        of_new(limits, now, old)
    };
    Resize::of(new, to).into_iter().collect()
}

/// Lets old sets shrink as far as availability allows: first by what isn't available anyway.
pub(super) fn shrink_old(limits: &Limits, new: Option<&Value>, old: &[Object]) -> Vec<Resize> {
    let mut sizes: Vec<(&Object, i64)> = old
        .iter()
        .map(|set| (set, size(set)))
        .filter(|(_, size)| *size > 0)
        .collect();
    if sizes.is_empty() {
        return Vec::new();
    }
    sizes.sort_by_key(|(set, _)| (meta::created(set), meta::name(set).to_owned()));
    let (new_size, new_available) = new.map_or((0, 0), |new| (size(new), available(new)));
    let at_least = limits.replicas - limits.unavailable;
    let all = new_size + sizes.iter().map(|(_, size)| size).sum::<i64>();
    let most = all - at_least - (new_size - new_available);
    if most <= 0 {
        return Vec::new();
    }
    let mut room = most;
    for (set, size) in &mut sizes {
        let by = (*size - available(set)).clamp(0, room);
        *size -= by;
        room -= by;
    }
    let mut spare = new_available + old.iter().map(|set| available(set)).sum::<i64>() - at_least;
    for (_, size) in &mut sizes {
        let by = (*size).min(spare).max(0);
        *size -= by;
        spare -= by;
    }
    sizes
        .into_iter()
        .filter_map(|(set, to)| Resize::of(set, to))
        .collect()
}

/// Empties all sets.
pub(super) fn to_nothing(old: &[Object]) -> Vec<Resize> {
    old.iter().filter_map(|set| Resize::of(set, 0)).collect()
}

/// Spreads a change of the Deployment's own size, without hastening or hindering a rollout that is under way.
pub(super) fn scale(limits: &Limits, new: Option<&Value>, old: &[Object]) -> Vec<Resize> {
    let mut all: Vec<&Value> = old.iter().map(|set| &**set).chain(new).collect();
    let active: Vec<&Value> = all.iter().copied().filter(|set| size(set) > 0).collect();
    match active.as_slice() {
        [] => {
            let latest = new.or_else(|| all.iter().copied().max_by_key(|set| meta::created(set)));
            return latest
                .and_then(|set| Resize::of(set, limits.replicas))
                .into_iter()
                .collect();
        }
        [only] => return Resize::of(only, limits.replicas).into_iter().collect(),
        [..] => {}
    }
    if let Some(new) = new
        && size(new) == limits.replicas
        && meta::number(&new["metadata"]["annotations"][super::revision::DESIRED], -1) == limits.replicas
        && available(new) == limits.replicas
    {
        return to_nothing(old);
    }
    if !limits.rolling {
        return Vec::new();
    }
    all = active;
    let total: i64 = all.iter().map(|set| size(set)).sum();
    let allowed = if limits.replicas > 0 { limits.most() } else { 0 };
    let to_add = allowed - total;
    if to_add > 0 {
        all.sort_by_key(|set| (Reverse(size(set)), Reverse(meta::created(set))));
    } else {
        all.sort_by_key(|set| (Reverse(size(set)), meta::created(set)));
    }
    let mut added = 0;
    let mut sizes: Vec<i64> = Vec::new();
    for set in &all {
        let by = if to_add == 0 {
            0
        } else {
            proportion(limits, set, to_add, added)
        };
        added += by;
        sizes.push(size(set) + by);
    }
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    all.iter()
        .zip(sizes)
        .map(|(set, to)| Resize::anyway(set, to))
        .collect()
}

/// A set's part of a change of size, from what it had of the Deployment's size before.
fn proportion(limits: &Limits, set: &Value, to_add: i64, added: i64) -> i64 {
    let own = size(set);
    if own == 0 || to_add == added {
        return 0;
    }
    let change = if limits.replicas == 0 {
        -own
    } else {
        let before = set["metadata"]["annotations"][super::revision::MOST]
            .as_str()
            .and_then(|most| most.parse::<i64>().ok())
            .filter(|most| *most > 0)
            .unwrap_or_else(|| limits.most());
        // Rounded half away from nothing.
        let doubled = 2 * own * limits.most();
        (doubled + before).div_euclid(2 * before) - own
    };
    let left = to_add - added;
    if to_add > 0 {
        change.min(left)
    } else {
        change.max(left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn set(name: &str, size: i64, available: i64) -> Object {
        Arc::new(json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": size}, "status": {"availableReplicas": available}}))
    }

    fn limits(replicas: i64, surge: i64, unavailable: i64) -> Limits {
        Limits {
            replicas,
            surge,
            unavailable,
            rolling: true,
        }
    }

    #[test]
    fn percentages_round_in_favour_of_availability() {
        let deployment = json!({"spec": {"replicas": 3, "strategy": {
            "type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}});
        assert_eq!(Limits::of(&deployment), limits(3, 1, 0));
        let none = json!({"spec": {"replicas": 3, "strategy": {
            "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}}});
        assert_eq!(Limits::of(&none), limits(3, 0, 1));
    }

    #[test]
    fn a_size_is_spread_in_proportion_over_a_rollout() {
        let mut new = (*set("new", 2, 2)).clone();
        new["metadata"]["annotations"] = json!({crate::controllers::deployment::revision::MOST: "10"});
        let mut old = (*set("old", 8, 8)).clone();
        old["metadata"]["annotations"] = new["metadata"]["annotations"].clone();
        let sizes = scale(&limits(20, 0, 0), Some(&new), &[Arc::new(old)]);
        let sizes: Vec<(&str, i64)> = sizes.iter().map(|size| (size.set.as_str(), size.to)).collect();
        assert_eq!(sizes, [("old", 16), ("new", 4)]);
    }

    proptest! {
        #[test]
        fn a_rollout_ends_without_ever_breaking_its_limits(
            replicas in 1..12_i64, surge in 0..4_i64, unavailable in 0..4_i64,
        ) {
            prop_assume!(surge + unavailable > 0);
            let limits = limits(replicas, surge, unavailable.min(replicas));
            prop_assume!(limits.surge + limits.unavailable > 0);
            let (mut new, mut old) = (0, replicas);
            for _ in 0..100 {
                let (new_set, old_set) = (set("new", new, new), set("old", old, old));
                new = grow_new(&limits, &new_set, std::slice::from_ref(&old_set)).first().map_or(new, |size| size.to);
                let grown = set("new", new, size(&new_set));
                old = shrink_old(&limits, Some(&grown), std::slice::from_ref(&old_set)).first().map_or(old, |size| size.to);
                prop_assert!(new + old <= limits.most());
                prop_assert!(available(&grown) + old >= replicas - limits.unavailable);
            }
            prop_assert_eq!((new, old), (replicas, 0));
        }
    }
}
