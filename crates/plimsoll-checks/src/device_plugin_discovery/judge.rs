//! From what probes found to outcomes.

use std::collections::BTreeSet;

use plimsoll_platform::WaitError;
use plimsoll_probe::{
    Transcript,
    protocol::{Access, Errno},
};
use plimsoll_vendors::Vendor;

use crate::probe_pod::{Holding, Ruling, chain, holdings};

/// A pod that asked for devices, and what it found or why it told nothing.
pub(super) struct Seat<'a> {
    pub(super) pod: String,
    pub(super) found: Result<&'a Transcript, &'a WaitError>,
}

/// What was asked for, and where.
pub(super) struct Ask<'a> {
    pub(super) resource: &'a str,
    pub(super) node: &'a str,
    pub(super) vendor: Option<&'static Vendor>,
    /// Whether several pods may have the same device.
    pub(super) is_shared: bool,
}

impl Ask<'_> {
    fn held<'a>(&self, seat: &Seat<'a>) -> Vec<Holding<'a>> {
        seat.found
            .map(|found| holdings(found, self.vendor))
            .unwrap_or_default()
    }

    /// The different devices among what all of them hold.
    pub(super) fn distinct<'a>(&self, seats: &[Seat<'a>]) -> Vec<Holding<'a>> {
        let mut different: Vec<Holding<'a>> = Vec::new();
        for holding in seats.iter().flat_map(|seat| self.held(seat)) {
            if !different.iter().any(|known| known.is_same_hardware(&holding)) {
                different.push(holding);
            }
        }
        different
    }

    /// L1: each of the pods that were given one device has one, and each another. `all` is a pod that was given as
    /// many devices as there are pods.
    pub(super) fn one_each(&self, seats: &[Seat<'_>], all: Option<&Seat<'_>>) -> Ruling {
        let (asked, place) = (seats.len(), self.place());
        let different = self.distinct(seats).len();
        let failed: Vec<(&Seat<'_>, &WaitError)> = seats
            .iter()
            .filter_map(|seat| Some((seat, seat.found.err()?)))
            .collect();
        if let Some((_, error)) = failed.iter().find(|(_, error)| !error.blames_platform()) {
            return Ruling::Undecided(format!("not every pod on {place} was heard: {}", chain(*error)));
        }
        if let Some((seat, error)) = failed.first() {
            return Ruling::Wrong(format!(
                "{place} advertises {asked} to be had, but of {asked} pods that were given one each {} don't start, \
                 and the others hold only {different} different devices; pod `{}`: {}",
                failed.len(),
                seat.pod,
                chain(*error)
            ));
        }
        let empty: Vec<&str> = seats
            .iter()
            .filter(|seat| self.held(seat).is_empty())
            .map(|seat| seat.pod.as_str())
            .collect();
        if empty.len() == asked {
            return Ruling::Undecided(format!(
                "no pod that was given one device of {place} sees any, so there is nothing to count"
            ));
        }
        if !empty.is_empty() {
            return self.blame(format!(
                "{place} advertises {asked} to be had, but of {asked} pods that were given one each only {} see one: \
                 `{}` sees none",
                asked - empty.len(),
                empty.join("`, `")
            ));
        }
        if self.is_shared {
            return Ruling::Right(format!(
                "{asked} pods were given one share of {place} each, and each sees a device: {different} in all"
            ));
        }
        if different < asked {
            let there = all.map(|seat| self.held(seat).len()).unwrap_or_default();
            return if there >= asked {
                Ruling::Undecided(format!(
                    "{asked} pods were given one of {asked} devices of {place} each and hold only {different} \
                     different ones, though all are there: secure_accelerator_access decides who is given which"
                ))
            } else {
                Ruling::Wrong(format!(
                    "{place} advertises {asked} to be had, but only {different} different devices are behind them"
                ))
            };
        }
        Ruling::Right(format!(
            "all {asked} that can be had of {place} are held at once, and are {different} different devices"
        ))
    }

    /// L4: a pod that was given so many devices has as many different ones.
    pub(super) fn several(&self, seat: &Seat<'_>, asked: usize) -> Ruling {
        let (pod, place) = (&seat.pod, self.place());
        let error = match seat.found {
            Ok(_) => {
                let held = self.held(seat);
                return match held.len() {
                    0 => self.blame(format!(
                        "pod `{pod}` was given {asked} devices of {place} and sees none"
                    )),
                    seen if seen < asked => Ruling::Wrong(format!(
                        "pod `{pod}` was given {asked} devices of {place} and has only {seen} different ones"
                    )),
                    seen if seen > asked => Ruling::Undecided(format!(
                        "pod `{pod}` was given {asked} devices of {place} and sees {seen}: secure_accelerator_access \
                         decides what it may reach"
                    )),
                    _ => Ruling::Right(format!(
                        "pod `{pod}` was given {asked} devices of {place} and has {asked} different ones"
                    )),
                };
            }
            Err(error) => error,
        };
        let detail = format!(
            "pod `{pod}` asked for {asked} devices of {place}: {}",
            chain(error)
        );
        if error.blames_platform() {
            Ruling::Wrong(detail)
        } else {
            Ruling::Undecided(detail)
        }
    }

    /// L5: none of the devices is published by a DRA driver too.
    pub(super) fn offered_once(&self, seats: &[Seat<'_>], published: &BTreeSet<String>) -> Ruling {
        let twice = self.distinct(seats).into_iter().find(|held| {
            held.identities()
                .iter()
                .any(|identity| published.contains(*identity))
        });
        match twice {
            Some(held) => Ruling::Wrong(format!(
                "{held}, given away by the device plugin of {}, is published by a DRA driver of the same node as well: \
                 it is counted twice and can be allocated twice",
                self.place()
            )),
            None => Ruling::Right(format!(
                "none of the devices of {} is among the {} identities that the DRA driver of the node publishes",
                self.place(),
                published.len()
            )),
        }
    }

    /// L6: what was given away after the plugin was restarted is not what the pod of before still holds.
    pub(super) fn remembered(&self, keeper: &Seat<'_>, later: &[Seat<'_>]) -> Ruling {
        let kept = self.held(keeper);
        let place = self.place();
        if kept.is_empty() {
            return self.blame(format!(
                "pod `{}` was given one of {place} and sees none",
                keeper.pod
            ));
        }
        // Too much at once says nothing of what the plugin remembers.
        let lavish = |seat: &&Seat<'_>| self.held(seat).len() > 1;
        if let Some(seat) = std::iter::once(keeper).chain(later).find(lavish) {
            return Ruling::Undecided(format!(
                "pod `{}` asked for one of {place} and sees several: what was handed out twice can't be told from that",
                seat.pod
            ));
        }
        for seat in later {
            let twice = self
                .held(seat)
                .into_iter()
                .find(|held| kept.iter().any(|known| known.is_same_hardware(held)));
            if let Some(twice) = twice {
                return Ruling::Wrong(format!(
                    "after the plugin of {place} was restarted, pod `{}` was given {twice}, which pod `{}` still holds: it \
                     was handed out twice",
                    seat.pod, keeper.pod
                ));
            }
        }
        let failed = later.iter().find_map(|seat| Some((seat, seat.found.err()?)));
        if let Some((seat, error)) = failed {
            let detail = format!(
                "after the plugin of {place} was restarted, pod `{}` was not given what is free: {}",
                seat.pod,
                chain(error)
            );
            return if error.blames_platform() {
                Ruling::Wrong(detail)
            } else {
                Ruling::Undecided(detail)
            };
        }
        let rest = match later.len() {
            0 => "there is no other".to_owned(),
            count => format!("{count} others could be had, and none of them was that one"),
        };
        Ruling::Right(format!(
            "the plugin of {place} was restarted: pod `{}` went on with its device, and {rest}",
            keeper.pod
        ))
    }

    /// L7: nothing that is given away is out of order. `left_out` devices are not advertised. `None` where there is
    /// nothing to tell: none is out of order.
    pub(super) fn in_order(&self, seats: &[Seat<'_>], left_out: u64) -> Option<Ruling> {
        for seat in seats {
            for held in self.held(seat) {
                if let Some(errno) = held
                    .nodes
                    .iter()
                    .find_map(|node| breakdown(node.opened.as_ref()?))
                {
                    return Some(Ruling::Wrong(format!(
                        "pod `{}` was given {held} of {}, which is out of order (opening it answers {}) and is still \
                         advertised as healthy",
                        seat.pod,
                        self.place(),
                        errno.as_str()
                    )));
                }
            }
        }
        (left_out > 0).then(|| {
            Ruling::Right(format!(
                "{left_out} devices of {} are out of order and can't be had; all that can be had open",
                self.place()
            ))
        })
    }

    /// L8: there is something behind the number. `None` where it can't be told.
    pub(super) fn backed(&self, seats: &[Seat<'_>]) -> Ruling {
        if !self.distinct(seats).is_empty() {
            return Ruling::Right(format!("{} is backed by devices", self.place()));
        }
        if seats.iter().any(|seat| seat.found.is_err()) {
            return Ruling::Undecided(format!(
                "no pod on {} told what is behind its number",
                self.place()
            ));
        }
        self.blame(format!(
            "{} is advertised where there is no such hardware: none of {} pods that were given one sees a device",
            self.place(),
            seats.len()
        ))
    }

    /// A device that can't be seen is a fault only where it is known to be a node under `/dev`.
    fn blame(&self, detail: String) -> Ruling {
        match self.vendor {
            Some(_) => Ruling::Wrong(detail),
            None => Ruling::Undecided(format!(
                "{detail}; the vendor is not known, so its devices may not show under /dev"
            )),
        }
    }

    pub(super) fn place(&self) -> String {
        format!("`{}` on node `{}`", self.resource, self.node)
    }
}

/// What a device answered that is broken, not kept from the container and not busy.
fn breakdown(opened: &plimsoll_probe::protocol::Opened) -> Option<&Errno> {
    const BROKEN: [&str; 6] = ["EIO", "ENODEV", "ENXIO", "ENOMEDIUM", "EREMOTEIO", "ETIMEDOUT"];
    if opened.is_open() {
        return None;
    }
    match &opened.read_write {
        Access::Refused(errno) if BROKEN.contains(&errno.as_str()) => Some(errno),
        Access::Refused(_) | Access::Granted | Access::NotTried => None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::{DeviceNode, DeviceNumber, Identity, IdentitySource, NodeKind, Opened};

    use super::*;

    fn ask() -> Ask<'static> {
        Ask {
            resource: "nvidia.com/gpu",
            node: "n1",
            vendor: Vendor::by_id("nvidia").ok(),
            is_shared: false,
        }
    }

    fn holds(minors: &[u32]) -> Transcript {
        answers(minors, &Access::Granted)
    }

    fn answers(minors: &[u32], access: &Access) -> Transcript {
        let node = |minor: &u32| DeviceNode {
            path: format!("/dev/nvidia{minor}"),
            number: DeviceNumber {
                kind: NodeKind::Block,
                major: 7,
                minor: *minor,
            },
            mode: 0o666,
            matched: true,
            standard: false,
            opened: Some(Opened {
                read_write: access.clone(),
                read_only: access.clone(),
            }),
            identity: access.is_granted().then(|| Identity {
                uuid: Some(format!("U{minor}")),
                ..Identity::unknown(IdentitySource::Header)
            }),
        };
        Transcript {
            nodes: minors.iter().map(node).collect(),
            ..Transcript::default()
        }
    }

    fn seats<'a>(found: &'a [Result<Transcript, WaitError>]) -> Vec<Seat<'a>> {
        found
            .iter()
            .enumerate()
            .map(|(index, found)| Seat {
                pod: format!("p{index}"),
                found: found.as_ref(),
            })
            .collect()
    }

    fn never() -> Result<Transcript, WaitError> {
        Err(WaitError::Never("UnexpectedAdmissionError".to_owned()))
    }

    #[test]
    fn as_many_different_devices_as_are_advertised_are_right() {
        let found = [Ok(holds(&[0])), Ok(holds(&[1]))];
        assert!(ask().one_each(&seats(&found), None).is_right());
        assert!(ask().backed(&seats(&found)).is_right());
        assert_eq!(ask().in_order(&seats(&found), 0), None);
        assert!(ask().in_order(&seats(&found), 1).unwrap().is_right());
    }

    #[test]
    fn after_a_restart_nobody_is_given_what_is_held_still() {
        let (kept, others) = (Ok(holds(&[0])), [Ok(holds(&[1])), Ok(holds(&[2]))]);
        let keeper = seats(std::slice::from_ref(&kept)).remove(0);
        assert!(ask().remembered(&keeper, &seats(&others)).is_right());
        assert!(ask().remembered(&keeper, &[]).is_right());
        let twice = [Ok(holds(&[1])), Ok(holds(&[0]))];
        let ruling = ask().remembered(&keeper, &seats(&twice));
        assert!(
            ruling.is_wrong() && ruling.detail().contains("twice"),
            "{ruling:?}"
        );
        assert!(ask().remembered(&keeper, &seats(&[never()])).is_wrong());
        let nothing = Ok(Transcript::default());
        let blind = seats(std::slice::from_ref(&nothing)).remove(0);
        assert!(!ask().remembered(&blind, &seats(&others)).is_right());
    }

    #[test]
    fn pods_that_do_not_start_are_wrong_only_where_the_platform_is_to_blame() {
        let found = [Ok(holds(&[0])), never()];
        let ruling = ask().one_each(&seats(&found), None);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("1 different devices"),
            "{ruling:?}"
        );
        let found = [Ok(holds(&[0])), Err(WaitError::Obstructed("quota".to_owned()))];
        assert!(matches!(
            ask().one_each(&seats(&found), None),
            Ruling::Undecided(_)
        ));
    }

    #[test]
    fn one_device_for_two_is_this_checks_matter_only_where_no_other_is_there() {
        let found = [Ok(holds(&[0])), Ok(holds(&[0]))];
        let both = [Ok(holds(&[0, 1]))];
        let one = [Ok(holds(&[0]))];
        let judge =
            |all: &[Result<Transcript, WaitError>]| ask().one_each(&seats(&found), seats(all).first());
        assert!(matches!(judge(&both), Ruling::Undecided(_)));
        assert!(judge(&one).is_wrong());
        let shared = Ask {
            is_shared: true,
            ..ask()
        };
        assert!(shared.one_each(&seats(&found), None).is_right());
    }

    #[test]
    fn nothing_behind_a_number_is_a_node_without_the_hardware() {
        let found = [Ok(holds(&[])), Ok(holds(&[]))];
        assert!(matches!(
            ask().one_each(&seats(&found), None),
            Ruling::Undecided(_)
        ));
        assert!(ask().backed(&seats(&found)).is_wrong());
        let unknown = Ask {
            vendor: None,
            ..ask()
        };
        assert!(matches!(unknown.backed(&seats(&found)), Ruling::Undecided(_)));
        let some = [Ok(holds(&[0])), Ok(holds(&[]))];
        assert!(ask().one_each(&seats(&some), None).is_wrong());
        assert!(ask().backed(&seats(&some)).is_right());
    }

    #[test]
    fn several_are_several_different_ones() {
        let judge = |minors: &[u32]| {
            let found = [Ok(holds(minors))];
            ask().several(&seats(&found)[0], 2)
        };
        assert!(judge(&[0, 1]).is_right());
        assert!(judge(&[0]).is_wrong());
        assert!(judge(&[]).is_wrong());
        assert!(matches!(judge(&[0, 1, 2]), Ruling::Undecided(_)));
    }

    #[test]
    fn a_device_is_out_of_order_if_it_answers_with_an_error_of_its_own() {
        for (errno, is_sick) in [("EIO", true), ("ENXIO", true), ("EPERM", false), ("EBUSY", false)] {
            let found = [Ok(answers(&[0], &Access::Refused(Errno::named(errno))))];
            let ruling = ask().in_order(&seats(&found), 0);
            assert_eq!(ruling.is_some_and(|ruling| ruling.is_wrong()), is_sick, "{errno}");
        }
    }

    #[test]
    fn what_a_driver_publishes_too_is_counted_twice() {
        let found = [Ok(holds(&[0]))];
        let published = |uuid: &str| BTreeSet::from([uuid.to_owned()]);
        assert!(ask().offered_once(&seats(&found), &published("U0")).is_wrong());
        assert!(ask().offered_once(&seats(&found), &published("U1")).is_right());
    }
}
