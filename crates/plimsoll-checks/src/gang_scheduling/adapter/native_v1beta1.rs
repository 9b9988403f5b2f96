//! Kubernetes 1.37: PodGroup of `scheduling.k8s.io/v1beta1`. In this minimal form only the condition differs.

use plimsoll_platform::{Inventory, Permission};
use serde_json::Value;

use super::{Adapter, Mark, Roster, Standing, pod_group};

/// See the module.
pub(in super::super) struct NativeV1Beta1;

impl Adapter for NativeV1Beta1 {
    fn name(&self) -> &'static str {
        "native/v1beta1"
    }

    fn family(&self) -> &'static str {
        "native"
    }

    fn found(&self, inventory: &Inventory) -> Option<String> {
        super::served(inventory, pod_group::GROUP, "v1beta1", "PodGroup")
    }

    fn permissions(&self) -> &'static [Permission] {
        pod_group::PERMISSIONS
    }

    fn group(&self, gang: Roster<'_>) -> Vec<Value> {
        vec![pod_group::manifest("v1beta1", gang)]
    }

    fn marks(&self, gang: Roster<'_>, _rank: usize) -> Vec<Mark> {
        vec![pod_group::mark(gang)]
    }

    fn standing(&self, group: &Value) -> Option<Standing> {
        Some(pod_group::standing(group, "PodGroupInitiallyScheduled"))
    }
}
