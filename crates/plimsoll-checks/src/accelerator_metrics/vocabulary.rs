//! What an exporter's series mean: which quantity, of which device, in which unit. By the vendor's profile where there is
//! one; else by what names and labels suggest, which the experiment then confirms or not.

use std::collections::BTreeMap;

use plimsoll_probe::protocol::Series;
use plimsoll_vendors::{Metrics, Unit};

use super::device::Ids;

/// What a series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantity {
    Utilisation,
    Used,
    Free,
    Total,
}

/// A container that an exporter says holds a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
}

/// What a series means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    pub(super) quantity: Quantity,
    /// Of several names for the same quantity the one with the lowest rank counts.
    pub(super) rank: usize,
    pub(super) unit: Unit,
    pub(super) ids: Ids,
    pub(super) holder: Option<Holder>,
}

/// Labels that tell devices apart where nobody wrote down which one does, the most telling first.
const UUIDS: &[&str] = &[
    "uuid",
    "gpu_uuid",
    "device_uuid",
    "serial",
    "serial_number",
    "sn",
    "hw_id",
    "hw.id",
];
const PCI: &[&str] = &["pci_bus_id", "pci_bdf", "pci_address", "bdf", "bus_id"];
const INDEXES: &[&str] = &[
    "gpu",
    "gpu_id",
    "device",
    "device_id",
    "dev_id",
    "dev_name",
    "card",
    "card_id",
    "minor_number",
    "accelerator_id",
    "index",
    "id",
    "slot",
    "npu",
    "mlu",
];

/// The series that the platform's owner names: they count before all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) utilisation: Option<String>,
    pub(super) used: Option<String>,
}

impl Named {
    /// What the owner says that a series measures, if anything.
    fn quantity(&self, name: &str) -> Option<Quantity> {
        let is = |named: &Option<String>| named.as_deref() == Some(name);
        if is(&self.utilisation) {
            Some(Quantity::Utilisation)
        } else {
            is(&self.used).then_some(Quantity::Used)
        }
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.utilisation.iter().chain(&self.used)
    }
}

impl Meaning {
    /// What a series means; none where it measures something else, or tells no device.
    pub(super) fn of(series: &Series, metrics: Option<&Metrics>, named: &Named) -> Option<Self> {
        let said = named.quantity(&series.name);
        let known = match metrics {
            Some(metrics) => known(series, metrics),
            None => guessed(series),
        };
        match (said, known) {
            (None, known) => known.map(|meaning| Self {
                rank: meaning.rank.saturating_add(1),
                ..meaning
            }),
            (Some(said), Some(known)) if said == known.quantity => Some(Self { rank: 0, ..known }),
            (Some(said), _) => told(series, metrics, said),
        }
    }
}

/// What a series means of which only the owner says what it measures.
fn told(series: &Series, metrics: Option<&Metrics>, quantity: Quantity) -> Option<Meaning> {
    let (labels, holder) = match metrics {
        Some(metrics) => (ids(series, metrics), holder_of(series, metrics)),
        None => (Ids::default(), None),
    };
    let ids = if labels.is_empty() {
        guessed_ids(series)
    } else {
        labels
    };
    (!ids.is_empty()).then(|| Meaning {
        quantity,
        rank: 0,
        unit: guessed_unit(&series.name.to_lowercase(), series, quantity),
        ids,
        holder: holder.or_else(|| guessed_holder(series)),
    })
}

/// Names without the prefix that some installations put before them.
pub(super) fn plain<'a>(name: &'a str, metrics: &Metrics) -> &'a str {
    let prefix = metrics.optional_prefix.as_deref();
    prefix
        .and_then(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

/// Globs of the names that matter of a vendor.
pub(super) fn wanted(metrics: &Metrics) -> Vec<String> {
    let names = [&metrics.utilisation, &metrics.memory_used]
        .into_iter()
        .chain(&metrics.utilisation_alternatives)
        .chain(&metrics.memory_free)
        .chain(&metrics.memory_total)
        .map(|series| series.name.clone());
    let names: Vec<String> = names.collect();
    let prefixed = metrics
        .optional_prefix
        .iter()
        .flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
    names.iter().cloned().chain(prefixed).collect()
}

fn known(series: &Series, metrics: &Metrics) -> Option<Meaning> {
    let name = plain(&series.name, metrics);
    let shares = [&metrics.utilisation]
        .into_iter()
        .chain(&metrics.utilisation_alternatives)
        .enumerate()
        .map(|(rank, series)| (Quantity::Utilisation, rank, series));
    let amounts = [
        (Quantity::Used, Some(&metrics.memory_used)),
        (Quantity::Free, metrics.memory_free.as_ref()),
        (Quantity::Total, metrics.memory_total.as_ref()),
    ];
    let amounts = amounts
        .into_iter()
        .filter_map(|(quantity, series)| Some((quantity, 0, series?)));
    let (quantity, rank, found) = shares.chain(amounts).find(|(_, _, known)| known.name == name)?;
    let ids = ids(series, metrics);
    (!ids.is_empty()).then(|| Meaning {
        quantity,
        rank,
        unit: found.unit,
        ids,
        holder: holder_of(series, metrics),
    })
}

/// Whose series it is, by the labels of the vendor's profile.
fn ids(series: &Series, metrics: &Metrics) -> Ids {
    let label = |name: &str| series.labels.get(name).filter(|value| !value.is_empty()).cloned();
    let names = &metrics.labels;
    Ids {
        uuid: names.uuid.as_deref().and_then(label),
        pci: names.pci.as_deref().and_then(label),
        index: label(&names.device),
    }
}

fn holder_of(series: &Series, metrics: &Metrics) -> Option<Holder> {
    let names = &metrics.labels;
    holder(
        &series.labels,
        [&names.namespace, &names.pod, &names.container].map(|name| name.as_deref().unwrap_or_default()),
    )
}

fn guessed(series: &Series) -> Option<Meaning> {
    let name = series.name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let of_memory = has(&["mem", "vram", "hbm", "_fb_", "framebuffer"]);
    // Of memory everything else is measured as well.
    if has(&[
        "temp",
        "clock",
        "bandwidth",
        "throughput",
        "error",
        "ecc",
        "power",
        "energy",
        "_total_seconds",
    ]) {
        return None;
    }
    let quantity = if of_memory {
        let shares = has(&["util", "ratio", "percent", "copy"]);
        match (
            shares,
            has(&["total", "limit", "capacity"]),
            has(&["free", "available"]),
        ) {
            (true, ..) => return None,
            (_, true, _) => Quantity::Total,
            (_, _, true) => Quantity::Free,
            (false, false, false) if has(&["used", "usage", "allocated", "in_use"]) => Quantity::Used,
            (false, false, false) => return None,
        }
    } else if has(&["util", "activity", "duty_cycle", "busy", "usage"]) {
        Quantity::Utilisation
    } else {
        return None;
    };
    let ids = guessed_ids(series);
    (!ids.is_empty()).then(|| Meaning {
        quantity,
        rank: name.len(),
        unit: guessed_unit(&name, series, quantity),
        ids,
        holder: guessed_holder(series),
    })
}

fn guessed_unit(name: &str, series: &Series, quantity: Quantity) -> Unit {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match quantity {
        Quantity::Utilisation
            if has(&["ratio", "fraction"]) || series.labels.get("unit").is_some_and(|unit| unit == "1") =>
        {
            Unit::Ratio
        }
        Quantity::Utilisation => Unit::Percent,
        Quantity::Used | Quantity::Free | Quantity::Total => {
            if has(&["mib"]) {
                Unit::Mebibytes
            } else if has(&["_mb", "megabytes"]) {
                Unit::Megabytes
            } else if has(&["kib", "_kb"]) {
                Unit::Kibibytes
            } else {
                Unit::Bytes
            }
        }
    }
}

fn guessed_ids(series: &Series) -> Ids {
    Ids {
        uuid: first(&series.labels, UUIDS),
        pci: first(&series.labels, PCI),
        index: first(&series.labels, INDEXES),
    }
}

fn guessed_holder(series: &Series) -> Option<Holder> {
    holder(&series.labels, ["namespace", "pod", "container"]).or_else(|| {
        holder(
            &series.labels,
            ["exported_namespace", "exported_pod", "exported_container"],
        )
    })
}

fn first(labels: &BTreeMap<String, String>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|wanted| {
        let found = labels.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    })
}

fn holder(labels: &BTreeMap<String, String>, names: [&str; 3]) -> Option<Holder> {
    let [namespace, pod, container] = names.map(|name| labels.get(name).cloned().unwrap_or_default());
    (!pod.is_empty()).then_some(Holder {
        namespace,
        pod,
        container,
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;

    fn series(name: &str, labels: &[(&str, &str)]) -> Series {
        Series {
            series: 0,
            target: 0,
            name: name.to_owned(),
            labels: labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn of(vendor: Option<&str>, name: &str, labels: &[(&str, &str)]) -> Option<Meaning> {
        let metrics = vendor.and_then(|vendor| Vendor::by_id(vendor).unwrap().metrics.as_ref());
        Meaning::of(&series(name, labels), metrics, &Named::default())
    }

    #[test]
    fn what_the_owner_names_counts_before_all_others() {
        let metrics = Vendor::by_id("nvidia").unwrap().metrics.as_ref();
        let named = Named {
            utilisation: Some("DCGM_FI_PROF_GR_ENGINE_ACTIVE_RATIO".to_owned()),
            used: Some("our_card_memory_mib".to_owned()),
        };
        let of = |name: &str, labels: &[(&str, &str)]| Meaning::of(&series(name, labels), metrics, &named);
        let own = of("DCGM_FI_PROF_GR_ENGINE_ACTIVE_RATIO", &[("UUID", "GPU-1")]).unwrap();
        let usual = of("DCGM_FI_DEV_GPU_UTIL", &[("UUID", "GPU-1")]).unwrap();
        assert_eq!((own.quantity, own.unit), (Quantity::Utilisation, Unit::Ratio));
        assert!(own.rank < usual.rank);
        let memory = of("our_card_memory_mib", &[("card", "3")]).unwrap();
        assert_eq!((memory.quantity, memory.unit), (Quantity::Used, Unit::Mebibytes));
        assert_eq!(memory.ids.index.as_deref(), Some("3"));
        assert_eq!(of("our_card_memory_mib", &[("host", "n")]), None, "of no device");
    }

    #[test]
    fn a_profile_says_what_is_measured_of_which_device_and_for_whom() {
        let labels = [("gpu", "0"), ("UUID", "GPU-1"), ("pod", "p"), ("namespace", "n")];
        let meaning = of(Some("nvidia"), "DCGM_FI_DEV_GPU_UTIL", &labels).unwrap();
        assert_eq!(
            (meaning.quantity, meaning.unit),
            (Quantity::Utilisation, Unit::Percent)
        );
        assert_eq!(meaning.ids.uuid.as_deref(), Some("GPU-1"));
        assert_eq!(meaning.holder.unwrap().pod, "p");
        assert_eq!(of(Some("nvidia"), "DCGM_FI_DEV_MEM_COPY_UTIL", &labels), None);
        assert_eq!(
            of(Some("nvidia"), "DCGM_FI_DEV_GPU_UTIL", &[("hostname", "n")]),
            None
        );
    }

    #[test]
    fn a_prefix_of_the_installation_changes_nothing() {
        let labels = [("gpu_id", "3")];
        for name in ["gpu_used_vram", "amd_gpu_used_vram"] {
            assert_eq!(
                of(Some("amd"), name, &labels).unwrap().quantity,
                Quantity::Used,
                "{name}"
            );
        }
    }

    #[test]
    fn names_of_vendors_that_nobody_described_are_guessed() {
        for (name, labels, quantity, unit) in [
            (
                "mlu_utilization",
                [("sn", "1")],
                Quantity::Utilisation,
                Unit::Percent,
            ),
            (
                "ix_gpu_utilization",
                [("gpu", "1")],
                Quantity::Utilisation,
                Unit::Percent,
            ),
            (
                "enflame_gcu_usage",
                [("slot", "1")],
                Quantity::Utilisation,
                Unit::Percent,
            ),
            (
                "furiosa_npu_core_utilization",
                [("device", "npu0")],
                Quantity::Utilisation,
                Unit::Percent,
            ),
            (
                "hw.gpu.memory.usage",
                [("hw.id", "1")],
                Quantity::Used,
                Unit::Bytes,
            ),
            (
                "acme_npu_mem_used_mib",
                [("npu", "1")],
                Quantity::Used,
                Unit::Mebibytes,
            ),
            (
                "acme_busy_ratio",
                [("npu", "1")],
                Quantity::Utilisation,
                Unit::Ratio,
            ),
        ] {
            let meaning = of(None, name, &labels).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((meaning.quantity, meaning.unit), (quantity, unit), "{name}");
        }
    }

    #[test]
    fn what_only_sounds_like_it_is_not_guessed() {
        for name in [
            "gpu_memory_temp",
            "gpu_mem_clock",
            "gpu_mem_copy_util",
            "gpu_power_usage",
            "process_open_fds",
        ] {
            assert_eq!(of(None, name, &[("gpu", "0")]), None, "{name}");
        }
        assert_eq!(of(None, "cpu_utilization", &[]), None, "of no device");
    }
}
