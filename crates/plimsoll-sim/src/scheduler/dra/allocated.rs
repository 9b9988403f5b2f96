//! What a claim has been given.

use std::collections::BTreeMap;

use serde_json::Value;

use super::inventory::DeviceId;
use crate::scheduler::{amount::Amount, labels::NodeSelector};

/// A claim's allocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::scheduler) struct Allocated {
    pub(in crate::scheduler) grants: Vec<Grant>,
    /// The nodes where its devices can be used; none where that is everywhere.
    pub(in crate::scheduler) nodes: Option<NodeSelector>,
}

/// One device, or a share of one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scheduler) struct Grant {
    pub(in crate::scheduler) device: DeviceId,
    /// Whether only to look after it, which keeps nobody else from having it.
    pub(super) is_admin: bool,
    /// Whether it is a share.
    pub(super) is_share: bool,
    /// What the share takes of the device's capacities.
    pub(super) consumed: BTreeMap<String, Amount>,
}

impl Allocated {
    /// Reads a claim's `status.allocation`; none where there is none.
    pub(in crate::scheduler) fn read(allocation: &Value) -> Option<Self> {
        let Value::Object(_) = allocation else { return None };
        let grants = allocation["devices"]["results"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Grant::read);
        Some(Self {
            grants: grants.collect(),
            nodes: NodeSelector::read(&allocation["nodeSelector"]),
        })
    }
}

impl Grant {
    fn read(result: &Value) -> Self {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let consumed = result["consumedCapacity"].as_object().into_iter().flatten();
        Self {
            device: DeviceId {
                driver: text("driver"),
                pool: text("pool"),
                name: text("device"),
            },
            is_admin: result["adminAccess"] == true,
            is_share: result["shareID"].is_string(),
            consumed: consumed
                .map(|(name, amount)| (name.clone(), Amount::read(amount).unwrap_or_default()))
                .collect(),
        }
    }
}
