//! Kubernetes 1.35: Workload of `scheduling.k8s.io/v1alpha1`, which has no status: refusals show on the pods only.

use plimsoll_platform::{Inventory, Permission};
use serde_json::{Value, json};

use super::{Adapter, Mark, Roster, Standing, pod_group};

/// See the module.
pub(in super::super) struct NativeV1Alpha1;

/// The one pod group of each Workload.
const POD_GROUP: &str = "members";

impl Adapter for NativeV1Alpha1 {
    fn name(&self) -> &'static str {
        "native/v1alpha1"
    }

    fn family(&self) -> &'static str {
        "native"
    }

    fn found(&self, inventory: &Inventory) -> Option<String> {
        super::served(inventory, pod_group::GROUP, "v1alpha1", "Workload")
    }

    fn permissions(&self) -> &'static [Permission] {
        pod_group::PERMISSIONS
    }

    fn group(&self, gang: Roster<'_>) -> Vec<Value> {
        vec![json!({
            "apiVersion": format!("{}/v1alpha1", pod_group::GROUP),
            "kind": "Workload",
            "metadata": {"name": gang.name},
            "spec": {"podGroups": [{"name": POD_GROUP, "policy": {"gang": {"minCount": gang.size}}}]},
        })]
    }

    fn marks(&self, gang: Roster<'_>, _rank: usize) -> Vec<Mark> {
        let reference = json!({"name": gang.name, "podGroup": POD_GROUP, "podGroupReplicaKey": "0"});
        vec![Mark::Field("workloadRef", reference)]
    }

    fn standing(&self, _group: &Value) -> Option<Standing> {
        None
    }
}
