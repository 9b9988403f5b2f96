//! Shares that a device plugin offers: all of one node at once, one more, and the same devices whole.

use plimsoll_platform::{
    Inventory, Lease, Path, WholeNode,
    survey::{Accelerator, Node},
};
use plimsoll_vendors::Vendor;

use super::{
    ground::{lent, with_crew},
    judge::{self, Sharer},
};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{ClaimSource, ClaimSpec, Crew, ProbePod, Request, Ruling, chain, slowest},
};

/// More pods on one node show nothing more.
const MOST: usize = 24;

/// What is known of a node's shares before any is taken.
struct Shares<'a> {
    resource: &'a str,
    node: &'a Node,
    vendor: Option<&'static Vendor>,
    /// How many shares there should be, by what the node says of its devices and their division.
    configured: Option<u64>,
    /// How many devices it says it has.
    devices: Option<u64>,
    /// How many shares are free.
    free: usize,
}

impl Shares<'_> {
    fn place(&self) -> String {
        format!("`{}` on node `{}`", self.resource, self.node.name)
    }
}

/// Tries the shares of one resource on one of these nodes.
pub(super) async fn run(context: &Context, resource: String, nodes: Vec<String>) -> Result<(), CheckError> {
    let path = Path::DevicePlugin {
        resource: resource.clone(),
    };
    let strategy = nodes
        .iter()
        .find_map(|node| context.inventory.node(node)?.sharing(&resource))
        .map_or_else(|| "time-slicing".to_owned(), |sharing| sharing.strategy);
    let trial = context.trial(format!("{strategy}/{resource}"));
    let ask = WholeNode {
        path,
        nodes: with_whole(context, &resource, nodes),
        min: 2,
    };
    let Some(lease) = lent(&trial, context.budget.acquire_node(ask).await) else {
        return Ok(());
    };
    let Some(node) = context.inventory.node(lease.node()) else {
        trial.undecided("H1", format!("node `{}` is not known", lease.node()));
        return Ok(());
    };
    let sharing = node.sharing(&resource);
    let replicas = sharing.as_ref().and_then(|sharing| sharing.replicas);
    let devices = sharing.as_ref().and_then(|sharing| sharing.devices);
    let shares = Shares {
        resource: &resource,
        node,
        vendor: Vendor::by_resource(&resource),
        configured: replicas
            .zip(devices)
            .map(|(replicas, devices)| replicas * devices),
        devices,
        free: lease.total(),
    };
    if let Some(ruling) = missing(&shares) {
        ruling.tell(&trial, "H1");
        return Ok(());
    }
    with_crew(context, &lease, shares.vendor, async |crew| {
        controls(crew, &shares, &trial).await
    })
    .await
}

/// Those of the nodes that offer whole devices of the vendor as well, where there are any: only there H4 can be told.
fn with_whole(context: &Context, resource: &str, nodes: Vec<String>) -> Vec<String> {
    let inventory = &context.inventory;
    let both: Vec<String> = nodes
        .iter()
        .filter(|name| {
            inventory
                .node(name)
                .is_some_and(|node| whole_pool(inventory, node, resource).is_some())
        })
        .cloned()
        .collect();
    if both.is_empty() { nodes } else { both }
}

/// The whole devices of the vendor of `resource` that the node offers in another way.
fn whole_pool<'a>(inventory: &'a Inventory, node: &Node, resource: &str) -> Option<&'a Accelerator> {
    let vendor = Vendor::by_resource(resource)?;
    inventory.accelerators.iter().find(|pool| {
        let is_whole = match &pool.path {
            Path::DevicePlugin { resource: other } => other != resource && node.sharing(other).is_none(),
            Path::Dra { .. } => true,
        };
        is_whole && pool.node == node.name && pool.free > 0 && pool.vendor.as_deref() == Some(&vendor.id)
    })
}

/// H1: a node offers as many shares as it says its devices are divided into.
fn missing(shares: &Shares<'_>) -> Option<Ruling> {
    let configured = shares.configured?;
    let offered = shares
        .node
        .accelerators
        .get(shares.resource)
        .map_or(0, |counted| counted.capacity);
    (offered < configured).then(|| {
        Ruling::Wrong(format!(
            "the labels of node `{}` tell of {configured} shares, and it offers {offered} of `{}`: the devices are not \
             divided as it says",
            shares.node.name, shares.resource
        ))
    })
}

async fn controls(crew: &Crew<'_>, shares: &Shares<'_>, trial: &Trial) -> Result<(), CheckError> {
    let place = shares.place();
    let configured = shares
        .configured
        .and_then(|configured| usize::try_from(configured).ok());
    // What other people hold of the configured shares is missing here.
    let taken = shares
        .node
        .accelerators
        .get(shares.resource)
        .map_or(0, |counted| counted.used);
    let taken = usize::try_from(taken).unwrap_or(usize::MAX);
    let limit = configured.map_or(shares.free, |configured| {
        configured.saturating_sub(taken).min(shares.free)
    });
    let holders = limit.min(MOST);
    let pods = (0..holders).map(|index| crew.asking(&format!("share-{index}"), shares.resource, 1));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => {
            gap.tell(trial, "H1");
            return Ok(());
        }
    };
    let running = crew.running(&members).await?;
    let sharers: Vec<Sharer<'_>> = members.iter().map(Sharer::of).collect();
    let together = judge::together(&place, &sharers, running, shares.vendor);
    let all_run = together.is_right();
    together.tell(trial, "H1");
    let devices = shares.devices.and_then(|devices| usize::try_from(devices).ok());
    // Where all shares are held, those of one device are, too.
    let is_crowded =
        devices.is_some_and(|devices| holders > devices) || (taken == 0 && holders == shares.free);
    judge::same_metal(&place, &sharers, is_crowded, shares.vendor).tell(trial, "H2");
    if !all_run {
        return Ok(());
    }
    if let Some(ruling) = whole(crew, shares, &sharers).await? {
        ruling.tell(trial, "H4");
    }
    let is_full = holders == limit;
    let wanted = if is_full { 1 } else { shares.free - holders + 1 };
    let what = format!("{wanted} of {place}");
    let window = crew.context.patience.hold(slowest(&members));
    let extra = crew.asking("too-many", shares.resource, wanted);
    let release = members.first().map(|member| &member.pod).filter(|_| is_full);
    let ruling = crew.one_too_many(&extra, &what, window, release).await?;
    ruling.tell(trial, "H3");
    Ok(())
}

/// H4: asks for a whole device of the same vendor on the same node, while all shares are held. `None` where none is
/// offered.
async fn whole(
    crew: &Crew<'_>,
    shares: &Shares<'_>,
    sharers: &[Sharer<'_>],
) -> Result<Option<Ruling>, CheckError> {
    let node = &shares.node.name;
    let Some(pool) = whole_pool(&crew.context.inventory, shares.node, shares.resource) else {
        return Ok(None);
    };
    let ask = WholeNode {
        path: pool.path.clone(),
        nodes: vec![node.clone()],
        min: 1,
    };
    let lease: Lease = match crew.context.budget.acquire_node(ask).await {
        Ok(lease) => lease,
        Err(error) => return Ok(Some(Ruling::Undecided(error.to_string()))),
    };
    // One for each device that is offered whole: the last of them can't be one that is shared.
    let mut rulings = Vec::new();
    let mut given = Vec::new();
    for index in 0..lease.total().min(MOST) {
        let name = format!("whole-{index}");
        let pod = match &pool.path {
            Path::DevicePlugin { resource } => crew.asking(&name, resource, 1),
            Path::Dra { class, api, .. } => claimant(crew, &name, class, api).await?,
        };
        let members = match crew.muster([pod]).await? {
            Ok(members) => members,
            Err(gap) => {
                rulings.push(gap);
                break;
            }
        };
        let Some(member) = members.first() else { break };
        given.push(member.pod.clone());
        match &member.heard {
            Ok(heard) => rulings.push(judge::apart(
                &shares.place(),
                sharers,
                (&name, &heard.found),
                shares.vendor,
            )),
            // A platform that keeps them apart by not giving it is as right.
            Err(error) if error.blames_platform() => rulings.push(Ruling::Right(format!(
                "no whole device is given away while its shares are held: {}",
                chain(error)
            ))),
            Err(error) => rulings.push(Ruling::Undecided(chain(error))),
        }
        if !rulings.iter().all(Ruling::is_right) {
            break;
        }
    }
    for pod in given {
        pod.remove(&crew.context.patience).await?;
    }
    drop(lease);
    Ok(Some(Ruling::all(rulings)))
}

/// A pod that asks for one device of a class.
async fn claimant(crew: &Crew<'_>, name: &str, class: &str, api: &str) -> Result<ProbePod, CheckError> {
    let spec = ClaimSpec::single(api, Request::of(class));
    crew.roster.namespace().create(spec.template(name)).await?;
    Ok(crew.claiming(name, ClaimSource::Template(name.to_owned())))
}
