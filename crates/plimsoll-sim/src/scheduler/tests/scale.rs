//! Many nodes and pods.

use std::time::Duration;

use plimsoll_apiserver::elapse;
use serde_json::json;

use super::bench::{Bench, asks, node, pod};
use crate::platform::GangScheduling;

#[tokio::test(start_paused = true)]
async fn a_lone_pod_finds_the_one_node_with_room_among_many() {
    let gang = GangScheduling {
        api: true,
        enforced: true,
        topology: true,
    };
    let bench = Bench::with(36, &[], gang, |server| {
        let mut objects = Vec::new();
        for number in 0..500 {
            let name = format!("n{number:03}");
            objects.push(node(&name, 4, 0));
            for (part, cpu) in [("a", "2"), ("b", if number == 321 { "1" } else { "2" })] {
                let mut spec = asks(json!({"cpu": cpu}));
                spec["nodeName"] = json!(name);
                objects.push(pod(&format!("p{number}-{part}"), spec));
            }
        }
        server.load(objects).unwrap();
    });
    bench.rest().await;
    bench.pod("a", asks(json!({"cpu": "1"}))).await;
    elapse(Duration::from_millis(10)).await;
    assert_eq!(bench.node_of("a"), "n321");
}
