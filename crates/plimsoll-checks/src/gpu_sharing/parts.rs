//! Two parts of one device, as a DRA driver publishes them or a device plugin offers them.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_platform::{Path, PodSecurity, WholeNode, survey::Device};
use plimsoll_vendors::Vendor;

use super::{
    claim::{left_to_dra, placement},
    judge::{self, Sharer},
    strategy::parent,
};
use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, ClaimSpec, Crew, Member, Request, Roster, Ruling, holdings},
};

/// More pods on one node show nothing more.
const MOST: usize = 16;

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
    let lease = match context.budget.acquire_node(ask).await {
        Ok(lease) => lease,
        Err(error) => {
            trial.undecided("H1", error.to_string());
            return Ok(());
        }
    };
    let Some((_, whole)) = places.iter().find(|(node, _)| node == lease.node()) else {
        trial.undecided("H1", format!("node `{}` has no divided device", lease.node()));
        return Ok(());
    };
    let namespace = context
        .workspace
        .namespace("sharing", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let placement = placement(&context.inventory, lease.node());
    let crew = Crew {
        context,
        roster: &roster,
        placement: &placement,
        node: lease.node(),
        vendor: Vendor::by_driver(driver),
    };
    let request = Request::of(class).select(whole.clone());
    let result = share(&crew, &ClaimSpec::single(api, request), whole).await;
    roster.clear(&context.patience).await;
    drop(lease);
    let (together, same) = result?;
    together.tell(&trial, "H1");
    same.tell(&trial, "H2");
    Ok(())
}

/// Runs pods on the parts that a device plugin offers, all of one node.
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
    let lease = match context.budget.acquire_node(ask).await {
        Ok(lease) => lease,
        Err(error) => {
            trial.undecided("H1", error.to_string());
            return Ok(());
        }
    };
    let namespace = context
        .workspace
        .namespace("sharing", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let placement = placement(&context.inventory, lease.node());
    let crew = Crew {
        context,
        roster: &roster,
        placement: &placement,
        node: lease.node(),
        vendor: Vendor::by_resource(&resource),
    };
    let count = lease.total().min(MOST);
    let pods = (0..count).map(|index| crew.asking(&format!("part-{index}"), &resource, 1));
    let result = match crew.muster(pods.collect::<Vec<_>>()).await {
        Ok(Ok(members)) => of_one_device(&crew, &resource, &members).await,
        Ok(Err(gap)) => Ok((gap.clone(), gap)),
        Err(error) => Err(error),
    };
    roster.clear(&context.patience).await;
    drop(lease);
    let (together, same) = result?;
    together.tell(&trial, "H1");
    same.tell(&trial, "H2");
    Ok(())
}

/// H1 and H2: they run together, and two of them say that they are parts of the same device.
async fn of_one_device(
    crew: &Crew<'_>,
    resource: &str,
    members: &[Member],
) -> Result<(Ruling, Ruling), CheckError> {
    let running = crew.running(members).await?;
    let sharers = sharers(members);
    let place = format!("`{resource}` on node `{}`", crew.node);
    let together = judge::together(&place, &sharers, running, crew.vendor);
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
    let same = match pair {
        Some(((whole, one), (_, two))) => {
            Ruling::Right(format!("two pods hold parts of device {whole}: {one} and {two}"))
        }
        None => Ruling::Undecided(format!(
            "no two pods with one of {place} each are on parts that name the same device"
        )),
    };
    Ok((left_to_dra(together), same))
}

fn sharers(members: &[Member]) -> Vec<Sharer<'_>> {
    members
        .iter()
        .map(|member| Sharer {
            pod: member.pod.name(),
            found: member.heard.as_ref().map(|heard| &heard.found),
        })
        .collect()
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

async fn share(crew: &Crew<'_>, spec: &ClaimSpec, whole: &str) -> Result<(Ruling, Ruling), CheckError> {
    const PART: &str = "part";
    crew.roster.namespace().create(spec.template(PART)).await?;
    let pods = ["one", "two"].map(|name| crew.claiming(name, ClaimSource::Template(PART.to_owned())));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => return Ok((gap.clone(), gap)),
    };
    let running = crew.running(&members).await?;
    let sharers = sharers(&members);
    let place = format!("the parts with {whole}");
    let together = judge::together(&place, &sharers, running, crew.vendor);
    Ok((left_to_dra(together), apart(&place, &sharers, crew.vendor)))
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
