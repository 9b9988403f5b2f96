//! From what probes found to outcomes.

use std::collections::BTreeSet;

use plimsoll_platform::WaitError;
use plimsoll_probe::{
    Transcript,
    protocol::{Access, DeviceNode, DeviceNumber},
};
use plimsoll_vendors::Vendor;

use crate::parts::{gib, parent_of, size};
use crate::probe_pod::{Holding, Member, Ruling, chain, holdings, shown, trespasses};

/// A pod with a share, and what it found or why it told nothing.
pub(super) struct Sharer<'a> {
    pub(super) pod: String,
    pub(super) found: Result<&'a Transcript, &'a WaitError>,
}

impl<'a> Sharer<'a> {
    /// That pod.
    pub(super) fn of(member: &'a Member) -> Self {
        Self {
            pod: member.pod.name(),
            found: member.heard.as_ref().map(|heard| &heard.found),
        }
    }

    fn held(&self, vendor: Option<&Vendor>) -> Vec<Holding<'a>> {
        self.found
            .map(|found| holdings(found, vendor))
            .unwrap_or_default()
    }
}

/// H1: all of them run at the same time and can use what they have. `running` is how many ran after the last had been
/// heard.
pub(super) fn together(
    place: &str,
    sharers: &[Sharer<'_>],
    running: usize,
    vendor: Option<&Vendor>,
) -> Ruling {
    let count = sharers.len();
    let failed: Vec<(&Sharer<'_>, &WaitError)> = sharers
        .iter()
        .filter_map(|sharer| Some((sharer, sharer.found.err()?)))
        .collect();
    if let Some((_, error)) = failed.iter().find(|(_, error)| !error.blames_platform()) {
        return Ruling::Undecided(format!(
            "not every pod with a share of {place} was heard: {}",
            chain(*error)
        ));
    }
    if let Some((sharer, error)) = failed.first() {
        return Ruling::Wrong(format!(
            "of {count} pods with one share of {place} each, {} don't run while the others do; pod `{}`: {}",
            failed.len(),
            sharer.pod,
            chain(*error)
        ));
    }
    for sharer in sharers {
        let held = sharer.held(vendor);
        let Some(device) = held.first() else {
            return Ruling::Undecided(format!(
                "pod `{}` was given a share of {place} and sees no device: device_plugin_discovery decides that",
                sharer.pod
            ));
        };
        if let Some(error) = refused(device.node()) {
            let detail = format!(
                "pod `{}` has a share of {device} and can't open it: {error}",
                sharer.pod
            );
            return if error == "EBUSY" {
                Ruling::Wrong(format!(
                    "{detail}: the device lets one in at a time, so pods with shares take turns"
                ))
            } else {
                Ruling::Undecided(detail)
            };
        }
    }
    if running < count {
        return Ruling::Wrong(format!(
            "{count} pods with one share of {place} each were started, but only {running} of them run at the same time"
        ));
    }
    Ruling::Right(format!(
        "{count} pods with one share of {place} each run at the same time, and each opens its device"
    ))
}

/// H2: at least two are on the same device. `is_crowded` says that there are more of them than devices.
pub(super) fn same_metal(
    place: &str,
    sharers: &[Sharer<'_>],
    is_crowded: bool,
    vendor: Option<&Vendor>,
) -> Ruling {
    let mut devices: Vec<(Holding<'_>, Vec<&str>)> = Vec::new();
    for sharer in sharers {
        for held in sharer.held(vendor) {
            match devices
                .iter_mut()
                .find(|(known, _)| known.is_same_hardware(&held))
            {
                Some((_, pods)) => pods.push(&sharer.pod),
                None => devices.push((held, vec![&sharer.pod])),
            }
        }
    }
    if devices.is_empty() {
        return Ruling::Undecided(format!("no pod with a share of {place} sees a device to compare"));
    }
    match devices.iter().max_by_key(|(_, pods)| pods.len()) {
        Some((device, pods)) if pods.len() > 1 => Ruling::Right(format!(
            "{} pods share {device}; {} pods are on {} devices in all",
            pods.len(),
            sharers.len(),
            devices.len()
        )),
        Some(_) if is_crowded => Ruling::Wrong(format!(
            "{} pods with one share of {place} each hold {} different devices: nothing is shared",
            sharers.len(),
            devices.len()
        )),
        Some(_) | None => Ruling::Undecided(format!(
            "{} shares of {place} were free, and none of them is of the same device as another",
            sharers.len()
        )),
    }
}

/// A pod with a share of a device's capacity.
pub(super) struct Portion<'a> {
    pub(super) sharer: &'a Sharer<'a>,
    /// How much its claim says that it was allocated.
    pub(super) allocated: Option<u64>,
}

/// H2, of capacity: all are on the device that their claims select, in whole or in part.
pub(super) fn of_one(place: &str, sharers: &[Sharer<'_>], vendor: Option<&Vendor>) -> Ruling {
    let whole = |held: &Holding<'_>| -> BTreeSet<String> {
        let parents = held.nodes.iter().filter_map(|node| parent_of(node));
        let parents: BTreeSet<String> = parents.map(str::to_owned).collect();
        if parents.is_empty() {
            held.identities().into_iter().map(str::to_owned).collect()
        } else {
            parents
        }
    };
    let held: Vec<BTreeSet<String>> = sharers
        .iter()
        .map(|sharer| sharer.held(vendor).iter().flat_map(whole).collect())
        .collect();
    if held.len() < 2 || held.iter().any(BTreeSet::is_empty) {
        return Ruling::Undecided(format!(
            "not every pod with a share of {place} says which device it is on"
        ));
    }
    match held.iter().find(|own| own.is_disjoint(&held[0])) {
        None => Ruling::Right(format!("{} pods have shares of one device, {place}", held.len())),
        Some(_) => Ruling::Undecided(format!(
            "pods that were allocated shares of one device, {place}, are on different ones: dra_support decides that"
        )),
    }
}

/// H5: each pod sees as much as its claim was allocated, and all of them no more than there is. What a device of many
/// nodes has is what they have together.
pub(super) fn fractions(
    place: &str,
    portions: &[Portion<'_>],
    whole: u64,
    vendor: Option<&Vendor>,
) -> Ruling {
    let mut seen = 0u64;
    for Portion { sharer, allocated } in portions {
        let pod = &sharer.pod;
        let Some(allocated) = *allocated else {
            return Ruling::Undecided(format!(
                "the claim of pod `{pod}` does not say how much of {place} it was allocated"
            ));
        };
        let sizes: Vec<u64> = sharer
            .held(vendor)
            .iter()
            .filter_map(|held| size(held.node()))
            .collect();
        if sizes.is_empty() {
            return Ruling::Undecided(format!(
                "pod `{pod}` was allocated {} of {place}, and nothing in it tells how much it has",
                gib(allocated)
            ));
        }
        let sees: u64 = sizes.iter().sum();
        if sees.abs_diff(allocated) > allocated / 10 {
            let what = if sees.abs_diff(whole) <= whole / 10 {
                ": it has the whole device"
            } else {
                ""
            };
            return Ruling::Wrong(format!(
                "pod `{pod}` was allocated {} of {place} and sees {}{what}",
                gib(allocated),
                gib(sees)
            ));
        }
        seen += sees;
    }
    if seen > whole {
        return Ruling::Wrong(format!(
            "pods with shares of {place} see {} together, and it has {}",
            gib(seen),
            gib(whole)
        ));
    }
    Ruling::Right(format!(
        "{} pods see as much as they were allocated, give or take a tenth: {} of the {} of {place}",
        portions.len(),
        gib(seen),
        gib(whole)
    ))
}

/// H3, of claims: a pod that is not in on it reaches nothing. One that does says nothing of sharing: then the device is
/// everybody's.
pub(super) fn stays_out(
    place: &str,
    outsider: &Sharer<'_>,
    sharers: &[Sharer<'_>],
    vendor: Option<&Vendor>,
) -> Ruling {
    let pod = &outsider.pod;
    let found = match outsider.found {
        Ok(found) => found,
        Err(error) => {
            return Ruling::Undecided(format!(
                "pod `{pod}`, which asks for nothing, told nothing: {}",
                chain(error)
            ));
        }
    };
    let shared: Vec<Holding<'_>> = sharers.iter().flat_map(|sharer| sharer.held(vendor)).collect();
    let known: Vec<DeviceNumber> = shared
        .iter()
        .flat_map(|held| held.nodes.iter().map(|node| node.number))
        .collect();
    match trespasses(found, vendor, &known).first() {
        Some(node) => Ruling::Undecided(format!(
            "pod `{pod}` has no part in {place} and finds {} all the same: secure_accelerator_access decides that",
            shown(node)
        )),
        None => Ruling::Right(format!(
            "pod `{pod}`, which has no part in {place}, finds no device"
        )),
    }
}

/// H4: who has a device whole has none of which others hold shares.
pub(super) fn apart(
    place: &str,
    sharers: &[Sharer<'_>],
    (whole_pod, whole): (&str, &Transcript),
    vendor: Option<&Vendor>,
) -> Ruling {
    let whole = holdings(whole, vendor);
    let shared = sharers.iter().find_map(|sharer| {
        let held = sharer.held(vendor);
        let common = whole
            .iter()
            .find(|mine| held.iter().any(|theirs| mine.is_same_hardware(theirs)))?;
        Some((common.to_string(), sharer.pod.as_str()))
    });
    match shared {
        Some((device, sharer)) => Ruling::Wrong(format!(
            "pod `{whole_pod}` was given {device} whole while pod `{sharer}` holds a share of it ({place}): shares and \
             whole devices of the same hardware are mixed"
        )),
        None if whole.is_empty() => Ruling::Undecided(format!(
            "pod `{whole_pod}` asked for a whole device and sees none"
        )),
        None => Ruling::Right(format!(
            "pod `{whole_pod}` was given a whole device beside {} pods with shares, and it is another",
            sharers.len()
        )),
    }
}

/// Why a device could not be opened.
fn refused(node: &DeviceNode) -> Option<&str> {
    if node.is_open() {
        return None;
    }
    match node.opened.as_ref().map(|opened| &opened.read_write) {
        Some(Access::Refused(errno)) => Some(errno.as_str()),
        Some(Access::Granted | Access::NotTried) | None => Some("it was not tried"),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{Errno, Identity, IdentitySource, NodeKind, Opened};

    use super::*;

    fn nvidia() -> Option<&'static Vendor> {
        Vendor::by_id("nvidia").ok()
    }

    fn sees(minor: u32, access: Access) -> Transcript {
        let node = DeviceNode {
            path: format!("/dev/nvidia{minor}"),
            number: DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor,
            },
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(Opened {
                read_write: access.clone(),
                read_only: access,
            }),
            identity: Some(Identity {
                uuid: Some(format!("U{minor}")),
                ..Identity::unknown(IdentitySource::Header)
            }),
        };
        Transcript {
            nodes: vec![node],
            ..Transcript::default()
        }
    }

    fn on(minors: &[u32]) -> Vec<Result<Transcript, WaitError>> {
        minors
            .iter()
            .map(|minor| Ok(sees(*minor, Access::Granted)))
            .collect()
    }

    fn sharers(found: &[Result<Transcript, WaitError>]) -> Vec<Sharer<'_>> {
        found
            .iter()
            .enumerate()
            .map(|(index, found)| Sharer {
                pod: format!("s{index}"),
                found: found.as_ref(),
            })
            .collect()
    }

    #[test]
    fn who_does_not_run_beside_the_others_does_not_share() {
        let found = on(&[0, 0]);
        assert!(together("x", &sharers(&found), 2, nvidia()).is_right());
        assert!(together("x", &sharers(&found), 1, nvidia()).is_wrong());
        let waiting = [
            Ok(sees(0, Access::Granted)),
            Err(WaitError::Never("UnexpectedAdmissionError".to_owned())),
        ];
        assert!(together("x", &sharers(&waiting), 1, nvidia()).is_wrong());
        let policy = [Err(WaitError::Obstructed("quota".to_owned()))];
        assert!(matches!(
            together("x", &sharers(&policy), 0, nvidia()),
            Ruling::Undecided(_)
        ));
    }

    #[test]
    fn a_device_that_lets_one_in_at_a_time_is_not_shared() {
        let busy = |errno| {
            let found = [
                Ok(sees(0, Access::Granted)),
                Ok(sees(0, Access::Refused(Errno::named(errno)))),
            ];
            together("x", &sharers(&found), 2, nvidia())
        };
        assert!(busy("EBUSY").is_wrong());
        assert!(matches!(busy("EPERM"), Ruling::Undecided(_)));
        let nothing = [Ok(Transcript::default())];
        assert!(matches!(
            together("x", &sharers(&nothing), 1, nvidia()),
            Ruling::Undecided(_)
        ));
    }

    #[test]
    fn two_on_one_device_share_it() {
        let judge = |minors: &[u32], is_crowded| {
            let found = on(minors);
            same_metal("x", &sharers(&found), is_crowded, nvidia())
        };
        assert!(judge(&[0, 1, 0], true).is_right());
        assert!(judge(&[0, 1], true).is_wrong());
        assert!(matches!(judge(&[0, 1], false), Ruling::Undecided(_)));
        assert!(matches!(judge(&[], true), Ruling::Undecided(_)));
    }

    #[test]
    fn who_is_not_in_on_a_claim_reaches_nothing_or_sharing_is_not_proven() {
        let sharing = on(&[0, 0]);
        let judge = |outsider: Result<Transcript, WaitError>| {
            let outsider = [outsider];
            stays_out("x", &sharers(&outsider)[0], &sharers(&sharing), nvidia())
        };
        assert!(judge(Ok(Transcript::default())).is_right());
        assert!(matches!(
            judge(Ok(sees(0, Access::Granted))),
            Ruling::Undecided(_)
        ));
        assert!(matches!(
            judge(Err(WaitError::Never("x".to_owned()))),
            Ruling::Undecided(_)
        ));
    }

    #[test]
    fn a_whole_device_is_another_than_those_that_are_shared() {
        let found = on(&[0, 0]);
        let judge = |whole: &Transcript| apart("x", &sharers(&found), ("w", whole), nvidia());
        assert!(judge(&sees(1, Access::Granted)).is_right());
        assert!(judge(&sees(0, Access::Granted)).is_wrong());
        assert!(matches!(judge(&Transcript::default()), Ruling::Undecided(_)));
    }

    /// Pods that have a share of device `U` each, of so many gigabytes.
    fn shares(sizes: &[Option<u64>]) -> Vec<Result<Transcript, WaitError>> {
        let share = |(minor, size): (u32, &Option<u64>)| {
            let mut found = sees(minor, Access::Granted);
            if let Some(identity) = &mut found.nodes[0].identity {
                identity.parent = Some("U".to_owned());
                identity.memory_bytes = size.map(|gigabytes| gigabytes << 30);
            }
            Ok(found)
        };
        (0..).zip(sizes).map(share).collect()
    }

    #[test]
    fn a_share_is_as_large_as_it_was_allocated() {
        let judge = |sizes: &[Option<u64>], allocated: Option<u64>| {
            let found = shares(sizes);
            let sharers = sharers(&found);
            let portions: Vec<Portion<'_>> = sharers
                .iter()
                .map(|sharer| Portion {
                    sharer,
                    allocated: allocated.map(|gigabytes| gigabytes << 30),
                })
                .collect();
            fractions("x", &portions, 80 << 30, nvidia())
        };
        assert!(judge(&[Some(40), Some(40)], Some(40)).is_right());
        let whole = judge(&[Some(40), Some(80)], Some(40));
        assert!(
            whole.is_wrong() && whole.detail().contains("whole device"),
            "{whole:?}"
        );
        assert!(
            judge(&[Some(20), Some(40)], Some(40)).is_wrong(),
            "less is no share either"
        );
        assert!(
            judge(&[Some(30), Some(30), Some(30)], Some(30)).is_wrong(),
            "more than there is"
        );
        for gap in [judge(&[None], Some(40)), judge(&[Some(40)], None)] {
            assert!(matches!(gap, Ruling::Undecided(_)), "{gap:?}");
        }
    }

    #[test]
    fn shares_are_of_the_device_that_they_name() {
        let found = shares(&[Some(1), Some(1)]);
        assert!(of_one("x", &sharers(&found), nvidia()).is_right());
        let whole = on(&[0, 0]);
        assert!(of_one("x", &sharers(&whole), nvidia()).is_right());
        for other in [on(&[0, 1]), on(&[0])] {
            let ruling = of_one("x", &sharers(&other), nvidia());
            assert!(matches!(ruling, Ruling::Undecided(_)), "{ruling:?}");
        }
    }
}
