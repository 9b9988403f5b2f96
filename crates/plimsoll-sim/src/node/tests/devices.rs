//! Devices in containers, by claim and by plugin.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_claims_device_is_in_the_container_and_free_again_after_it() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("one", "claim-1", &["gpu-1"], &STAY).await;
    let running = bench.phase("one", "Running").await;
    assert_eq!(open(&bench.transcript("one", "holder").await), ["/dev/nvidia1"]);
    let health = &running["status"]["containerStatuses"][0]["allocatedResourcesStatus"];
    assert_eq!(health[0]["name"], "claim:own");
    assert_eq!(health[0]["resources"][0]["health"], "Healthy");
    bench.delete("one").await;
    bench.holder("two", "claim-2", &["gpu-1"], &LOOK).await;
    bench.phase("two", "Succeeded").await;
    assert_eq!(open(&bench.transcript("two", "holder").await), ["/dev/nvidia1"]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_not_registered_leaves_pods_waiting() {
    let bench = Bench::new(Allocation::Dra, &["dra.api-only"]);
    bench.holder("p", "claim", &["gpu-0"], &LOOK).await;
    elapse(Duration::from_secs(200)).await;
    let pod = bench.get("p").unwrap();
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(
        bench.events("p"),
        [
            "FailedPrepareDynamicResources Failed to prepare dynamic resources: prepare dynamic resources: DRA driver \
          gpu.nvidia.com is not registered"
        ]
    );
    let events = bench.api.list(&resources::EVENTS, Some("default"));
    assert!(
        (3..=4).contains(&events[0]["count"].as_i64().unwrap()),
        "about once a minute"
    );
    bench.delete("p").await;
    bench.until_gone("p").await;
}

#[tokio::test(start_paused = true)]
async fn defects_of_a_driver_show_in_the_container() {
    let lost = Bench::new(Allocation::Dra, &["dra.cdi-lost"]);
    lost.holder("p", "claim", &["gpu-0"], &LOOK).await;
    let pod = lost
        .until("p", |pod| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerError"
        })
        .await;
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert!(
        waiting["message"]
            .as_str()
            .unwrap()
            .contains("unresolvable CDI devices k8s.gpu.nvidia.com/claim=")
    );

    for (defect, seen) in [
        ("none", vec!["/dev/nvidia0", "/dev/nvidia1"]),
        ("dra.first-only", vec!["/dev/nvidia0"]),
        ("dra.no-injection", vec![]),
    ] {
        let bench = Bench::new(Allocation::Dra, &[defect]);
        bench.holder("p", "claim", &["gpu-0", "gpu-1"], &LOOK).await;
        bench.phase("p", "Succeeded").await;
        assert_eq!(open(&bench.transcript("p", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_pods_on_one_claim_share_its_device_unless_the_kubelet_forgets_the_second() {
    for (defect, seen) in [("none", vec!["/dev/nvidia0"]), ("dra.second-pod", vec![])] {
        let bench = Bench::new(Allocation::Dra, &[defect]);
        bench.holder("one", "claim", &["gpu-0"], &STAY).await;
        bench.phase("one", "Running").await;
        bench.holder("two", "claim", &["gpu-0"], &STAY).await;
        bench.phase("two", "Running").await;
        assert_eq!(open(&bench.transcript("one", "holder").await), ["/dev/nvidia0"]);
        assert_eq!(open(&bench.transcript("two", "holder").await), seen, "{defect}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_never_given_back_keeps_the_next_pod_waiting() {
    let bench = Bench::new(Allocation::Dra, &["dra.no-release"]);
    bench.holder("one", "claim-1", &["gpu-0"], &LOOK).await;
    bench.phase("one", "Succeeded").await;
    bench.holder("two", "claim-2", &["gpu-0"], &LOOK).await;
    elapse(Duration::from_secs(30)).await;
    let told = bench.events("two");
    assert!(
        told[0].contains("is busy: still prepared for claim `default/claim-1`"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plugins_devices_are_allocated_once_and_what_is_too_much_is_rejected() {
    let bench = Bench::new(Allocation::Plugin, &[]);
    let node = bench.api.get(&resources::NODES, None, NODE).unwrap();
    assert_eq!(node["status"]["allocatable"]["nvidia.com/gpu"], "2");
    bench.run(asking("one", 1, &STAY)).await;
    bench.run(asking("two", 1, &STAY)).await;
    bench.phase("one", "Running").await;
    bench.phase("two", "Running").await;
    let (one, two) = (
        bench.transcript("one", "holder").await,
        bench.transcript("two", "holder").await,
    );
    assert_eq!(
        (open(&one), open(&two)),
        (vec!["/dev/nvidia0"], vec!["/dev/nvidia1"])
    );
    bench.run(asking("three", 1, &STAY)).await;
    let rejected = bench.phase("three", "Failed").await;
    assert_eq!(rejected["status"]["reason"], "UnexpectedAdmissionError");
    assert_eq!(
        rejected["status"]["message"],
        "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. \
         Requested: 1, Available: 0, which is unexpected"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_device_is_tainted_and_its_pods_are_told() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("p", "claim", &["gpu-0"], &STAY).await;
    bench.phase("p", "Running").await;
    let uuid = bench.fleet.accelerators(NODE)[0].clone();
    bench.fleet.set_device_health(NODE, &uuid, false).await;
    let slice = &bench.api.list(&resources::RESOURCE_SLICES, None)[0];
    assert_eq!(slice["spec"]["pool"]["generation"], 2);
    assert_eq!(
        slice["spec"]["devices"][0]["taints"][0]["key"],
        "gpu.nvidia.com/unhealthy"
    );
    bench
        .until("p", |pod| {
            let health = &pod["status"]["containerStatuses"][0]["allocatedResourcesStatus"];
            health[0]["resources"][0]["health"] == "Unhealthy"
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_forced_out_gives_its_device_back_later() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.holder("one", "claim-1", &["gpu-0"], &STAY).await;
    bench.phase("one", "Running").await;
    let options = DeleteOptions {
        grace_seconds: Some(0),
        ..DeleteOptions::default()
    };
    bench
        .api
        .delete(&resources::PODS, Some("default"), "one", options)
        .await
        .unwrap();
    assert!(bench.get("one").is_none());
    bench.holder("two", "claim-2", &["gpu-0"], &LOOK).await;
    bench.phase("two", "Succeeded").await;
    assert_eq!(open(&bench.transcript("two", "holder").await), ["/dev/nvidia0"]);
}
