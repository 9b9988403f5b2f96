//! Changes of manifests that make a workload fit a platform.

use serde_json::Value;

use crate::{need::Place, node::Step};

/// A change, as people are told and as it is made.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is changed into what.
    pub what: String,
    /// Where.
    pub place: Place,
    /// How it is made.
    pub edit: Edit,
}

/// How a change is made. `document` is the number of the manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// What a device plugin hands out is claimed from a DeviceClass instead.
    ResourceToClaim {
        /// The manifest.
        document: usize,
        /// The way to the pod's spec.
        spec: Vec<Step>,
        /// The ways to the resources of containers that ask for it, each with how many.
        containers: Vec<(Vec<Step>, u64)>,
        /// The resource.
        resource: String,
        /// The class.
        class: String,
        /// What devices must be besides.
        selectors: Vec<String>,
        /// The version of `resource.k8s.io`.
        version: String,
        /// The template's name.
        template: String,
    },
    /// What is claimed from a DeviceClass is asked of a device plugin instead.
    ClaimToResource {
        /// The manifest with the pods.
        document: usize,
        /// The way to the pod's spec.
        spec: Vec<Step>,
        /// The pod's name for the claim.
        claim: String,
        /// The manifest of the claim's template, which goes away.
        template: usize,
        /// The resource.
        resource: String,
        /// How many.
        count: u64,
    },
    /// A resource has another name.
    RenameResource {
        /// The manifest.
        document: usize,
        /// The ways to the resources of containers.
        containers: Vec<Vec<Step>>,
        /// The name now.
        from: String,
        /// The name then.
        to: String,
    },
    /// A claim is written for another version of `resource.k8s.io`.
    ClaimVersion {
        /// The manifest.
        document: usize,
        /// The version.
        to: String,
    },
    /// A claim asks for another class.
    ClaimClass {
        /// The manifest.
        document: usize,
        /// The class now.
        from: String,
        /// The class then.
        to: String,
    },
    /// A group of pods that a queue admits becomes one that the scheduler itself knows.
    QueueToGang {
        /// The manifest.
        document: usize,
        /// The way to the pod template.
        template: Vec<Step>,
        /// The version of `scheduling.k8s.io`.
        version: String,
        /// The group's name.
        group: String,
        /// How many pods at least.
        count: u64,
    },
    /// A group of pods is written for another version of `scheduling.k8s.io`.
    GangVersion {
        /// The manifest of the group.
        document: usize,
        /// The version.
        to: String,
    },
    /// A value is set, its key made where it is missing.
    Set {
        /// The manifest.
        document: usize,
        /// The way to it.
        path: Vec<Step>,
        /// The value.
        value: Value,
    },
    /// A value is added to a list.
    Append {
        /// The manifest.
        document: usize,
        /// The way to the list.
        path: Vec<Step>,
        /// The value.
        value: Value,
    },
    /// A key goes away, and what held it if nothing else is in it.
    Remove {
        /// The manifest.
        document: usize,
        /// The way to it.
        path: Vec<Step>,
    },
}
