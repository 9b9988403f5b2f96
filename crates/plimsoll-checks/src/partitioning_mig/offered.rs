//! Whether a node offers certain partitions: what "allocatable follows" means for a device plugin and for a driver.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Condition, Deadline, Path, Progress, Seen, WaitError, Watched,
    dra::{self, Slice},
    survey::quantity,
};

use crate::{CheckError, Context, parts::Unit, probe_pod::read_slice};

/// Partitions of one node, as they are offered.
pub(super) enum Offered {
    /// So many of each extended resource.
    ByPlugin(BTreeMap<String, u64>),
    /// Devices of a driver's pool.
    ByDriver {
        driver: String,
        pool: String,
        devices: BTreeSet<String>,
        kind: ApiResource,
    },
}

impl Offered {
    /// These partitions; none where it can't be told.
    pub(super) async fn of(context: &Context, units: &[&Unit]) -> Result<Option<Self>, CheckError> {
        let Some(first) = units.first() else {
            return Ok(None);
        };
        let Path::Dra { driver, .. } = &first.path else {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for unit in units {
                if let Path::DevicePlugin { resource } = &unit.path {
                    *counts.entry(resource.clone()).or_default() += 1;
                }
            }
            return Ok(Some(Self::ByPlugin(counts)));
        };
        let apis = context.platform.discover().await;
        let apis = apis.map_err(|error| CheckError::Api {
            what: error.what,
            source: error.source,
        })?;
        let published = units.iter().filter_map(|unit| unit.published.as_ref());
        let devices: BTreeSet<String> = published.clone().map(|device| device.name.clone()).collect();
        let pool = published.map(|device| device.pool.clone()).next();
        let kind = dra::resource(&apis, "ResourceSlice");
        Ok(pool.zip(kind).map(|(pool, kind)| Self::ByDriver {
            driver: driver.clone(),
            pool,
            devices,
            kind,
        }))
    }

    /// Waits until all of them can be had, or none.
    pub(super) async fn until(
        &self,
        context: &Context,
        node: &str,
        there: bool,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        let client = context.platform.client();
        let what = if there {
            "the partitions to be offered again"
        } else {
            "the old partitions to be offered no more"
        };
        match self {
            Self::ByPlugin(counts) => {
                let counts = counts.clone();
                let condition = move |seen: &Seen<Node>| match seen.one() {
                    Some(node) => progress(offered_by(node, &counts), there),
                    None => Progress::Obstructed("the node is gone".to_owned()),
                };
                Watched::one(Api::<Node>::all(client), node)
                    .until(condition.called(what), deadline)
                    .await
                    .map(drop)
            }
            Self::ByDriver {
                driver,
                pool,
                devices,
                kind,
            } => {
                let (pool, devices) = (pool.clone(), devices.clone());
                let condition = move |seen: &Seen<DynamicObject>| {
                    let slices: Vec<Slice> = seen.iter().filter_map(read_slice).collect();
                    progress(published_in(&slices, &pool, &devices), there)
                };
                let api: Api<DynamicObject> = Api::all_with(client, kind);
                Watched::selected(api, &format!("spec.driver={driver}"))
                    .until(condition.called(what), deadline)
                    .await
                    .map(drop)
            }
        }
    }
}

/// How many of how many are there.
type Count = (u64, u64);

fn progress((has, of): Count, there: bool) -> Progress {
    let is_met = if there { has == of } else { has == 0 };
    if is_met {
        Progress::Met
    } else {
        Progress::NotYet(format!("{has} of {of} partitions are offered"))
    }
}

fn offered_by(node: &Node, counts: &BTreeMap<String, u64>) -> Count {
    let allocatable = node
        .status
        .as_ref()
        .and_then(|status| status.allocatable.as_ref());
    let has = |(resource, wanted): (&String, &u64)| {
        let quantity = allocatable.and_then(|allocatable| allocatable.get(resource));
        quantity
            .map_or(0, |quantity| quantity::whole(&quantity.0))
            .min(*wanted)
    };
    (counts.iter().map(has).sum(), counts.values().sum())
}

fn published_in(slices: &[Slice], pool: &str, devices: &BTreeSet<String>) -> Count {
    let own = slices.iter().filter(|slice| slice.pool == pool);
    let newest = own.clone().map(|slice| slice.generation).max();
    let published: BTreeSet<&String> = own
        .filter(|slice| Some(slice.generation) == newest)
        .flat_map(|slice| &slice.devices)
        .map(|device| &device.name)
        .collect();
    let has = devices.iter().filter(|device| published.contains(device)).count();
    (count(has), count(devices.len()))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_node_does_not_list_it_does_not_offer() {
        let node =
            |allocatable| serde_json::from_value(json!({"status": {"allocatable": allocatable}})).unwrap();
        let counts = BTreeMap::from([("nvidia.com/mig-1g.10gb".to_owned(), 2)]);
        for (allocatable, has) in [
            (json!({}), 0),
            (json!({"nvidia.com/mig-1g.10gb": "0"}), 0),
            (json!({"nvidia.com/mig-1g.10gb": "1"}), 1),
            (json!({"nvidia.com/mig-1g.10gb": "7"}), 2),
        ] {
            assert_eq!(offered_by(&node(allocatable), &counts), (has, 2));
        }
        assert_eq!(offered_by(&Node::default(), &counts), (0, 2));
    }

    #[test]
    fn of_a_pool_only_the_newest_generation_counts() {
        let slice = |generation: i64, device: &str| {
            let slice = json!({"metadata": {"name": device}, "spec": {"driver": "d", "nodeName": "n",
                "pool": {"name": "n", "generation": generation, "resourceSliceCount": 1},
                "devices": [{"name": device}]}});
            read_slice(&serde_json::from_value(slice).unwrap()).unwrap()
        };
        let slices = [slice(1, "part"), slice(2, "whole")];
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        assert_eq!(published_in(&slices, "n", &names("part")), (0, 1));
        assert_eq!(published_in(&slices, "n", &names("whole")), (1, 1));
        assert_eq!(published_in(&slices, "elsewhere", &names("whole")), (0, 1));
    }
}
