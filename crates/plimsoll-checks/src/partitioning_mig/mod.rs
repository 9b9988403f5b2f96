//! `partitioning_mig`: hardware partitions are what their profiles say, and kept apart.
//!
//! One trial per DRA driver and per vendor's device plugin that offers partitions, on its best node, which is borrowed
//! whole. Where the whole device is offered as well, it is held first (R4); then every partition that can be had at the
//! same time is held at once, each by a pod of its own that also tries to reach what the pods before it hold (R1, R2, R3,
//! R5), while the node's exporter is visited ([`series`], R6). [`judge`] decides from what the probes report. At last the node
//! is asked to be divided anew ([`anew`], R7), where that is allowed.

mod anew;
mod declaration;
mod judge;
mod offered;
mod series;
mod trial;

use async_trait::async_trait;
use futures::future::try_join_all;
use plimsoll_platform::{Inventory, Path};
use plimsoll_vendors::Vendor;

use crate::{
    Check, CheckError, Conclusion, Context, Declaration,
    parts::{self, Kind, offers, slices},
};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct PartitioningMig;

#[async_trait(?Send)]
impl Check for PartitioningMig {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let slices = slices(context).await?;
        let offers = offers(&context.inventory, &slices, Kind::Partition);
        if offers.is_empty() {
            return Ok(none_offered(&context.inventory));
        }
        try_join_all(offers.into_iter().map(|offer| trial::run(context, offer))).await?;
        Ok(Conclusion::Controls)
    }
}

/// Nothing to try: there are no partitions, they are somebody else's, or they are called like whole devices.
fn none_offered(inventory: &Inventory) -> Conclusion {
    let called_whole = inventory.nodes.iter().find(|node| {
        let single = node
            .labels
            .get("nvidia.com/mig.strategy")
            .is_some_and(|strategy| strategy == "single");
        let config = node.labels.get("nvidia.com/mig.config");
        single && config.is_some_and(|config| config != "all-disabled")
    });
    if let Some(node) = called_whole {
        return Conclusion::Absent {
            reason: format!(
                "node `{}` offers its partitions under the name of whole devices (strategy `single`), so they can't be \
                 told apart; with the strategy `mixed`, or by DRA, they would be tried",
                node.name
            ),
        };
    }
    parts::none_offered(
        inventory,
        "partition",
        is_of_partitions,
        "no node offers accelerators in hardware partitions: no extended resource of a profile, and no published device \
         that is a part of another",
    )
}

fn is_of_partitions(path: &Path) -> bool {
    match path {
        Path::Dra { driver, class, .. } => Vendor::by_driver(driver)
            .and_then(|vendor| vendor.dra.as_ref()?.partition_class.as_ref())
            .is_some_and(|partitions| partitions == class),
        Path::DevicePlugin { resource } => {
            Vendor::by_resource(resource).is_some_and(|vendor| vendor.profile_of_resource(resource).is_some())
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::survey::Node;

    use super::*;

    #[test]
    fn resources_of_partitions_are_told_from_those_of_whole_devices() {
        let resource = |name: &str| Path::DevicePlugin {
            resource: name.to_owned(),
        };
        assert!(is_of_partitions(&resource("nvidia.com/mig-1g.10gb")));
        assert!(!is_of_partitions(&resource("nvidia.com/gpu")));
    }

    #[test]
    fn partitions_that_are_called_like_whole_devices_are_not_judged() {
        let labels = [
            ("nvidia.com/mig.strategy", "single"),
            ("nvidia.com/mig.config", "all-1g.10gb"),
        ];
        let node = Node {
            name: "n1".to_owned(),
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Node::default()
        };
        let inventory = Inventory {
            nodes: vec![node],
            ..Inventory::default()
        };
        let conclusion = none_offered(&inventory);
        assert!(matches!(conclusion, Conclusion::Absent { reason } if reason.contains("single")));
    }
}
