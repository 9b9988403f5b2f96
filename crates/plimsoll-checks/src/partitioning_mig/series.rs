//! R6: whether an exporter tells partitions of one device apart.
//!
//! A series is a partition's if it names the pod that holds it, or the partition itself. Where an exporter does neither,
//! as with devices that were claimed, it must at least have as many series of the device as it has partitions in use.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_platform::pods;
use plimsoll_probe::{Report, Transcript, protocol::Series};
use plimsoll_vendors::{Metrics, Vendor};

use crate::{
    CheckError, accelerator_metrics,
    parts::{Ground, Held, ids, parent_of},
    probe_pod::{ProbeContainer, ProbePod, Ruling, chain},
};

/// The container that visits exporters.
const VISITOR: &str = "visitor";

/// What labels are called where a collector has labels of these names itself.
const EXPORTED: &str = "exported_";

/// A partition that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant {
    whose: String,
    namespace: String,
    pod: String,
    /// What identifies the partition.
    own: BTreeSet<String>,
    /// What identifies its device.
    parent: Option<String>,
}

/// How R6 came out, or why it was not tried.
pub(super) enum Told {
    Judged(Ruling),
    NotTried(String),
}

/// Visits the node's exporter while all these partitions are held.
pub(super) async fn told(ground: &Ground<'_>, held: &[Held]) -> Result<Told, CheckError> {
    let offer = &ground.offer;
    let Some((vendor, metrics)) = offer
        .vendor
        .and_then(|vendor| Some((vendor, vendor.metrics.as_ref()?)))
    else {
        return Ok(Told::NotTried("no exporter of this vendor is known".to_owned()));
    };
    let (urls, unreadable) = accelerator_metrics::exporters(ground.context, &vendor.id, &offer.node).await;
    if urls.is_empty() {
        let why = unreadable.first().map_or_else(String::new, |why| {
            format!(", and not everything could be looked at: {why}")
        });
        return Ok(Told::NotTried(format!(
            "no {} was found for node `{}`{why}",
            metrics.exporter, offer.node
        )));
    }
    let tenants: Vec<Tenant> = held.iter().map(|held| tenant(ground, held, vendor)).collect();
    let mut args = vec!["scrape".to_owned(), "--every-ms=1000".to_owned()];
    args.extend(urls.iter().map(|url| format!("--url={url}")));
    args.extend(names(metrics).iter().map(|name| format!("--keep={name}")));
    let pod = ProbePod::new("exporter", &ground.context.probe)
        .placed(&ground.placement)
        .container(ProbeContainer::new(VISITOR, args));
    let live = ground.roster.start(&pod).await?;
    let patience = &ground.context.patience;
    if let Err(error) = live.started(patience).await {
        return Ok(Told::Judged(Ruling::Undecided(format!(
            "the pod that visits the exporter did not start: {}",
            chain(&error)
        ))));
    }
    let mut transcript = Transcript::default();
    let take = |line: &str| {
        if let Ok(report) = Report::from_line(line) {
            transcript.add(report);
        }
        judge(metrics, &transcript.series, &tenants)
            .is_right()
            .then_some(())
    };
    // Exporters ask who holds a device now and then, so the first answer may be old.
    let waited = pods::log_until(&live.api(), &live.name(), VISITOR, take, patience.series()).await;
    live.remove(patience).await?;
    if let Err(error) = waited
        && !transcript.scrapes.iter().any(|scraped| scraped.problem.is_none())
    {
        let problem = transcript
            .scrapes
            .iter()
            .find_map(|scraped| scraped.problem.as_ref());
        let why = problem.map_or_else(|| chain(&error), |problem| problem.text.clone());
        return Ok(Told::Judged(Ruling::Undecided(format!(
            "the exporter of node `{}` could not be read: {why}",
            offer.node
        ))));
    }
    Ok(Told::Judged(judge(metrics, &transcript.series, &tenants)))
}

fn tenant(ground: &Ground<'_>, held: &Held, vendor: &Vendor) -> Tenant {
    let sight = held.sight(&ground.offer);
    let published = held
        .unit
        .published
        .iter()
        .flat_map(|device| device.identities.iter());
    let seen = sight.own.into_iter().flat_map(ids);
    let parent = held.unit.parent().or_else(|| sight.own.and_then(parent_of));
    let parent = parent.map(plain);
    // Of some vendors, parts and their device have one identity; that is the device's.
    let own = published.map(|id| plain(id)).chain(seen.map(plain));
    let own = own.filter(|id| Some(id) != parent.as_ref()).collect();
    Tenant {
        whose: format!("{} of pod `{}`", held.unit, held.pod.name()),
        namespace: ground.roster.namespace().name().to_owned(),
        pod: held.pod.name(),
        own,
        parent: parent.filter(|_| vendor.partitions.is_some()),
    }
}

/// An identity without what one tool writes before it and another leaves out.
fn plain(id: &str) -> String {
    let id = id.trim().to_lowercase();
    let bare = ["gpu-", "mig-"].iter().find_map(|prefix| id.strip_prefix(prefix));
    bare.unwrap_or(&id).to_owned()
}

/// The metrics that every device has.
fn names(metrics: &Metrics) -> Vec<String> {
    let plain = [&metrics.utilisation, &metrics.memory_used]
        .into_iter()
        .chain(&metrics.utilisation_alternatives);
    let plain: Vec<String> = plain.map(|series| series.name.clone()).collect();
    let prefixed = metrics.optional_prefix.iter().flat_map(|prefix| {
        let names = plain.iter();
        names.map(move |name| format!("{prefix}{name}"))
    });
    plain.iter().cloned().chain(prefixed).collect()
}

/// What tells a series of one metric from another: the labels that say of what it is.
type Key = Vec<String>;

/// R6: each partition that is held has a series which no other has.
fn judge(metrics: &Metrics, series: &[Series], tenants: &[Tenant]) -> Ruling {
    let wanted = names(metrics);
    let mut families: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for one in series.iter().filter(|one| wanted.contains(&one.name)) {
        families.entry(&one.name).or_default().push(one);
    }
    if families.is_empty() {
        return Ruling::Undecided("the exporter tells of no device at all".to_owned());
    }
    // One metric that tells them apart is enough: which of them an exporter has differs with partitions.
    let mut gaps = Vec::new();
    for (name, rows) in families {
        match apart(metrics, &rows, tenants) {
            Ok(()) => {
                return Ruling::Right(format!(
                    "each of {} partitions that are held has a series of `{name}` of its own",
                    tenants.len()
                ));
            }
            Err(gap) => gaps.push(format!("`{name}`: {gap}")),
        }
    }
    if let Some(why) = &metrics.partitions_untold {
        return Ruling::Right(format!("partitions have no series of their own: {why}"));
    }
    Ruling::Wrong(format!(
        "the metrics don't tell partitions apart: {}",
        gaps.first().map_or("", String::as_str)
    ))
}

fn apart(metrics: &Metrics, rows: &[&Series], tenants: &[Tenant]) -> Result<(), String> {
    let mut keys: Vec<(&Tenant, BTreeSet<Key>)> = Vec::new();
    for tenant in tenants {
        let own = rows.iter().filter(|row| is_of(metrics, row, tenant));
        keys.push((tenant, own.map(|row| key(metrics, row)).collect()));
    }
    for (at, (one, mine)) in keys.iter().enumerate() {
        if let Some((other, _)) = keys[at + 1..]
            .iter()
            .find(|(_, theirs)| !mine.is_disjoint(theirs))
        {
            return Err(format!(
                "one series is both of {} and of {}",
                one.whose, other.whose
            ));
        }
    }
    let Some((lacking, _)) = keys.iter().find(|(_, own)| own.is_empty()) else {
        return Ok(());
    };
    let Some(parent) = &lacking.parent else {
        return Err(format!("none is of {}", lacking.whose));
    };
    let siblings = tenants
        .iter()
        .filter(|tenant| tenant.parent.as_ref() == Some(parent));
    let siblings = siblings.count();
    let numbered: BTreeSet<&String> = rows
        .iter()
        .filter(|row| device(metrics, row).as_ref() == Some(parent))
        .filter_map(|row| label(row, metrics.labels.partition.as_deref()))
        .collect();
    if numbered.len() >= siblings {
        return Ok(());
    }
    Err(format!(
        "none is of {}, and of its device, of which {siblings} partitions are held, {} are told",
        lacking.whose,
        numbered.len()
    ))
}

fn is_of(metrics: &Metrics, row: &Series, tenant: &Tenant) -> bool {
    let names = &metrics.labels;
    let says = |name: &Option<String>, value: &str| {
        name.as_ref().is_some_and(|name| {
            [name.clone(), format!("{EXPORTED}{name}")]
                .iter()
                .any(|name| row.labels.get(name).is_some_and(|found| found == value))
        })
    };
    (says(&names.pod, &tenant.pod) && says(&names.namespace, &tenant.namespace))
        || device(metrics, row).is_some_and(|id| tenant.own.contains(&id))
}

/// The device that a series says it is of.
fn device(metrics: &Metrics, row: &Series) -> Option<String> {
    label(row, metrics.labels.uuid.as_deref()).map(|id| plain(id))
}

fn label<'a>(row: &'a Series, name: Option<&str>) -> Option<&'a String> {
    row.labels.get(name?).filter(|value| !value.is_empty())
}

fn key(metrics: &Metrics, row: &Series) -> Key {
    let names = &metrics.labels;
    [
        Some(names.device.as_str()),
        names.uuid.as_deref(),
        names.pci.as_deref(),
        names.partition.as_deref(),
    ]
    .into_iter()
    .map(|name| label(row, name).cloned().unwrap_or_default())
    .chain([row.target.to_string()])
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nvidia() -> &'static Metrics {
        Vendor::by_id("nvidia").unwrap().metrics.as_ref().unwrap()
    }

    fn tenants() -> [Tenant; 2] {
        ["a", "b"].map(|pod| Tenant {
            whose: format!("partition of pod `{pod}`"),
            namespace: "ns".to_owned(),
            pod: pod.to_owned(),
            own: [format!("own-{pod}")].into(),
            parent: Some("whole".to_owned()),
        })
    }

    fn row(labels: &[(&str, &str)]) -> Series {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Series {
            series: 0,
            target: 0,
            name: "DCGM_FI_DEV_FB_USED".to_owned(),
            labels: labels.collect(),
        }
    }

    /// As DCGM's exporter writes partitions: by their device's identity and their number.
    fn dcgm(number: &str, pod: &[(&str, &str)]) -> Series {
        let own = [("gpu", "0"), ("UUID", "GPU-whole"), ("GPU_I_ID", number)];
        row(&[&own[..], pod].concat())
    }

    #[test]
    fn partitions_are_told_apart_by_number_and_holder_or_by_their_own_identity() {
        let holders = [
            dcgm("7", &[("exported_pod", "a"), ("exported_namespace", "ns")]),
            dcgm("8", &[("pod", "b"), ("namespace", "ns")]),
        ];
        assert!(judge(nvidia(), &holders, &tenants()).is_right());
        let identities = [row(&[("UUID", "MIG-own-a")]), row(&[("UUID", "MIG-own-b")])];
        assert!(judge(nvidia(), &identities, &tenants()).is_right());
        let unnamed = [dcgm("7", &[]), dcgm("8", &[])];
        assert!(judge(nvidia(), &unnamed, &tenants()).is_right(), "as with claims");
    }

    #[test]
    fn one_series_for_a_divided_device_is_wrong() {
        let whole = [row(&[
            ("gpu", "0"),
            ("UUID", "GPU-whole"),
            ("pod", "a"),
            ("namespace", "ns"),
        ])];
        let ruling = judge(nvidia(), &whole, &tenants());
        assert!(
            ruling.is_wrong() && ruling.detail().contains("none is of"),
            "{ruling:?}"
        );
        let both = ["a", "b"].map(|pod| dcgm("", &[("pod", pod), ("namespace", "ns")]));
        let ruling = judge(nvidia(), &both, &tenants());
        assert!(
            ruling.is_wrong() && ruling.detail().contains("both of"),
            "{ruling:?}"
        );
        assert!(
            judge(nvidia(), &[dcgm("7", &[])], &tenants()).is_wrong(),
            "one of two"
        );
    }

    #[test]
    fn what_a_vendor_says_it_does_not_measure_is_no_fault() {
        let amd = Vendor::by_id("amd").unwrap().metrics.as_ref().unwrap();
        let whole = Series {
            name: "gpu_used_vram".to_owned(),
            ..row(&[("gpu_id", "0")])
        };
        let ruling = judge(amd, &[whole], &tenants());
        assert!(
            ruling.is_right() && ruling.detail().contains("first partition"),
            "{ruling:?}"
        );
    }

    #[test]
    fn an_exporter_that_says_nothing_proves_nothing() {
        assert!(matches!(judge(nvidia(), &[], &tenants()), Ruling::Undecided(_)));
        let other = Series {
            name: "up".to_owned(),
            ..row(&[])
        };
        assert!(matches!(
            judge(nvidia(), &[other], &tenants()),
            Ruling::Undecided(_)
        ));
    }
}
