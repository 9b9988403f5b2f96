//! Y4: where a kubelet promises to keep a pod on one NUMA node, its whole processors are beside its device.
//!
//! Devices of plugins only: what is claimed (DRA) is no part of the kubelet's promise.

mod judge;
mod policy;

use plimsoll_platform::{Accelerator, Ask, Path, Placement as Room, PodSecurity, survey::Node};
use plimsoll_vendors::Vendor;
use serde_json::json;

use self::{
    judge::{Found, Inapplicable},
    policy::Policy,
};
use crate::{
    CheckError, Context,
    probe_pod::{
        Grant, Look, Placement, Privilege, ProbeContainer, ProbePod, Roster, Ruling, chain, holdings,
    },
};

/// So many nodes' kubelets are asked what they promise.
const ASKED: usize = 8;

const PROBE: &str = "probe";

/// Tries it, where it is promised. Nothing where it is not, with the reason as a fact.
pub(super) async fn run(context: &Context) -> Result<Option<Ruling>, CheckError> {
    let absent = |why: String| {
        context.observe("processors beside devices", json!(why));
        None
    };
    let candidates: Vec<&Accelerator> = context
        .inventory
        .accelerators
        .iter()
        .filter(|pool| is_candidate(context, pool))
        .collect();
    let mut nodes: Vec<&str> = candidates.iter().map(|pool| pool.node.as_str()).collect();
    nodes.dedup();
    nodes.truncate(ASKED);
    if nodes.is_empty() {
        return Ok(absent(
            "not tried: no device plugin has a whole device free, and what is claimed is no part of the kubelet's promise"
                .to_owned(),
        ));
    }
    let apis = context
        .platform
        .discover()
        .await
        .map_err(|error| CheckError::Api {
            what: error.what,
            source: error.source,
        })?;
    let policies = policy::of(&context.platform.client(), &apis, &nodes).await;
    let promising = |pool: &&&Accelerator| policies.get(&pool.node).is_some_and(Policy::keeps_together);
    let Some(pool) = candidates.iter().find(promising) else {
        return Ok(absent(match policies.iter().next() {
            Some((node, policy)) => format!(
                "not tried: no kubelet promises it; that of node `{node}` has the topology policy {}, by {}",
                policy.topology, policy.source
            ),
            None => "not tried: what kubelets promise is not known; a NodeResourceTopology of each node \
                     (topology.node.k8s.io), or leave to get nodes/proxy, would tell"
                .to_owned(),
        }));
    };
    match on(context, pool).await? {
        Ok(ruling) => Ok(Some(ruling)),
        Err(Inapplicable(why)) => Ok(absent(format!("not tried: {why}"))),
    }
}

/// Whether whole devices of a plugin are free on a node that takes pods.
fn is_candidate(context: &Context, pool: &Accelerator) -> bool {
    let node = context.inventory.node(&pool.node);
    let Path::DevicePlugin { resource } = &pool.path else {
        return false;
    };
    pool.free > 0
        && !pool.path.is_of_parts()
        && node.is_some_and(|node| node.ready && node.schedulable && node.sharing(resource).is_none())
}

/// A Guaranteed pod with a device and whole processors on that node.
async fn on(context: &Context, pool: &Accelerator) -> Result<Result<Ruling, Inapplicable>, CheckError> {
    let Path::DevicePlugin { resource } = &pool.path else {
        return Ok(Err(Inapplicable("not a device plugin's".to_owned())));
    };
    let ask = Ask {
        path: pool.path.clone(),
        min: 1,
        max: 1,
        placement: Room::SameNode,
    };
    let _lease = match context.budget.acquire_on(&pool.node, ask).await {
        Ok(lease) => lease,
        Err(error) => return Ok(Ok(Ruling::Undecided(error.to_string()))),
    };
    let namespace = context
        .workspace
        .namespace("processors", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let ruling = with_pod(context, &roster, pool, resource).await;
    // Nothing may hold a device when the lease ends.
    roster.clear(&context.patience).await;
    ruling
}

async fn with_pod(
    context: &Context,
    roster: &Roster,
    pool: &Accelerator,
    resource: &str,
) -> Result<Result<Ruling, Inapplicable>, CheckError> {
    let vendor = Vendor::by_resource(resource);
    let node = context.inventory.node(&pool.node);
    let asked = node.map_or(1, whole_processors);
    let look = Look::at(vendor).reading(judge::files()).staying();
    let container = ProbeContainer::new(PROBE, look.args())
        .privilege(Privilege::Root)
        .grant(Grant::Resource {
            name: resource.to_owned(),
            count: 1,
        })
        .whole_processors(asked);
    let pod = ProbePod::new("whole", &context.probe)
        .placed(&node.map_or_else(Placement::anywhere, Placement::on))
        .container(container);
    let undecided = |why: String| Ok::<_, Inapplicable>(Ruling::Undecided(why));
    let pod = match roster.start(&pod).await {
        Ok(pod) => pod,
        Err(CheckError::Create(refusal)) => return Ok(undecided(chain(&refusal))),
        Err(error) => return Err(error),
    };
    let heard = async {
        pod.started(&context.patience).await?;
        pod.report(PROBE, &context.patience).await
    };
    let transcript = match heard.await {
        Ok(transcript) => transcript,
        // That there is room beside the device is nothing that anybody promised.
        Err(error) => {
            return Ok(undecided(format!(
                "a pod with one {resource} and {asked} whole processors on node `{}` told nothing: {}",
                pool.node,
                chain(&error)
            )));
        }
    };
    let held = holdings(&transcript, vendor);
    let identities = held
        .iter()
        .flat_map(|holding| &holding.nodes)
        .filter_map(|node| node.identity.as_ref());
    let device = identities.into_iter().find_map(|identity| identity.numa_node);
    let found = Found::read(&transcript, device);
    context.observe(
        format!("processors of pod {}/{}", roster.namespace().name(), pod.name()),
        json!({
            "node": pool.node, "resource": resource, "asked": asked, "processors": found.cpus, "memory": found.memory,
            "device": found.device, "numa": found.nodes,
        }),
    );
    Ok(judge::judge(&found, &pool.node, asked))
}

/// Two, where that is no large part of the node.
fn whole_processors(node: &Node) -> u32 {
    let cpu = node
        .allocatable
        .get("cpu")
        .and_then(|cpu| cpu.parse::<u32>().ok());
    if cpu.is_some_and(|cpu| cpu >= 8) { 2 } else { 1 }
}
