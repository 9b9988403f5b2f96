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
pub(super) fn clean(
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
pub(super) fn unreachable(
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
