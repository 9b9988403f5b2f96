//! When accelerators are ready: published by their driver, or allocatable on the node, and stated in its labels.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::resource::v1::ResourceSlice;
use kube::runtime::watcher::Config;
use kube::{Api, Client};
use plimsoll_defects::Allocation;
use plimsoll_vendors::Vendor;

use super::request::AcceleratorRequest;
use crate::watch::{self, TooLong, Verdict};

/// Waits until every node offers what was asked for.
pub(crate) async fn offered(
    client: &Client,
    nodes: &[String],
    requests: &[AcceleratorRequest],
) -> Result<(), TooLong> {
    let slices: Api<ResourceSlice> = Api::all(client.clone());
    let allocatable: Api<Node> = Api::all(client.clone());
    tokio::try_join!(
        watch::until(
            "accelerators being published",
            slices,
            Config::default(),
            |slices| { first_missing(nodes, requests, |node, request| published(slices, node, request)) }
        ),
        watch::until(
            "accelerators becoming allocatable",
            allocatable,
            Config::default(),
            |all| {
                first_missing(nodes, requests, |node, request| {
                    let node_object = all.get(node);
                    offers(node_object, node, request).or_else(|| stated(node_object, node, request))
                })
            }
        ),
    )?;
    Ok(())
}

fn first_missing(
    nodes: &[String],
    requests: &[AcceleratorRequest],
    missing: impl Fn(&str, &AcceleratorRequest) -> Option<String>,
) -> Verdict {
    let pairs = nodes
        .iter()
        .flat_map(|node| requests.iter().map(move |request| (node, request)));
    match pairs.filter_map(|(node, request)| missing(node, request)).next() {
        Some(reason) => Verdict::NotYet(reason),
        None => Verdict::Met,
    }
}

/// A seeded defect may publish the wrong devices, so what counts is that there are some.
fn published(
    slices: &BTreeMap<String, ResourceSlice>,
    node: &str,
    request: &AcceleratorRequest,
) -> Option<String> {
    let driver = match request.allocation {
        Allocation::Dra => &Vendor::by_id(&request.vendor).ok()?.dra.as_ref()?.driver,
        Allocation::Plugin => return None,
    };
    let is_there = slices.values().any(|slice| {
        slice.spec.driver == *driver
            && slice.spec.node_name.as_deref() == Some(node)
            && slice
                .spec
                .devices
                .as_ref()
                .is_some_and(|devices| !devices.is_empty())
    });
    (!is_there).then(|| format!("no ResourceSlice of `{driver}` for the node `{node}`"))
}

fn offers(node: Option<&Node>, name: &str, request: &AcceleratorRequest) -> Option<String> {
    request.resources().into_iter().find_map(|(resource, wanted)| {
        let allocatable = node.and_then(|node| node.status.as_ref()?.allocatable.as_ref());
        let named = |name: &str| allocatable?.get(name)?.0.parse::<u32>().ok();
        // Seeded defects may offer shares under another name, or fewer than there should be, but each device once.
        let renamed = request.sharing.and_then(|_| named(&format!("{resource}.shared")));
        let count = renamed.or_else(|| named(&resource)).unwrap_or(0);
        (count < wanted).then(|| format!("the node `{name}` has {count} of {wanted} `{resource}`"))
    })
}

/// A node that a seeded defect keeps the labellers off has one vendor's taint instead.
fn stated(node: Option<&Node>, name: &str, request: &AcceleratorRequest) -> Option<String> {
    let vendor = Vendor::by_id(&request.vendor).ok()?;
    let label = vendor.driver.as_ref()?.labels.first()?;
    let labels = node.and_then(|node| node.metadata.labels.as_ref());
    let taints = node.and_then(|node| node.spec.as_ref()?.taints.as_ref());
    let is_tainted = taints.into_iter().flatten().any(|taint| {
        let mut vendors = Vendor::all().iter();
        vendors.any(|vendor| vendor.taints.contains(&taint.key))
    });
    let is_labelled = labels.is_some_and(|labels| labels.contains_key(label));
    (!is_labelled && !is_tainted).then(|| format!("the node `{name}` lacks the label `{label}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn requests() -> Vec<AcceleratorRequest> {
        ["nvidia:2", "amd:2:plugin"]
            .map(|text| text.parse().unwrap())
            .into()
    }

    fn slice(node: &str, devices: usize) -> ResourceSlice {
        let devices: Vec<_> = (0..devices)
            .map(|index| json!({"name": format!("gpu-{index}")}))
            .collect();
        serde_json::from_value(
            json!({"spec": {"driver": "gpu.nvidia.com", "nodeName": node, "devices": devices,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1}}}),
        )
        .unwrap()
    }

    fn with_allocatable(count: &str) -> Node {
        serde_json::from_value(json!({"status": {"allocatable": {"amd.com/gpu": count}}})).unwrap()
    }

    #[test]
    fn published_means_a_slice_with_devices_for_that_very_node() {
        let request = &requests()[0];
        let slices = |slice| BTreeMap::from([("a".to_owned(), slice)]);
        assert_eq!(published(&slices(slice("node-1", 2)), "node-1", request), None);
        for slices in [
            BTreeMap::new(),
            slices(slice("node-2", 2)),
            slices(slice("node-1", 0)),
        ] {
            assert!(
                published(&slices, "node-1", request)
                    .unwrap()
                    .contains("`node-1`")
            );
        }
    }

    #[test]
    fn offered_by_the_plugin_means_the_whole_number_is_allocatable() {
        let request = &requests()[1];
        assert_eq!(offers(Some(&with_allocatable("2")), "node-1", request), None);
        assert!(
            offers(Some(&with_allocatable("1")), "node-1", request)
                .unwrap()
                .contains("1 of 2 `amd.com/gpu`")
        );
        assert!(offers(Some(&Node::default()), "node-1", request).is_some());
        assert!(offers(None, "node-1", request).is_some());
    }

    #[test]
    fn a_vendor_with_a_labeller_is_ready_once_its_label_is_there() {
        let nvidia = &requests()[0];
        let node = |metadata, spec| -> Node {
            serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
        };
        let bare = node(json!({}), json!({}));
        assert!(
            stated(Some(&bare), "node-1", nvidia)
                .unwrap()
                .contains("lacks the label")
        );
        let label = "nvidia.com/cuda.driver-version.full";
        let labelled = node(json!({"labels": {label: "580.1.2"}}), json!({}));
        assert_eq!(stated(Some(&labelled), "node-1", nvidia), None);
        let taints = json!({"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]});
        for request in &requests() {
            let tainted = node(json!({}), taints.clone());
            assert_eq!(stated(Some(&tainted), "node-1", request), None);
        }
    }

    #[test]
    fn nothing_asked_for_is_nothing_to_wait_for() {
        let nodes = ["node-1".to_owned()];
        assert_eq!(
            first_missing(&nodes, &[], |_, _| Some("missing".to_owned())),
            Verdict::Met
        );
    }
}
