//! What a container runtime puts into a container that names a device.

use std::collections::BTreeMap;

use plimsoll_probe::protocol::DeviceNumber;

use super::Accelerator;

/// Changes to a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    /// Device nodes by their path.
    pub(crate) nodes: BTreeMap<String, DeviceNumber>,
    /// Environment variables.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Edits {
    /// What gives a container that accelerator. A driver that injects no node only tells of it.
    pub(crate) fn of(accelerator: &Accelerator, injects_node: bool) -> Self {
        let mut edits = Self::default();
        if injects_node {
            edits.nodes.insert(accelerator.path.clone(), accelerator.number);
            edits.nodes.extend(accelerator.capability.clone());
        } else {
            let name = accelerator.name.to_uppercase().replace('-', "_");
            edits.variables.insert(name, accelerator.uuid.clone());
        }
        edits
    }

    /// These changes too.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.nodes.extend(other.nodes.clone());
        self.variables.extend(other.variables.clone());
    }
}

/// A node's folder of specifications: edits by the name of a device, such as `k8s.gpu.nvidia.com/claim=UID-gpu-0`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CdiRegistry(BTreeMap<String, Edits>);

/// Devices that no specification knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unresolvable CDI devices {}", .0.join(", "))]
pub(crate) struct UnresolvableDevices(pub(crate) Vec<String>);

impl CdiRegistry {
    /// Writes the specification of a device.
    pub(crate) fn insert(&mut self, name: String, edits: Edits) {
        self.0.insert(name, edits);
    }

    /// Removes those whose names begin so.
    pub(crate) fn remove(&mut self, prefix: &str) {
        self.0.retain(|name, _| !name.starts_with(prefix));
    }

    /// What the devices of these names bring together.
    pub(crate) fn resolve<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Edits, UnresolvableDevices> {
        let mut edits = Edits::default();
        let mut unknown = Vec::new();
        for name in names {
            match self.0.get(name) {
                Some(one) => edits.extend(one),
                None => unknown.push(name.clone()),
            }
        }
        if unknown.is_empty() {
            Ok(edits)
        } else {
            Err(UnresolvableDevices(unknown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::accelerator::fixture::accelerators;

    #[test]
    fn names_are_resolved_together_or_not_at_all() {
        let devices = accelerators("nvidia", 2);
        let mut registry = CdiRegistry::default();
        for device in &devices {
            registry.insert(format!("k/c={}", device.name), Edits::of(device, true));
        }
        let names = ["k/c=gpu-0".to_owned(), "k/c=gpu-1".to_owned()];
        let edits = registry.resolve(&names).unwrap();
        assert_eq!(
            edits.nodes.keys().collect::<Vec<_>>(),
            ["/dev/nvidia0", "/dev/nvidia1"]
        );
        registry.remove("k/c=gpu-1");
        let error = registry.resolve(&names).unwrap_err();
        assert_eq!(error.to_string(), "unresolvable CDI devices k/c=gpu-1");
        assert_eq!(registry.0.keys().collect::<Vec<_>>(), ["k/c=gpu-0"]);
    }

    #[test]
    fn a_driver_without_nodes_tells_in_a_variable() {
        let edits = Edits::of(&accelerators("example", 1)[0], false);
        assert!(edits.nodes.is_empty());
        assert_eq!(edits.variables.len(), 1);
    }
}
