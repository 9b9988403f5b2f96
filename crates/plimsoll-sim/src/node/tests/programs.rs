//! What the program in containers does: it meets others and works its device.

use super::*;

#[tokio::test(start_paused = true)]
async fn members_of_a_group_meet_by_name() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "g", "namespace": "default"},
        "spec": {"clusterIP": "None", "ports": [{"port": 7777}]},
    });
    bench.api.create(service).await.unwrap();
    for rank in 0..2 {
        let args = [
            "barrier".to_owned(),
            format!("--rank={rank}"),
            "--size=2".to_owned(),
            "--port=7777".to_owned(),
            "--peers=g-{rank}.g".to_owned(),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        bench
            .run(pod(&format!("g-{rank}"), &[container("member", &args)]))
            .await;
    }
    let first = bench.phase("g-0", "Running").await;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "g-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "g"},
        },
        "ports": [{"port": 7777}],
        "endpoints": [{"addresses": [first["status"]["podIP"]], "hostname": "g-0"}],
    });
    bench.api.create(slice).await.unwrap();
    for name in ["g-0", "g-1"] {
        bench.phase(name, "Succeeded").await;
        let barrier = bench.transcript(name, "member").await.barrier.unwrap();
        assert!(barrier.complete, "{barrier:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_takes_its_time_and_no_more() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let args = ["load", "--device=/dev/nvidia0", "--seconds=5", "--duty=0.5"];
    bench.holder("p", "claim", &["gpu-0"], &args).await;
    bench.phase("p", "Succeeded").await;
    let transcript = bench.transcript("p", "holder").await;
    assert_eq!(transcript.load_periods.len(), 5);
    assert!(transcript.load.unwrap().writes);
    assert!(
        transcript
            .load_periods
            .iter()
            .all(|period| (500..520).contains(&period.busy_ms) && period.operations > 0)
    );
}
