//! Builds the picture that rules decide on from the API's objects. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::{
    core::v1::{Node, Pod, PodResourceClaim},
    resource::v1::{DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice},
};
use kube::{ResourceExt, api::DynamicObject};
use plimsoll_vendors::Vendor;

use super::{
    GATE,
    affinity::Wishes,
    demand::{self, Demand},
    quantity::thousandths,
    room::{Candidate, Guest, NodeRoom, Room},
    rule::{Gang, Member, State, World},
};

/// Everything that decides about room.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// When they were so, in seconds of an epoch.
    pub(super) now: i64,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) groups: Vec<Arc<DynamicObject>>,
    pub(super) slices: Vec<Arc<ResourceSlice>>,
    pub(super) classes: Vec<Arc<DeviceClass>>,
    pub(super) claims: Vec<Arc<ResourceClaim>>,
    pub(super) templates: Vec<Arc<ResourceClaimTemplate>>,
}

/// The picture of now.
pub(super) fn build(objects: &Objects) -> World {
    let taken = allocated(&objects.claims);
    let total = room(objects, &BTreeSet::new());
    let mut free = room(objects, &taken);
    for pod in objects.pods.iter().filter(|pod| !demand::is_finished(pod)) {
        let Some(spec) = &pod.spec else { continue };
        let node = free
            .0
            .iter_mut()
            .find(|node| Some(&node.name) == spec.node_name.as_ref());
        if let Some(node) = node {
            // Its devices are counted by its claims.
            node.take(&Demand {
                resources: demand::resources(spec),
                ..Demand::default()
            });
            node.guests.push(guest(pod));
        }
    }
    World {
        now: objects.now,
        total,
        free,
        gangs: gangs(objects),
    }
}

fn room(objects: &Objects, taken: &BTreeSet<Device>) -> Room {
    let devices = devices(objects, taken);
    let nodes = objects.nodes.iter().filter(|node| is_usable(node));
    Room(
        nodes
            .map(|node| {
                let name = node.name_any();
                let allocatable = node
                    .status
                    .as_ref()
                    .and_then(|status| status.allocatable.as_ref());
                NodeRoom {
                    labels: node.labels().clone(),
                    taints: node
                        .spec
                        .as_ref()
                        .and_then(|spec| spec.taints.clone())
                        .unwrap_or_default(),
                    resources: allocatable
                        .into_iter()
                        .flatten()
                        .map(|(resource, quantity)| (resource.clone(), thousandths(quantity)))
                        .collect(),
                    devices: devices.get(&name).cloned().unwrap_or_default(),
                    guests: Vec::new(),
                    name,
                }
            })
            .collect(),
    )
}

fn is_usable(node: &Node) -> bool {
    let cordoned = node
        .spec
        .as_ref()
        .and_then(|spec| spec.unschedulable)
        .unwrap_or(false);
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ready && !cordoned
}

/// Driver, pool and name.
type Device = (String, String, String);

/// Devices that claims hold.
fn allocated(claims: &[Arc<ResourceClaim>]) -> BTreeSet<Device> {
    let allocations = claims
        .iter()
        .filter_map(|claim| claim.status.as_ref()?.allocation.as_ref()?.devices.as_ref());
    let results = allocations
        .filter_map(|devices| devices.results.as_ref())
        .flatten();
    results
        .filter(|result| result.admin_access != Some(true))
        .map(|result| (result.driver.clone(), result.pool.clone(), result.device.clone()))
        .collect()
}

/// Devices by node and DeviceClass that are not `taken`; only those of complete pools, untainted.
fn devices(objects: &Objects, taken: &BTreeSet<Device>) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut counts: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for slice in &objects.slices {
        let spec = &slice.spec;
        let Some(node) = spec
            .node_name
            .clone()
            .filter(|_| is_current(slice, &objects.slices))
        else {
            continue;
        };
        for device in spec
            .devices
            .iter()
            .flatten()
            .filter(|device| device.taints.iter().flatten().count() == 0)
        {
            let key = (spec.driver.clone(), spec.pool.name.clone(), device.name.clone());
            if taken.contains(&key) {
                continue;
            }
            let kind = |name: &str| device.attributes.as_ref()?.get(name)?.string.clone();
            for class in objects
                .classes
                .iter()
                .filter(|class| selects(class, &spec.driver, kind))
            {
                *counts
                    .entry(node.clone())
                    .or_default()
                    .entry(class.name_any())
                    .or_default() += 1;
            }
        }
    }
    counts
}

/// Whether a slice is of its pool's newest generation, all of which is there.
fn is_current(slice: &ResourceSlice, slices: &[Arc<ResourceSlice>]) -> bool {
    let of_pool = |other: &&Arc<ResourceSlice>| {
        other.spec.driver == slice.spec.driver && other.spec.pool.name == slice.spec.pool.name
    };
    let pool = slices.iter().filter(of_pool).map(|other| &other.spec.pool);
    let newest = pool.clone().map(|pool| pool.generation).max();
    let count = pool.filter(|pool| Some(pool.generation) == newest).count() as i64;
    Some(slice.spec.pool.generation) == newest && count == slice.spec.pool.resource_slice_count
}

/// Whether a class selects devices of that driver and kind. Selectors are expressions that only the scheduler
/// evaluates; the lab's own classes are known by their vendor's profile, others by the driver they name.
fn selects(class: &DeviceClass, driver: &str, attribute: impl Fn(&str) -> Option<String>) -> bool {
    let name = class.name_any();
    let profile = Vendor::by_driver(driver).and_then(|vendor| vendor.dra.as_ref());
    if let Some(dra) = profile.filter(|dra| dra.device_classes.contains(&name)) {
        let (Some(parts), Some(of_type)) = (&dra.partition_class, &dra.type_attribute) else {
            return true;
        };
        let kind = if *parts == name {
            &dra.partition_type
        } else {
            &dra.device_type
        };
        return attribute(of_type) == *kind;
    }
    let selectors = class.spec.as_ref().and_then(|spec| spec.selectors.as_ref());
    let mut expressions = selectors
        .into_iter()
        .flatten()
        .filter_map(|selector| selector.cel.as_ref());
    expressions.any(|cel| cel.expression.contains(&format!("\"{driver}\"")))
}

fn gangs(objects: &Objects) -> Vec<Gang> {
    let mut groups: Vec<&Arc<DynamicObject>> = objects.groups.iter().collect();
    groups.sort_by_key(|group| (group.creation_timestamp(), group.name_any()));
    groups
        .into_iter()
        .filter(|group| group.metadata.deletion_timestamp.is_none())
        .filter_map(|group| {
            let min_count = group.data["spec"]["schedulingPolicy"]["gang"]["minCount"].as_u64()?;
            let key = (group.namespace().unwrap_or_default(), group.name_any());
            Some(Gang {
                uid: group.uid().unwrap_or_default(),
                generation: group.metadata.generation.unwrap_or_default(),
                min_count: usize::try_from(min_count).unwrap_or(usize::MAX),
                members: members(objects, &key),
                key,
            })
        })
        .collect()
}

fn members(objects: &Objects, key: &(String, String)) -> Vec<Member> {
    let belongs = |pod: &&Arc<Pod>| {
        let group = pod.spec.as_ref().and_then(|spec| spec.scheduling_group.as_ref());
        let group = group.and_then(|group| group.pod_group_name.as_ref());
        pod.namespace().as_ref() == Some(&key.0) && group == Some(&key.1)
    };
    let mut pods: Vec<&Arc<Pod>> = objects.pods.iter().filter(belongs).collect();
    pods.sort_by_key(|pod| (pod.creation_timestamp(), pod.name_any()));
    let live = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none() && !demand::is_finished(pod));
    let mut counted = BTreeSet::new();
    live.map(|pod| Member {
        name: pod.name_any(),
        created: pod.creation_timestamp().map_or(0, |at| at.0.as_second()),
        state: state(pod),
        candidate: Candidate {
            guest: guest(pod),
            demand: demand_of(pod, objects, &mut counted),
        },
    })
    .collect()
}

fn state(pod: &Pod) -> State {
    let Some(spec) = &pod.spec else { return State::Held };
    let held = spec
        .scheduling_gates
        .iter()
        .flatten()
        .any(|gate| gate.name == GATE);
    match (&spec.node_name, held) {
        (Some(_), _) => State::Bound,
        (None, true) => State::Held,
        (None, false) => State::Admitted,
    }
}

fn guest(pod: &Pod) -> Guest {
    Guest {
        namespace: pod.namespace().unwrap_or_default(),
        labels: pod.labels().clone(),
        wishes: pod.spec.as_ref().map(Wishes::of).unwrap_or_default(),
    }
}

/// What a pod asks for; a claim that several members share is counted with the first, one that has its devices
/// already with nobody.
fn demand_of(pod: &Pod, objects: &Objects, counted: &mut BTreeSet<String>) -> Demand {
    let Some(spec) = &pod.spec else {
        return Demand::default();
    };
    let mut demand = Demand {
        resources: demand::resources(spec),
        ..Demand::default()
    };
    for reference in spec.resource_claims.iter().flatten() {
        for (class, count) in claimed(pod, reference, objects, counted) {
            *demand.devices.entry(class).or_default() += count;
        }
    }
    demand
}

fn claimed(
    pod: &Pod,
    reference: &PodResourceClaim,
    objects: &Objects,
    counted: &mut BTreeSet<String>,
) -> BTreeMap<String, u32> {
    let namespace = pod.namespace();
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.resource_claim_statuses.as_ref());
    let generated = statuses
        .into_iter()
        .flatten()
        .find(|status| status.name == reference.name);
    let name = reference
        .resource_claim_name
        .as_ref()
        .or(generated.and_then(|status| status.resource_claim_name.as_ref()));
    let claim = objects
        .claims
        .iter()
        .find(|claim| claim.namespace() == namespace && Some(&claim.name_any()) == name);
    if let Some(claim) = claim {
        let has_devices = claim
            .status
            .as_ref()
            .is_some_and(|status| status.allocation.is_some());
        if has_devices || !counted.insert(claim.name_any()) {
            return BTreeMap::new();
        }
        return claim
            .spec
            .as_ref()
            .and_then(|spec| spec.devices.as_ref())
            .map(demand::devices)
            .unwrap_or_default();
    }
    let template = objects.templates.iter().find(|template| {
        template.namespace() == namespace
            && Some(&template.name_any()) == reference.resource_claim_template_name.as_ref()
    });
    template
        .and_then(|template| template.spec.as_ref()?.spec.as_ref()?.devices.as_ref())
        .map(demand::devices)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
