//! From what probes found to outcomes. A control is wrong only where something was reached that had not been
//! allocated; that an allocated device is missing is another requirement's matter and leaves it undecided.

use plimsoll_probe::{
    Transcript,
    protocol::{DeviceNode, DeviceNumber, Forged},
};
use plimsoll_vendors::Vendor;

use crate::probe_pod::{Holding, Promised, Ruling, holdings, shown, trespasses};

/// What a container that asked for one accelerator is expected to have.
pub(super) fn own(
    whose: &str,
    found: &Transcript,
    vendor: Option<&Vendor>,
    promised: Option<&[Promised]>,
) -> Ruling {
    let held = holdings(found, vendor);
    let one = match held.as_slice() {
        [] => {
            return Ruling::Undecided(format!(
                "{whose} asked for one accelerator, runs, and sees none, so there is nothing to protect"
            ));
        }
        [one] => one,
        many => {
            return Ruling::Wrong(format!(
                "{whose} asked for one accelerator and sees {}, more than it was allocated: {}",
                many.len(),
                list(many)
            ));
        }
    };
    if !one.node().is_open() {
        return Ruling::Undecided(format!(
            "{whose} was given {one} and can't open it{}",
            errno(one.node())
        ));
    }
    if let Some(other) = promised
        .unwrap_or_default()
        .iter()
        .find(|device| device.is_held_as(one) == Some(false))
    {
        return Ruling::Undecided(format!(
            "{whose} was allocated {other} and holds {one}: dra_support decides what a published device stands for"
        ));
    }
    Ruling::Right(format!(
        "{whose} asked for one accelerator, sees {one} alone, and opens it"
    ))
}

/// A container that was given nothing sees no accelerator.
pub(crate) fn clean(
    whose: &str,
    found: &Transcript,
    vendor: Option<&Vendor>,
    known: &[DeviceNumber],
) -> Ruling {
    if let Some(node) = trespasses(found, vendor, known).first() {
        let opens = if node.is_open() {
            "and opens it"
        } else {
            "though it doesn't open"
        };
        return Ruling::Wrong(format!(
            "{whose} was allocated no accelerator and sees {}{}, {opens}",
            shown(node),
            identity(node)
        ));
    }
    match &found.walked {
        None => Ruling::Undecided(format!("the probe in {whose} did not finish looking at /dev")),
        Some(walked) if walked.unread.is_empty() => Ruling::Right(format!(
            "{whose} sees no accelerator among {} device nodes",
            walked.nodes
        )),
        Some(walked) => {
            let unread: Vec<&str> = walked.unread.iter().map(|unread| unread.path.as_str()).collect();
            Ruling::Undecided(format!(
                "the probe in {whose} could not look into {}",
                unread.join(", ")
            ))
        }
    }
}

/// A container can't reach the devices by making their nodes. `leftover` says whose they are or were.
pub(crate) fn unreachable(
    whose: &str,
    found: &Transcript,
    numbers: &[DeviceNumber],
    leftover: &str,
) -> Ruling {
    if numbers.is_empty() {
        return Ruling::Undecided(format!(
            "there is no device that {whose} could have tried to reach"
        ));
    }
    Ruling::all(numbers.iter().map(|number| {
        found
            .forged
            .iter()
            .find(|forged| forged.number == *number)
            .map_or_else(
                || Ruling::Undecided(format!("the probe in {whose} did not try to reach {number}")),
                |forged| refused(whose, forged, leftover),
            )
    }))
}

fn refused(whose: &str, forged: &Forged, leftover: &str) -> Ruling {
    let number = forged.number;
    if forged.is_open() {
        let uuid = forged
            .identity
            .as_ref()
            .and_then(|identity| identity.uuid.as_deref());
        let uuid = uuid.map(|uuid| format!(" = {uuid}")).unwrap_or_default();
        return Ruling::Wrong(format!(
            "{whose} was not allocated {number}{uuid}, yet made its node with mknod and opened it: the device \
             cgroup does not keep out who forges a node of {leftover}"
        ));
    }
    if forged.is_denied_by_kernel() {
        return Ruling::Right(format!(
            "{whose} made a node of {number}, and the kernel did not let it open it"
        ));
    }
    let Some(opened) = &forged.opened else {
        let all_denied =
            !forged.attempts.is_empty() && forged.attempts.iter().all(|made| made.mknod.is_denied());
        return if all_denied {
            Ruling::Right(format!("{whose} may not make a node of {number}"))
        } else {
            Ruling::Undecided(format!("{whose} found no place to make a node of {number}"))
        };
    };
    Ruling::Undecided(format!(
        "{whose} made a node of {number} and could not open it, for a reason that says nothing of the device \
         cgroup: {}",
        opened.read_write
    ))
}

/// Two pods with one accelerator each have different ones.
pub(super) fn apart(
    (one, found_one): (&str, &Transcript),
    (two, found_two): (&str, &Transcript),
    vendor: Option<&Vendor>,
    promised: Option<(&[Promised], &[Promised])>,
) -> Ruling {
    let (ours, theirs) = (holdings(found_one, vendor), holdings(found_two, vendor));
    let common = ours
        .iter()
        .find(|mine| theirs.iter().any(|other| mine.is_same_hardware(other)));
    if let Some(common) = common {
        if let Some((first, second)) = promised
            && is_published_twice(first, second)
        {
            return Ruling::Undecided(format!(
                "{one} and {two} both hold {common}, because the driver publishes one piece of hardware as two \
                 devices: dra_support decides that"
            ));
        }
        return Ruling::Wrong(format!(
            "{one} and its neighbour {two} asked for one accelerator each, and both were given the same device, \
             {common}"
        ));
    }
    if ours.is_empty() || theirs.is_empty() {
        return Ruling::Undecided(format!("{one} and {two} do not both have a device to compare"));
    }
    Ruling::Right(format!(
        "{one} has {}, {two} on the same node has {}",
        list(&ours),
        list(&theirs)
    ))
}

/// Whether the API itself says of two devices that they are the same hardware.
fn is_published_twice(first: &[Promised], second: &[Promised]) -> bool {
    first.iter().any(|one| {
        second
            .iter()
            .any(|two| one != two && !one.identities.is_disjoint(&two.identities))
    })
}

/// A container has after its restart what it had before.
pub(super) fn same_again(
    whose: &str,
    before: &Transcript,
    after: &Transcript,
    vendor: Option<&Vendor>,
) -> Ruling {
    let (had, has) = (holdings(before, vendor), holdings(after, vendor));
    if had.is_empty() || has.is_empty() {
        let when = if had.is_empty() { "before" } else { "after" };
        return Ruling::Undecided(format!("{whose} sees no accelerator {when} its restart"));
    }
    let new = has
        .iter()
        .find(|now| !had.iter().any(|then| then.is_same_hardware(now)));
    if let Some(new) = new {
        return Ruling::Wrong(format!(
            "{whose} held {} before its restart and holds {new} as well or instead after it",
            list(&had)
        ));
    }
    Ruling::Right(format!("{whose} holds {} again after its restart", list(&has)))
}

fn list(held: &[Holding<'_>]) -> String {
    held.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

fn identity(node: &DeviceNode) -> String {
    node.uuid().map(|uuid| format!(" = {uuid}")).unwrap_or_default()
}

fn errno(node: &DeviceNode) -> String {
    node.opened
        .as_ref()
        .map(|opened| format!(": {}", opened.read_write))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{
        Access, Errno, ForgeAttempt, Identity, IdentitySource, NodeKind, Opened, Unread, Walked,
    };

    use super::*;

    fn nvidia() -> Option<&'static Vendor> {
        Vendor::by_id("nvidia").ok()
    }

    fn number(minor: u32) -> DeviceNumber {
        DeviceNumber {
            kind: NodeKind::Block,
            major: 7,
            minor,
        }
    }

    fn identity(minor: u32) -> Option<Identity> {
        Some(Identity {
            uuid: Some(format!("U{minor}")),
            ..Identity::unknown(IdentitySource::Header)
        })
    }

    fn opened(access: &Access) -> Opened {
        Opened {
            read_write: access.clone(),
            read_only: access.clone(),
        }
    }

    fn denied() -> Access {
        Access::Refused(Errno::named("EPERM"))
    }

    /// A container that sees these devices, and nothing else.
    fn sees(minors: &[u32], access: &Access) -> Transcript {
        let node = |minor: &u32| DeviceNode {
            path: format!("/dev/nvidia{minor}"),
            number: number(*minor),
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(opened(access)),
            identity: identity(*minor),
        };
        let walked = Walked {
            roots: vec!["/dev".to_owned()],
            nodes: 7,
            unread: Vec::new(),
        };
        Transcript {
            nodes: minors.iter().map(node).collect(),
            walked: Some(walked),
            ..Transcript::default()
        }
    }

    fn holds(minors: &[u32]) -> Transcript {
        sees(minors, &Access::Granted)
    }

    /// A container that tried to reach the device.
    fn forges(minor: u32, mknod: Access, opened_as: Option<&Access>) -> Transcript {
        let attempt = ForgeAttempt {
            folder: "/dev".to_owned(),
            devices_allowed: Some(true),
            mknod,
        };
        let forged = Forged {
            number: number(minor),
            attempts: vec![attempt],
            opened: opened_as.map(opened),
            identity: None,
        };
        Transcript {
            forged: vec![forged],
            ..holds(&[])
        }
    }

    fn promised(device: &str, uuid: &str) -> Promised {
        Promised {
            pool: "n".to_owned(),
            device: device.to_owned(),
            identities: [uuid.to_owned()].into(),
        }
    }

    fn is_undecided(ruling: &Ruling) -> bool {
        matches!(ruling, Ruling::Undecided(_))
    }

    #[test]
    fn one_device_that_opens_is_its_own() {
        assert!(own("p", &holds(&[0]), nvidia(), None).is_right());
        assert!(own("p", &holds(&[0]), nvidia(), Some(&[promised("gpu-0", "U0")])).is_right());
    }

    #[test]
    fn more_than_asked_for_is_wrong() {
        let ruling = own("p", &holds(&[0, 1]), nvidia(), None);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("more than"),
            "{ruling:?}"
        );
    }

    #[test]
    fn an_allocated_device_that_is_missing_closed_or_another_blames_nobody_here() {
        assert!(is_undecided(&own("p", &holds(&[]), nvidia(), None)));
        assert!(is_undecided(&own("p", &sees(&[0], &denied()), nvidia(), None)));
        assert!(is_undecided(&own(
            "p",
            &holds(&[0]),
            nvidia(),
            Some(&[promised("gpu-1", "U1")])
        )));
    }

    #[test]
    fn who_was_allocated_nothing_sees_nothing_not_even_a_closed_node() {
        assert!(clean("p", &holds(&[]), nvidia(), &[]).is_right());
        assert!(clean("p", &holds(&[0]), nvidia(), &[]).is_wrong());
        assert!(clean("p", &sees(&[0], &denied()), nvidia(), &[]).is_wrong());
    }

    #[test]
    fn a_renamed_device_is_seen_by_its_number() {
        let mut renamed = holds(&[1]);
        renamed.nodes[0].path = "/dev/zero2".to_owned();
        assert!(clean("p", &renamed, nvidia(), &[]).is_right());
        assert!(clean("p", &renamed, nvidia(), &[number(0)]).is_wrong());
    }

    #[test]
    fn a_look_that_was_not_finished_proves_no_absence() {
        assert!(is_undecided(&clean("p", &Transcript::default(), nvidia(), &[])));
        let mut blind = holds(&[]);
        let unread = Unread {
            path: "/dev/dri".to_owned(),
            reason: "EACCES".to_owned(),
        };
        blind.walked.as_mut().unwrap().unread.push(unread);
        assert!(is_undecided(&clean("p", &blind, nvidia(), &[])));
    }

    #[test]
    fn a_forged_node_that_opens_is_wrong() {
        let found = forges(0, Access::Granted, Some(&Access::Granted));
        assert!(unreachable("p", &found, &[number(0)], "another").is_wrong());
    }

    #[test]
    fn a_node_that_cannot_be_opened_or_made_is_right() {
        for found in [
            forges(0, Access::Granted, Some(&denied())),
            forges(0, denied(), None),
        ] {
            assert!(
                unreachable("p", &found, &[number(0)], "another").is_right(),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_was_not_tried_or_failed_otherwise_proves_nothing() {
        let busy = Access::Refused(Errno::named("ENXIO"));
        let full = Access::Refused(Errno::named("ENOSPC"));
        assert!(is_undecided(&unreachable("p", &holds(&[]), &[], "another")));
        assert!(is_undecided(&unreachable(
            "p",
            &holds(&[]),
            &[number(0)],
            "another"
        )));
        for found in [forges(0, Access::Granted, Some(&busy)), forges(0, full, None)] {
            assert!(
                is_undecided(&unreachable("p", &found, &[number(0)], "another")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn neighbours_with_one_device_are_wrong_and_with_two_are_right() {
        let (one, two) = (holds(&[0]), holds(&[1]));
        assert!(apart(("a", &one), ("b", &two), nvidia(), None).is_right());
        assert!(apart(("a", &one), ("b", &one), nvidia(), None).is_wrong());
    }

    #[test]
    fn neighbours_without_a_device_prove_nothing() {
        assert!(is_undecided(&apart(
            ("a", &holds(&[])),
            ("b", &holds(&[0])),
            nvidia(),
            None
        )));
        assert!(is_undecided(&apart(
            ("a", &holds(&[])),
            ("b", &holds(&[])),
            nvidia(),
            None
        )));
    }

    #[test]
    fn hardware_that_is_published_twice_is_not_the_isolations_fault() {
        let same = holds(&[0]);
        let (gpu, twin, other) = (
            promised("gpu-0", "U0"),
            promised("twin", "U0"),
            promised("gpu-1", "U1"),
        );
        let judge = |a: &Promised, b: &Promised| {
            let pair = (std::slice::from_ref(a), std::slice::from_ref(b));
            apart(("a", &same), ("b", &same), nvidia(), Some(pair))
        };
        assert!(is_undecided(&judge(&gpu, &twin)));
        assert!(judge(&gpu, &other).is_wrong());
    }

    #[test]
    fn a_restarted_container_has_what_it_had_and_no_more() {
        assert!(same_again("c", &holds(&[0]), &holds(&[0]), nvidia()).is_right());
        assert!(same_again("c", &holds(&[0]), &holds(&[1]), nvidia()).is_wrong());
        assert!(same_again("c", &holds(&[0]), &holds(&[0, 1]), nvidia()).is_wrong());
        assert!(is_undecided(&same_again(
            "c",
            &holds(&[0]),
            &holds(&[]),
            nvidia()
        )));
        assert!(is_undecided(&same_again("c", &holds(&[]), &holds(&[]), nvidia())));
    }
}
