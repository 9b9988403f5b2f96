//! M1: every device has a utilisation and a memory series on its node's endpoint, and nobody else has.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    accelerator_metrics::{
        chart::{Chart, Course},
        device,
    },
    probe_pod::Ruling,
};

/// The devices that should have series on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::accelerator_metrics) struct Due {
    /// What the API says identifies them, as it says it, by the plain form.
    pub(in crate::accelerator_metrics) uuids: BTreeMap<String, String>,
    /// How many there are; none where that can't be told.
    pub(in crate::accelerator_metrics) count: Option<usize>,
}

/// What covers the devices of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::accelerator_metrics) enum Coverage {
    /// That is all there is to say.
    Told(Ruling),
    /// Devices that the API speaks of have no series. Whether they exist is yet to be seen.
    Short {
        /// Those that the API tells by an identity.
        uuids: Vec<String>,
        /// In words.
        detail: String,
    },
}

/// Compares. `is_elsewhere` says of a plain uuid whether another node has its device.
pub(in crate::accelerator_metrics) fn judge(
    node: &str,
    chart: &Chart,
    due: &Due,
    is_elsewhere: impl Fn(&str) -> bool,
) -> Coverage {
    let half = chart.devices.values().find_map(|course| half(node, course));
    if let Some(wrong) = half {
        return Coverage::Told(wrong);
    }
    let shown = chart.devices.len();
    let told: BTreeSet<String> = chart
        .devices
        .values()
        .filter_map(|course| course.ids.uuid.as_deref().map(device::uuid))
        .collect();
    if let Some(stray) = told
        .iter()
        .find(|uuid| is_elsewhere(uuid) && !due.uuids.contains_key(*uuid))
    {
        return Coverage::Told(Ruling::Wrong(format!(
            "the exporter of node `{node}` has series of device {stray}, which is in another node"
        )));
    }
    // Names that have nothing in common are of different kinds: only their number can be compared.
    let comparable = due.uuids.keys().any(|uuid| told.contains(uuid));
    if comparable {
        let missing: Vec<String> = due
            .uuids
            .iter()
            .filter(|(plain, _)| !told.contains(*plain))
            .map(|(_, uuid)| uuid.clone())
            .collect();
        if missing.is_empty() {
            return Coverage::Told(Ruling::Right(format!(
                "each of {} devices of node `{node}` has a utilisation and a memory series",
                due.uuids.len()
            )));
        }
        let detail = format!(
            "device {} of node `{node}` has no series; {shown} others have",
            missing.join(" and ")
        );
        return Coverage::Short {
            uuids: missing,
            detail,
        };
    }
    match due.count {
        Some(count) if shown < count => Coverage::Short {
            uuids: Vec::new(),
            detail: format!(
                "node `{node}` has {count} devices, of which {} have no series",
                count - shown
            ),
        },
        Some(count) if shown > count => Coverage::Told(Ruling::Undecided(format!(
            "node `{node}` offers {count} devices and its exporter has series of {shown}; no label tells which of \
             them are meant"
        ))),
        Some(count) => Coverage::Told(Ruling::Right(format!(
            "{count} devices of node `{node}` have a utilisation and a memory series each"
        ))),
        None => Coverage::Told(Ruling::Undecided(format!(
            "how many devices node `{node}` has can't be told, so {shown} that have series can't be compared with it"
        ))),
    }
}

/// A device with one of the two series only.
fn half(node: &str, course: &Course) -> Option<Ruling> {
    let (has, lacks) = match (course.utilisation(), course.used()) {
        (Some(_), None) => ("utilisation", "memory in use"),
        (None, Some(_)) => ("memory in use", "utilisation"),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Ruling::Wrong(format!(
        "device {} of node `{node}` has a series for {has} and no series for {lacks}",
        course.ids
    )))
}

/// Decides about devices without series when one of our containers has seen which exist. `seen` are plain uuids, and
/// how many devices there were in all.
pub(in crate::accelerator_metrics) fn confirmed(
    node: &str,
    detail: &str,
    chart: &Chart,
    seen: &BTreeSet<String>,
    count: usize,
) -> Ruling {
    let told: BTreeSet<String> = chart
        .devices
        .values()
        .filter_map(|course| course.ids.uuid.as_deref().map(device::uuid))
        .collect();
    if told.is_empty() || seen.is_empty() {
        return if count > chart.devices.len() {
            Ruling::Wrong(format!(
                "{detail}: a container of ours held {count} devices there"
            ))
        } else {
            Ruling::Undecided(format!("{detail}; whether they exist was not seen"))
        };
    }
    match seen.iter().find(|uuid| !told.contains(*uuid)) {
        Some(uuid) => Ruling::Wrong(format!(
            "{detail}: device {uuid} exists, a container of ours held it, and the exporter has no series of it"
        )),
        None => Ruling::Undecided(format!(
            "{detail}; all devices that a container of ours could hold on node `{node}` have series, so what has \
             none may not exist"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator_metrics::judge::fixture::chart;

    fn due(uuids: &[&str]) -> Due {
        Due {
            uuids: uuids
                .iter()
                .map(|uuid| (device::uuid(uuid), (*uuid).to_owned()))
                .collect(),
            count: Some(uuids.len()),
        }
    }

    fn judged(shown: &[&str], due: &Due) -> Coverage {
        let values: Vec<(&str, [f64; 2])> = shown.iter().map(|uuid| (*uuid, [0.0, 0.0])).collect();
        judge("n", &chart(&values), due, |uuid| uuid == "far")
    }

    #[test]
    fn each_device_is_covered_by_its_identity() {
        assert!(matches!(
            judged(&["a", "b"], &due(&["a", "b"])),
            Coverage::Told(Ruling::Right(_))
        ));
        match judged(&["a"], &due(&["a", "b"])) {
            Coverage::Short { uuids, detail } => {
                assert_eq!(uuids, ["b"]);
                assert!(detail.contains("no series"), "{detail}");
            }
            other @ Coverage::Told(_) => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_common_identities_they_are_counted() {
        let counted = |count| Due {
            count: Some(count),
            ..Due::default()
        };
        assert!(matches!(
            judged(&["0", "1"], &counted(2)),
            Coverage::Told(Ruling::Right(_))
        ));
        assert!(matches!(judged(&["0"], &counted(2)), Coverage::Short { .. }));
        assert!(matches!(
            judged(&["0", "1"], &counted(1)),
            Coverage::Told(Ruling::Undecided(_))
        ));
        assert!(matches!(
            judged(&["0"], &Due::default()),
            Coverage::Told(Ruling::Undecided(_))
        ));
    }

    #[test]
    fn another_nodes_device_is_a_stray() {
        assert!(matches!(
            judged(&["a", "far"], &due(&["a"])),
            Coverage::Told(Ruling::Wrong(_))
        ));
    }

    #[test]
    fn what_is_missing_is_wrong_only_where_it_was_seen() {
        let chart = chart(&[("a", [0.0, 0.0])]);
        let seen = |uuids: &[&str]| {
            uuids
                .iter()
                .map(|uuid| (*uuid).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert!(confirmed("n", "d", &chart, &seen(&["b"]), 1).is_wrong());
        assert!(matches!(
            confirmed("n", "d", &chart, &seen(&["a"]), 1),
            Ruling::Undecided(_)
        ));
        assert!(confirmed("n", "d", &chart, &seen(&[]), 2).is_wrong());
        assert!(matches!(
            confirmed("n", "d", &chart, &seen(&[]), 0),
            Ruling::Undecided(_)
        ));
    }
}
