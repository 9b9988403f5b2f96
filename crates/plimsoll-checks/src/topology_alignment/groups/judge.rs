//! What the places of a group's members say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::ground::Ground;
use crate::probe_pod::Ruling;

/// Who went where: nodes by member; members that wait are not among them.
pub(super) type Places = BTreeMap<String, String>;

/// Y6: all members of a group that wants one domain are in one.
pub(super) fn together(ground: &Ground, size: usize, places: &Places) -> Ruling {
    let Ground { key, .. } = ground;
    let found = domains(ground, places);
    let shown = shown(&found);
    match (places.len(), found.len()) {
        (_, 2..) => Ruling::Wrong(format!(
            "a group of {size} that must be within one {key} was placed in {shown}: the constraint was not honoured"
        )),
        (placed, 1) if placed == size => Ruling::Right(format!(
            "a group of {size} whose members would rather be apart, and that must be within one {key}, was placed in \
             {shown}"
        )),
        (placed, _) => Ruling::Undecided(format!(
            "{placed} of a group of {size} that must be within one {key} were placed"
        )),
    }
}

/// Y7: a group that no domain has room for waits as a whole. `freed` is where the same group went that may be anywhere.
pub(super) fn refused(ground: &Ground, size: usize, places: &Places, freed: &Places) -> Ruling {
    let Ground { key, .. } = ground;
    let what = format!(
        "a group of {size}, one on each node, that must be within one {key}, of which none has more than {} nodes",
        ground.too_many() - 1
    );
    let found = domains(ground, places);
    match (places.len(), found.len()) {
        (_, 2..) => Ruling::Wrong(format!(
            "{what}, was placed in {}: the constraint was not honoured",
            shown(&found)
        )),
        // That a group starts whole or not at all is another requirement's matter.
        (1.., _) => Ruling::Undecided(format!(
            "{what}, was placed in part: {} of {size} in {}; gang_scheduling decides that",
            places.len(),
            shown(&found)
        )),
        (0, _) if freed.len() == size => Ruling::Right(format!(
            "{what}, was refused whole; the same group was placed in {} when it could be anywhere",
            shown(&domains(ground, freed))
        )),
        (0, _) => Ruling::Undecided(format!(
            "{what}, waited, and so did the same group when it could be anywhere"
        )),
    }
}

/// The domains of those who were placed; a node without one counts as one of its own.
fn domains(ground: &Ground, places: &Places) -> BTreeSet<String> {
    places
        .values()
        .map(|node| match ground.domains.get(node) {
            Some(domain) => format!("`{domain}`"),
            None => format!("node `{node}`, which is in none,"),
        })
        .collect()
}

fn shown(domains: &BTreeSet<String>) -> String {
    Vec::from_iter(domains.iter().cloned()).join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground() -> Ground {
        let domains = [("a", "r1"), ("b", "r1"), ("c", "r2")];
        Ground {
            key: "rack".to_owned(),
            domains: domains
                .map(|(node, rack)| (node.to_owned(), rack.to_owned()))
                .into(),
        }
    }

    fn places(nodes: &[&str]) -> Places {
        (0..)
            .zip(nodes)
            .map(|(number, node)| (format!("g-{number}"), (*node).to_owned()))
            .collect()
    }

    #[test]
    fn a_group_is_in_one_domain_or_the_constraint_was_not_honoured() {
        let judge = |nodes| together(&ground(), 2, &places(nodes));
        assert!(judge(&["a", "b"]).is_right());
        assert!(judge(&["a", "c"]).is_wrong());
        assert!(judge(&["a", "nowhere"]).is_wrong());
        assert!(matches!(judge(&["a"]), Ruling::Undecided(_)));
        assert!(matches!(judge(&[]), Ruling::Undecided(_)));
    }

    #[test]
    fn what_is_too_big_waits_and_goes_when_it_may_be_anywhere() {
        let all = ["a", "b", "c"];
        let judge = |nodes, freed| refused(&ground(), 3, &places(nodes), &places(freed));
        assert!(judge(&[], &all).is_right());
        assert!(matches!(judge(&[], &[]), Ruling::Undecided(_)));
        let scattered = judge(&all, &[]);
        assert!(scattered.detail().contains("`r1` and `r2`"), "{scattered:?}");
        assert!(scattered.is_wrong());
        assert!(matches!(judge(&["a", "b"], &all), Ruling::Undecided(_)), "a part");
    }
}
