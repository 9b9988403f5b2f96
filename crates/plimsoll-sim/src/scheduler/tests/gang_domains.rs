//! Gangs that must be within one domain.

use serde_json::json;

use super::bench::{Bench, node};

const RACK: &str = "topology.kubernetes.io/rack";

impl Bench {
    /// Racks `a` with two nodes and `b` with one, each node with one accelerator.
    async fn racks(&self) {
        for (name, rack) in [("n1", "a"), ("n2", "b"), ("n3", "a")] {
            let mut node = node(name, 8, 1);
            node["metadata"]["labels"][RACK] = json!(rack);
            self.load(node);
        }
    }

    async fn gang_in_one_rack(&self, name: &str, size: usize) {
        self.create(json!({
            "apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"schedulingPolicy": {"gang": {"minCount": size}},
                     "schedulingConstraints": {"topology": [{"key": RACK}]}},
        }))
        .await;
        for number in 0..size {
            self.member(name, number).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gang_goes_to_the_domain_that_has_room_for_all_of_it() {
    let bench = Bench::new();
    bench.racks().await;
    bench.gang_in_one_rack("g", 2).await;
    bench.rest().await;
    let mut nodes = [bench.node_of("g-0"), bench.node_of("g-1")];
    nodes.sort_unstable();
    assert_eq!(nodes, ["n1", "n3"]);
    // Who comes later goes to those who are there, or waits.
    bench.member("g", 2).await;
    bench.rest().await;
    assert_eq!(bench.node_of("g-2"), "");
    bench.remove("g-0").await;
    bench.rest().await;
    assert!(["n1", "n3"].contains(&bench.node_of("g-2").as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_fits_no_domain_waits_although_there_is_room_for_it() {
    let bench = Bench::new();
    bench.racks().await;
    bench.gang_in_one_rack("big", 3).await;
    bench.rest().await;
    assert_eq!(bench.bound("big-"), 0);
    assert_eq!(bench.standing("big").1, "False");
    bench.gang("anywhere", 3).await;
    bench.rest().await;
    assert_eq!(bench.bound("anywhere-"), 3, "its room was there all the time");
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_only_prefers_a_domain_scatters_what_fits_none() {
    let bench = Bench::of(36, &["topo.scatter"]);
    bench.racks().await;
    bench.gang_in_one_rack("big", 3).await;
    bench.rest().await;
    assert_eq!(bench.bound("big-"), 3);
    bench.remove("big-0").await;
    bench.rest().await;
}
