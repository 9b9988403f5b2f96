use plimsoll_apiserver::{User, resources};

use super::*;
use crate::{on_virtual_time, platform::Size};

#[test]
fn a_platform_says_that_it_is_simulated_and_has_its_nodes() {
    let names = on_virtual_time(async || {
        let spec = PlatformSpec::preset("mixed").unwrap();
        let simulation = Simulation::start(&spec, 1, &Faults::default()).await.unwrap();
        let api = simulation.server().direct(User::admin());
        let system = api.get(&resources::NAMESPACES, None, "kube-system").unwrap();
        assert_eq!(system["metadata"]["labels"][SIMULATED_LABEL], "mixed");
        let nodes = api.list(&resources::NODES, None);
        let names: Vec<String> = nodes
            .iter()
            .filter_map(|node| node["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        simulation.stop().await;
        names
    });
    assert_eq!(names.unwrap(), ["node-1", "node-2"]);
}

#[test]
fn what_is_installed_is_served() {
    on_virtual_time(async || {
        let spec = PlatformSpec::preset("mixed").unwrap();
        let simulation = Simulation::start(&spec, 1, &Faults::default()).await.unwrap();
        let api = simulation.server().direct(User::admin());
        let definitions = api.list(&resources::CUSTOM_RESOURCE_DEFINITIONS, None);
        let kueue = "workloads.kueue.x-k8s.io";
        assert!(
            definitions
                .iter()
                .any(|definition| definition["metadata"]["name"] == kueue)
        );
    })
    .unwrap();
}

#[test]
fn a_platform_at_scale_has_its_pods_from_the_beginning() {
    on_virtual_time(async || {
        let size = Size {
            nodes: Some(50),
            pods: Some(1000),
        };
        let spec = PlatformSpec::preset("minimal").unwrap().scaled(size).unwrap();
        let simulation = Simulation::start(&spec, 1, &Faults::default()).await.unwrap();
        let api = simulation.server().direct(User::admin());
        assert_eq!(api.list(&resources::NODES, None).len(), 50);
        assert_eq!(api.pods_on("node-7").len(), 20);
    })
    .unwrap();
}
