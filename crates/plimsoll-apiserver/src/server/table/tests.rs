//! What the rows say.

use serde_json::json;

use super::*;
use crate::{Gates, catalog::Catalog, resources};

fn row(of: &crate::GroupResource, object: &Value) -> Vec<Value> {
    let catalog = Catalog::builtin(36, Gates::default());
    let served = catalog.get(of).unwrap();
    let columns = Columns::of(served, &served.hub);
    let cells = columns.cells(object, "2026-10-01T08:10:00Z".parse().unwrap());
    assert_eq!(cells.len(), columns.definitions().len());
    cells
}

#[test]
fn a_pod_shows_what_keeps_it() {
    let mut pod = json!({
        "metadata": {"name": "p", "creationTimestamp": "2026-10-01T08:09:00Z"},
        "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
        "status": {"phase": "Pending", "containerStatuses": [
            {"name": "a", "ready": true, "restartCount": 1, "state": {"running": {}}},
            {"name": "b", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}},
        ]},
    });
    assert_eq!(
        row(&resources::PODS, &pod)[..5],
        [
            json!("p"),
            json!("1/2"),
            json!("ImagePullBackOff"),
            json!("1"),
            json!("60s")
        ]
    );
    pod["metadata"]["deletionTimestamp"] = json!("2026-10-01T08:10:30Z");
    assert_eq!(row(&resources::PODS, &pod)[2], "Terminating");
}

#[test]
fn a_node_shows_its_roles_and_whether_it_is_ready() {
    let node = json!({
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}, "creationTimestamp": "2026-10-01T08:00:00Z"},
        "spec": {"unschedulable": true},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.0"}},
    });
    assert_eq!(
        row(&resources::NODES, &node)[..5],
        ["n", "Ready,SchedulingDisabled", "worker", "10m", "v1.36.0"].map(Value::from)
    );
}

#[test]
fn a_claim_shows_how_far_it_got() {
    let mut claim =
        json!({"metadata": {"name": "c", "creationTimestamp": "2026-10-01T08:00:00Z"}, "status": {}});
    assert_eq!(row(&resources::RESOURCE_CLAIMS, &claim)[1], "pending");
    claim["status"] = json!({"allocation": {}, "reservedFor": [{"name": "p"}]});
    assert_eq!(row(&resources::RESOURCE_CLAIMS, &claim)[1], "allocated,reserved");
}

#[test]
fn every_kind_has_as_many_cells_as_columns() {
    let catalog = Catalog::builtin(36, Gates::default());
    for served in catalog.iter() {
        row(&served.of, &json!({"metadata": {"name": "x"}}));
    }
}
