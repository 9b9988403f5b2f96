//! Kubernetes 1.36: PodGroup of `scheduling.k8s.io/v1alpha2`.

use plimsoll_platform::{Inventory, Permission};
use serde_json::Value;

use super::{Adapter, Mark, Roster, Standing, pod_group};

/// See the module.
pub(in super::super) struct NativeV1Alpha2;

impl Adapter for NativeV1Alpha2 {
    fn name(&self) -> &'static str {
        "native/v1alpha2"
    }

    fn family(&self) -> &'static str {
        "native"
    }

    fn found(&self, inventory: &Inventory) -> Option<String> {
        super::served(inventory, pod_group::GROUP, "v1alpha2", "PodGroup")
    }

    fn permissions(&self) -> &'static [Permission] {
        pod_group::PERMISSIONS
    }

    fn group(&self, gang: Roster<'_>) -> Vec<Value> {
        vec![pod_group::manifest("v1alpha2", gang)]
    }

    fn marks(&self, gang: Roster<'_>, _rank: usize) -> Vec<Mark> {
        vec![pod_group::mark(gang)]
    }

    fn standing(&self, group: &Value) -> Option<Standing> {
        Some(pod_group::standing(group, "PodGroupScheduled"))
    }
}
