//! Two parts of one device, as a DRA driver publishes them or a device plugin offers them.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_platform::{Path, WholeNode, survey::Device};
use plimsoll_vendors::Vendor;

use super::{
    ground::{left_to_dra, lent, two_and_one, with_crew},
    judge::{self, Sharer},
    strategy::parent,
};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{ClaimSource, ClaimSpec, Crew, Member, Request, Ruling, holdings, slowest},
};

/// More pods on one node show nothing more.
const MOST: usize = 16;

/// The template of claims for a part.
const PART: &str = "part";

/// Runs two pods on two parts of one device.
pub(super) async fn run(context: &Context, path: Path) -> Result<(), CheckError> {
    let Path::Dra { driver, class, api } = &path else {
        return Ok(());
    };
    let trial = context.trial(format!("partitions/{class}"));
    let pools = context.inventory.by_path(&path).filter(|pool| pool.free > 1);
    let places: Vec<(String, String)> = pools
        .filter_map(|pool| Some((pool.node.clone(), divided(&pool.devices)?)))
        .collect();
    let ask = WholeNode {
        path: path.clone(),
        nodes: places.iter().map(|(node, _)| node.clone()).collect(),
        min: 2,
    };
    if places.is_empty() {
        trial.undecided(
            "H1",
            format!("no two free parts of one device can be had by class `{class}`"),
        );
        return Ok(());
    }
    // The whole node: a part can't be had while somebody has its device.
    let Some(lease) = lent(&trial, context.budget.acquire_node(ask).await) else {
        return Ok(());
    };
    let Some((_, whole)) = places.iter().find(|(node, _)| node == lease.node()) else {
        trial.undecided("H1", format!("node `{}` has no divided device", lease.node()));
        return Ok(());
    };
    with_crew(context, &lease, Vendor::by_driver(driver), async |crew| {
        let spec = ClaimSpec::single(api, Request::of(class).select(whole.clone()));
        crew.roster.namespace().create(spec.template(PART)).await?;
        let place = format!("the parts with {whole}");
        let source = ClaimSource::Template(PART.to_owned());
        two_and_one(crew, &trial, &source, &place, apart).await
    })
    .await
}

/// Runs pods on the parts that a device plugin offers, all of one node, and asks for one more.
pub(super) async fn run_plugin(context: &Context, resource: String) -> Result<(), CheckError> {
    let trial = context.trial(format!("partitions/{resource}"));
    let path = Path::DevicePlugin {
        resource: resource.clone(),
    };
    let ask = WholeNode {
        path,
        nodes: Vec::new(),
        min: 2,
    };
    let Some(lease) = lent(&trial, context.budget.acquire_node(ask).await) else {
        return Ok(());
    };
    with_crew(context, &lease, Vendor::by_resource(&resource), async |crew| {
        all_and_one(crew, &trial, &resource, lease.total()).await
    })
    .await
}

async fn all_and_one(crew: &Crew<'_>, trial: &Trial, resource: &str, total: usize) -> Result<(), CheckError> {
    let count = total.min(MOST);
    let pods = (0..count).map(|index| crew.asking(&format!("part-{index}"), resource, 1));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => {
            gap.tell(trial, "H1");
            return Ok(());
        }
    };
    let running = crew.running(&members).await?;
    let sharers: Vec<Sharer<'_>> = members.iter().map(Sharer::of).collect();
    let place = format!("`{resource}` on node `{}`", crew.node);
    let together = left_to_dra(judge::together(&place, &sharers, running, crew.vendor));
    let all_run = together.is_right();
    together.tell(trial, "H1");
    of_one_device(&place, &members).tell(trial, "H2");
    if all_run {
        let wanted = total - count + 1;
        let extra = crew.asking("too-many", resource, wanted);
        let window = crew.context.patience.hold(slowest(&members));
        let release = members.first().map(|member| &member.pod).filter(|_| wanted == 1);
        let what = format!("{wanted} of {place}");
        crew.one_too_many(&extra, &what, window, release)
            .await?
            .tell(trial, "H3");
    }
    Ok(())
}

/// H2: two of them say that they are parts of the same device.
fn of_one_device(place: &str, members: &[Member]) -> Ruling {
    let parts: BTreeSet<(&str, &str)> = members
        .iter()
        .filter_map(|member| member.heard.as_ref().ok())
        .flat_map(|heard| heard.found.devices())
        .filter_map(|node| {
            let identity = node.identity.as_ref()?;
            Some((identity.parent.as_deref()?, identity.uuid.as_deref()?))
        })
        .collect();
    let pair = parts
        .iter()
        .zip(parts.iter().skip(1))
        .find(|((whole, _), (other, _))| whole == other);
    match pair {
        Some(((whole, one), (_, two))) => {
            Ruling::Right(format!("two pods hold parts of device {whole}: {one} and {two}"))
        }
        None => Ruling::Undecided(format!(
            "no two pods with one of {place} each are on parts that name the same device"
        )),
    }
}

/// An expression for the parts of a device of which two are free.
fn divided(devices: &[Device]) -> Option<String> {
    let mut parts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for device in devices
        .iter()
        .filter(|device| !device.tainted && !device.allocated)
    {
        if let Some((name, whole)) = parent(device) {
            let (domain, name) = name.rsplit_once('/').unwrap_or((&device.driver, name));
            let attribute = format!("device.attributes[\"{domain}\"].{name}");
            *parts.entry((attribute, whole)).or_default() += 1;
        }
    }
    // Not of a device of which others hold a part already: what is left of it may exclude each other.
    let held: Vec<&str> = devices
        .iter()
        .filter(|device| device.allocated)
        .filter_map(|device| Some(parent(device)?.1))
        .collect();
    parts
        .into_iter()
        .find(|((_, whole), count)| *count > 1 && !held.contains(whole))
        .map(|((attribute, whole), _)| format!("{attribute} == \"{whole}\""))
}

/// H2: both parts are of one device, which the claims demanded, and are not the same.
fn apart(place: &str, sharers: &[Sharer<'_>], vendor: Option<&Vendor>) -> Ruling {
    let held: Vec<_> = sharers
        .iter()
        .filter_map(|sharer| Some(holdings(sharer.found.ok()?, vendor)))
        .collect();
    match held.as_slice() {
        [one, two] if !one.is_empty() && !two.is_empty() => {
            let common = one
                .iter()
                .any(|mine| two.iter().any(|theirs| mine.is_same_hardware(theirs)));
            if common {
                Ruling::Undecided(format!(
                    "two pods with a part of one device each see the same device ({place}): partitioning_mig decides \
                     what parts are worth"
                ))
            } else {
                Ruling::Right(format!(
                    "two pods hold different parts of one device: {}, {}",
                    one[0], two[0]
                ))
            }
        }
        _ => Ruling::Undecided(format!("not both pods see a device to compare ({place})")),
    }
}
