//! What a platform lets its autoscaler do.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

/// A group of nodes that are alike, as its operator has set it up.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFacts {
    /// Its name.
    pub name: String,
    /// How few nodes it may have.
    pub least: u32,
    /// How many nodes it may have.
    pub most: u32,
    /// How many it is to have now, whether they are there yet or not.
    pub size: u32,
    /// A Node as a new one will be: labels, taints and `status.allocatable`.
    pub template: Value,
    /// The devices that a new node brings for claims, by DeviceClass.
    pub devices: BTreeMap<String, u32>,
}

/// How patient an autoscaler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often it looks.
    pub scan: Duration,
    /// How long a node must be unneeded before it goes.
    pub unneeded: Duration,
    /// How long after growth nothing goes.
    pub after_growth: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            scan: Duration::from_secs(10),
            unneeded: Duration::from_secs(600),
            after_growth: Duration::from_secs(600),
        }
    }
}

/// A platform's groups of nodes.
#[async_trait]
pub trait NodeGroups: Send + Sync {
    /// The groups, sorted by name.
    fn groups(&self) -> Vec<GroupFacts>;

    /// The group that a node is of.
    fn group_of(&self, node: &Value) -> Option<String>;

    /// Lets a group have that many nodes; the new ones come up by and by.
    ///
    /// # Errors
    /// Why it can't have them.
    async fn grow(&self, group: &str, size: u32) -> Result<(), String>;

    /// Takes a node away for good, and with it one of its group's size.
    ///
    /// # Errors
    /// Why it stays.
    async fn remove(&self, group: &str, node: &str) -> Result<(), String>;

    /// How patient the autoscaler is.
    fn timing(&self) -> Timing {
        Timing::default()
    }
}
