//! D2: what a driver publishes, as far as the slices alone tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::{
    Api,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Condition, Deadline, DeadlineKind, Progress, Seen, WaitError, Watched,
    dra::{self, Slice},
};
use plimsoll_vendors::Vendor;

use super::hardware::is_same_hardware;
use crate::{
    CheckError, Context,
    probe_pod::{Ruling, identities, read_slice},
};

/// How long a driver may take to put its pools in order: while it changes one, it is not complete.
const SETTLING: Deadline = Deadline {
    name: "pools in order",
    kind: DeadlineKind::Patience,
    within: Duration::from_secs(10),
};

/// Reads all slices.
pub(super) async fn read(context: &Context) -> Result<Vec<Slice>, CheckError> {
    let Some(kind) = kind(context).await? else {
        return Ok(Vec::new());
    };
    let api: Api<DynamicObject> = Api::all_with(context.platform.client(), &kind);
    let mut slices = Vec::new();
    let mut page = ListParams::default().limit(500);
    loop {
        let list = api.list(&page).await.map_err(|source| CheckError::Api {
            what: "list resourceslices".to_owned(),
            source,
        })?;
        slices.extend(list.items.iter().filter_map(read_slice));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(slices),
        }
    }
}

/// The slices of one driver, once they are in order or have had their time to be.
pub(super) async fn settled(
    context: &Context,
    driver: &str,
    vendor: Option<&Vendor>,
) -> Result<Vec<Slice>, CheckError> {
    let Some(kind) = kind(context).await? else {
        return Ok(Vec::new());
    };
    let api: Api<DynamicObject> = Api::all_with(context.platform.client(), &kind);
    let nodes = ready_nodes(context);
    let in_order = |seen: &Seen<DynamicObject>| {
        let slices: Vec<Slice> = seen.iter().filter_map(read_slice).collect();
        match judge(driver, &slices, &nodes, vendor) {
            Ruling::Right(_) => Progress::Met,
            Ruling::Wrong(why) | Ruling::Undecided(why) => Progress::NotYet(why),
        }
    };
    let on = format!("the pools of driver {driver} to be in order");
    let watched = Watched::selected(api, &format!("spec.driver={driver}"));
    match watched.until(in_order.called(on.clone()), SETTLING).await {
        Ok(seen) => Ok(seen.iter().filter_map(read_slice).collect()),
        Err(WaitError::Elapsed { api: None, .. }) => Ok(read(context)
            .await?
            .into_iter()
            .filter(|slice| slice.driver == driver)
            .collect()),
        Err(source) => Err(CheckError::Wait { on, source }),
    }
}

/// The nodes that are Ready.
pub(super) fn ready_nodes(context: &Context) -> BTreeSet<String> {
    context
        .inventory
        .nodes
        .iter()
        .filter(|node| node.ready)
        .map(|node| node.name.clone())
        .collect()
}

async fn kind(context: &Context) -> Result<Option<ApiResource>, CheckError> {
    let apis = context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    Ok(dra::resource(&apis, "ResourceSlice"))
}

/// Decides about all slices of one driver. `nodes` are the nodes that are Ready.
pub(super) fn judge(
    driver: &str,
    slices: &[Slice],
    nodes: &BTreeSet<String>,
    vendor: Option<&Vendor>,
) -> Ruling {
    let pools = by_pool(slices);
    if pools.is_empty() {
        return Ruling::Undecided(format!("driver `{driver}` publishes no ResourceSlice"));
    }
    let mut devices = 0;
    for (pool, slices) in &pools {
        if let Some(fault) = pool_fault(driver, pool, slices, nodes) {
            return Ruling::Wrong(fault);
        }
        devices += current(slices)
            .iter()
            .map(|slice| slice.devices.len())
            .sum::<usize>();
    }
    if devices == 0 {
        return Ruling::Wrong(format!(
            "driver `{driver}` publishes {} pools without a device",
            pools.len()
        ));
    }
    if let Some(twice) = published_twice(&pools, vendor) {
        return Ruling::Wrong(twice);
    }
    let identified = pools
        .values()
        .flat_map(|slices| current(slices))
        .flat_map(|slice| {
            slice
                .devices
                .iter()
                .map(move |device| identities(&slice.driver, device, vendor))
        })
        .filter(|identities| !identities.is_empty())
        .count();
    Ruling::Right(format!(
        "driver `{driver}` publishes {devices} devices in {} complete pools of one generation each; {identified} \
         of them say which hardware they are, and no two the same",
        pools.len()
    ))
}

/// The slices of each pool of one driver.
fn by_pool(slices: &[Slice]) -> BTreeMap<&str, Vec<&Slice>> {
    let mut pools: BTreeMap<&str, Vec<&Slice>> = BTreeMap::new();
    for slice in slices {
        pools.entry(&slice.pool).or_default().push(slice);
    }
    pools
}

/// The slices of the newest generation: all others are out of date.
pub(super) fn current<'a>(slices: &[&'a Slice]) -> Vec<&'a Slice> {
    let newest = slices.iter().map(|slice| slice.generation).max();
    slices
        .iter()
        .copied()
        .filter(|slice| Some(slice.generation) == newest)
        .collect()
}

fn pool_fault(driver: &str, pool: &str, slices: &[&Slice], nodes: &BTreeSet<String>) -> Option<String> {
    let newest = current(slices);
    let first = newest.first()?;
    let on = first
        .node
        .as_deref()
        .map_or_else(String::new, |node| format!(" on node `{node}`"));
    if first.node.as_ref().is_some_and(|node| !nodes.contains(node)) {
        // A node that is away can't keep its pool in order, and nothing is allocated from there.
        return None;
    }
    let (found, due) = (newest.len(), first.pool_slices);
    if i64::try_from(found) != Ok(due) {
        return Some(format!(
            "pool `{pool}` of driver `{driver}`{on} is incomplete: generation {} announces {due} slices and has \
             {found}, so that nothing can be allocated from it",
            first.generation
        ));
    }
    if let Some(stale) = slices.iter().find(|slice| slice.generation < first.generation) {
        return Some(format!(
            "slice `{}` of pool `{pool}` of driver `{driver}`{on} is stale: it is of generation {}, the newest is \
             {}, and its {} devices are still listed",
            stale.name,
            stale.generation,
            first.generation,
            stale.devices.len()
        ));
    }
    let mut names = BTreeSet::new();
    let twice = newest
        .iter()
        .flat_map(|slice| &slice.devices)
        .find(|device| !names.insert(&device.name))?;
    Some(format!(
        "pool `{pool}` of driver `{driver}`{on} lists device `{}` twice",
        twice.name
    ))
}

/// Two devices that are one piece of hardware and could both be allocated.
fn published_twice(pools: &BTreeMap<&str, Vec<&Slice>>, vendor: Option<&Vendor>) -> Option<String> {
    let devices: Vec<_> = pools
        .values()
        .flat_map(|slices| current(slices))
        .flat_map(|slice| slice.devices.iter().map(move |device| (slice, device)))
        .collect();
    for (position, (slice, device)) in devices.iter().enumerate() {
        for (other_slice, other) in &devices[position + 1..] {
            if is_same_hardware((slice, device), (other_slice, other), vendor) {
                let shared = identities(&slice.driver, device, vendor);
                let shared = shared.first().cloned().unwrap_or_default();
                return Some(format!(
                    "one piece of hardware is published twice: `{}` of pool `{}` and `{}` of pool `{}` have the \
                     same uuid {shared}",
                    device.name, slice.pool, other.name, other_slice.pool
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(pool: &str, generation: i64, count: i64, devices: &Value) -> Slice {
        Slice::read(&json!({
            "metadata": {"name": format!("{pool}-{generation}")},
            "spec": {
                "driver": "gpu.nvidia.com", "nodeName": pool, "devices": devices,
                "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
            },
        }))
        .unwrap()
    }

    fn device(name: &str, uuid: &str) -> Value {
        json!({"name": name, "attributes": {"uuid": {"string": uuid}}})
    }

    fn rule(slices: &[Slice]) -> Ruling {
        let nodes = ["n1".to_owned(), "n2".to_owned()].into();
        judge("gpu.nvidia.com", slices, &nodes, Vendor::by_id("nvidia").ok())
    }

    #[test]
    fn no_slice_proves_nothing() {
        assert!(matches!(rule(&[]), Ruling::Undecided(_)));
    }

    #[test]
    fn complete_pools_of_different_hardware_are_right() {
        let slices = [
            slice("n1", 1, 1, &json!([device("a", "U1")])),
            slice("n2", 4, 1, &json!([device("a", "U2")])),
        ];
        assert!(rule(&slices).is_right(), "{:?}", rule(&slices));
    }

    #[test]
    fn a_pool_without_a_device_is_wrong() {
        assert!(rule(&[slice("n1", 1, 1, &json!([]))]).is_wrong());
    }

    #[test]
    fn a_missing_slice_makes_a_pool_incomplete() {
        let ruling = rule(&[slice("n1", 2, 2, &json!([device("a", "U1")]))]);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("incomplete"),
            "{ruling:?}"
        );
    }

    #[test]
    fn a_slice_of_an_older_generation_is_stale() {
        let slices = [
            slice("n1", 2, 1, &json!([device("a", "U1")])),
            slice("n1", 1, 1, &json!([device("b", "U9")])),
        ];
        let ruling = rule(&slices);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("stale"),
            "{ruling:?}"
        );
    }

    #[test]
    fn one_hardware_under_two_names_is_wrong() {
        for other in ["n1", "n2"] {
            let slices = if other == "n1" {
                vec![slice("n1", 1, 1, &json!([device("a", "U1"), device("b", "U1")]))]
            } else {
                vec![
                    slice("n1", 1, 1, &json!([device("a", "U1")])),
                    slice(other, 1, 1, &json!([device("b", "U1")])),
                ]
            };
            let ruling = rule(&slices);
            assert!(
                ruling.is_wrong() && ruling.detail().contains("same uuid"),
                "{ruling:?}"
            );
        }
    }

    #[test]
    fn one_name_twice_in_a_pool_is_wrong() {
        assert!(rule(&[slice("n1", 1, 1, &json!([device("a", "U1"), device("a", "U2")]))]).is_wrong());
    }

    #[test]
    fn partitions_that_exclude_each_other_may_be_of_one_hardware() {
        let part = |name: &str| {
            let mut part = device(name, "U1");
            part["consumesCounters"] =
                json!([{"counterSet": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}]);
            part
        };
        let slices = [slice("n1", 1, 1, &json!([part("a"), part("b")]))];
        assert!(rule(&slices).is_right(), "{:?}", rule(&slices));
    }

    #[test]
    fn the_pool_of_a_node_that_is_away_accuses_nobody() {
        let slices = [
            slice("away", 2, 2, &json!([device("a", "U1")])),
            slice("n1", 1, 1, &json!([device("a", "U2")])),
        ];
        assert!(rule(&slices).is_right());
    }
}
