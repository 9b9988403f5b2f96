//! From what probes found to outcomes.
//!
//! R1 asks who the partitions are, R2 how large, R3 who else can be reached. A pod that holds the whole device in place of
//! its partition is R2's matter, one that sees more than its own R3's.

use std::collections::BTreeMap;

use plimsoll_probe::protocol::DeviceNumber;
use plimsoll_vendors::{Vendor, memory_of_profile};

use crate::{
    parts::{Held, Offer, Sight, gib, ids, parent_of, size},
    probe_pod::{Ruling, shown},
    secure_accelerator_access::judge::unreachable,
};

/// R1: every pod holds the partition that it was given, and no two hold the same.
pub(super) fn distinct(held: &[Held], offer: &Offer) -> Ruling {
    let sights: Vec<(&Held, Sight<'_>)> = held.iter().map(|held| (held, held.sight(offer))).collect();
    let mut rulings: Vec<Ruling> = sights
        .iter()
        .map(|(held, sight)| given(held, sight, offer.vendor))
        .collect();
    for (at, (one, mine)) in sights.iter().enumerate() {
        for (other, theirs) in &sights[at + 1..] {
            rulings.extend(same(one, mine, other, theirs));
        }
    }
    Ruling::all(rulings).in_short(|| {
        format!(
            "{} partitions of node `{}` were held at once, each by a pod of its own: {}",
            held.len(),
            offer.node,
            held.iter()
                .map(|held| held.unit.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        )
    })
}

fn given(held: &Held, sight: &Sight<'_>, vendor: Option<&Vendor>) -> Ruling {
    let whose = held.whose();
    if let Some(own) = sight.own {
        if !own.is_open() {
            return Ruling::Wrong(format!("{whose} can't open its partition {}", shown(own)));
        }
        let (stated, found) = (held.unit.parent(), parent_of(own));
        if let (Some(stated), Some(found)) = (stated, found)
            && stated != found
        {
            return Ruling::Wrong(format!(
                "{whose} holds {}, a partition of device {found}, and it is published as one of {stated}",
                shown(own)
            ));
        }
        return Ruling::Right(format!("{whose} holds {}", shown(own)));
    }
    if sight.holds_whole(vendor) {
        return Ruling::Undecided(format!("{whose} holds the whole device: R2 decides"));
    }
    if let Some(other) = sight.foreign.first() {
        return Ruling::Wrong(format!("{whose} was given another partition: {}", shown(other)));
    }
    if !sight.unknown.is_empty() || !sight.capabilities.is_empty() {
        return Ruling::Right(format!("{whose} holds what does not say which partition it is"));
    }
    Ruling::Wrong(format!("{whose} runs and sees no partition"))
}

/// Two pods with one partition; nothing where they differ.
fn same(one: &Held, mine: &Sight<'_>, other: &Held, theirs: &Sight<'_>) -> Option<Ruling> {
    let common = match (mine.own, theirs.own) {
        (Some(a), Some(b)) => (!ids(a).is_disjoint(&ids(b)) || a.number == b.number).then_some(a),
        // What does not say who it is can be told by its number; what partitions share is no sign.
        (None, None) => {
            let numbers: Vec<DeviceNumber> = theirs.unknown.iter().map(|node| node.number).collect();
            let known = mine.unknown.iter().filter(|node| numbers.contains(&node.number));
            let all = mine.unknown.len() == known.clone().count() && mine.unknown.len() == numbers.len();
            known.copied().next().filter(|_| all)
        }
        (Some(_), None) | (None, Some(_)) => None,
    }?;
    Some(Ruling::Wrong(format!(
        "{} and {} hold the same partition, {}",
        one.whose(),
        other.whose(),
        shown(common)
    )))
}

/// R2: each partition is as large as its profile and its driver say.
pub(super) fn sizes(held: &[Held], offer: &Offer) -> Ruling {
    Ruling::all(held.iter().map(|held| as_large_as_stated(held, offer))).in_short(|| {
        format!(
            "{} partitions are as large as their profiles say, give or take a tenth",
            held.len()
        )
    })
}

fn as_large_as_stated(held: &Held, offer: &Offer) -> Ruling {
    let whose = held.whose();
    let sight = held.sight(offer);
    let profile = held.unit.profile.as_deref();
    if sight.holds_whole(offer.vendor) {
        let whole = sight.whole.first().map(|node| {
            let bytes = size(node)
                .map(|bytes| format!(" of {}", gib(bytes)))
                .unwrap_or_default();
            format!("{}{bytes}", shown(node))
        });
        return Ruling::Wrong(format!(
            "{whose} holds the whole device {}: it is not partitioned",
            whole.unwrap_or_default()
        ));
    }
    let Some(found) = sight.own.and_then(size) else {
        return Ruling::Undecided(format!(
            "{whose} holds a partition that does not say how large it is"
        ));
    };
    let by_profile = profile.and_then(memory_of_profile);
    let stated = held.unit.published.as_ref().and_then(|device| device.memory);
    if let (Some(due), Some(profile)) = (&by_profile, profile)
        && !due.contains(&found)
    {
        return Ruling::Wrong(format!(
            "{whose} holds {}, and profile `{profile}` stands for {} to {}",
            gib(found),
            gib(*due.start()),
            gib(*due.end())
        ));
    }
    if let Some(stated) = stated
        && !within_a_tenth(found, stated)
    {
        let profile = profile.unwrap_or("none");
        return Ruling::Wrong(format!(
            "{whose} holds {}, and its driver publishes {} for it (profile `{profile}`)",
            gib(found),
            gib(stated)
        ));
    }
    if by_profile.is_none() && stated.is_none() {
        return Ruling::Undecided(format!(
            "{whose} holds {}, and nobody says how large it should be",
            gib(found)
        ));
    }
    Ruling::Right(format!("{whose} holds {}", gib(found)))
}

fn within_a_tenth(found: u64, stated: u64) -> bool {
    found.abs_diff(stated) <= stated / 10
}

/// R3: nobody sees or opens what belongs to others. `known` are the numbers that each pod tried to reach.
pub(super) fn apart(held: &[Held], offer: &Offer) -> Ruling {
    let rulings = held.iter().map(|held| {
        let whose = held.whose();
        let sight = held.sight(offer);
        if sight.own.is_some()
            && let Some(foreign) = sight.foreign.first()
        {
            return Ruling::Wrong(format!(
                "{whose} sees {} of a sibling{}",
                shown(foreign),
                if foreign.is_open() {
                    ", a capability or partition that opens"
                } else {
                    ", though it doesn't open"
                }
            ));
        }
        let given = held.numbers(offer);
        let tried: Vec<DeviceNumber> = held
            .found
            .forged
            .iter()
            .map(|forged| forged.number)
            .filter(|number| !given.contains(number))
            .collect();
        if tried.is_empty() {
            return Ruling::Right(format!("{whose} sees nothing of the others"));
        }
        unreachable(
            &whose,
            &held.found,
            &tried,
            "a sibling's partition or capability, or of the whole device",
        )
    });
    let rulings: Vec<Ruling> = rulings.collect();
    let tried: usize = held.iter().map(|held| held.found.forged.len()).sum();
    if tried == 0 {
        return Ruling::all(rulings.into_iter().chain([Ruling::Undecided(
            "there was nothing that could have been tried to reach".to_owned(),
        )]));
    }
    Ruling::all(rulings).in_short(|| {
        format!(
            "{} pods see their own partition alone, and {tried} attempts to reach others' failed",
            held.len()
        )
    })
}

/// R5: what runs at once is no larger than the device. `sizes` are those of devices, by identity. `None` where no device
/// tells its size.
pub(super) fn fits(held: &[Held], offer: &Offer, measured: &BTreeMap<String, u64>) -> Option<Ruling> {
    let mut by_parent: BTreeMap<&str, Vec<(&Held, u64)>> = BTreeMap::new();
    for one in held {
        let sight = one.sight(offer);
        let size = sight.own.and_then(size);
        let size = size.or_else(|| one.unit.published.as_ref()?.memory);
        if let (Some(parent), Some(size)) = (one.unit.parent(), size)
            && !sight.holds_whole(offer.vendor)
        {
            by_parent.entry(parent).or_default().push((one, size));
        }
    }
    let rulings: Vec<Ruling> = by_parent
        .into_iter()
        .filter_map(|(parent, parts)| {
            let published = offer
                .wholes
                .iter()
                .filter_map(|whole| whole.published.as_ref())
                .find(|whole| whole.identities.contains(parent))
                .and_then(|whole| whole.memory);
            let has = measured.get(parent).copied().or(published)?;
            let sum: u64 = parts.iter().map(|(_, size)| size).sum();
            let count = parts.len();
            Some(if sum > has {
                Ruling::Wrong(format!(
                    "the {count} partitions of device {parent} that run at once have {} together, more than the {} that it \
                     can hold",
                    gib(sum),
                    gib(has)
                ))
            } else {
                Ruling::Right(format!(
                    "{count} partitions of device {parent} have {} of its {}",
                    gib(sum),
                    gib(has)
                ))
            })
        })
        .collect();
    (!rulings.is_empty()).then(|| Ruling::all(rulings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_or_less_is_as_stated() {
        assert!(within_a_tenth(109, 100) && within_a_tenth(90, 100));
        assert!(!within_a_tenth(111, 100) && !within_a_tenth(89, 100) && !within_a_tenth(1, 0));
    }

    #[test]
    fn nothing_held_proves_nothing() {
        let offer = Offer::empty();
        for ruling in [distinct(&[], &offer), sizes(&[], &offer), apart(&[], &offer)] {
            assert!(matches!(ruling, Ruling::Undecided(_)), "{ruling:?}");
        }
        assert_eq!(fits(&[], &offer, &BTreeMap::new()), None);
    }
}
