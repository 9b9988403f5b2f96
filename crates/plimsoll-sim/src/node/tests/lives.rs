//! The lives of pods: how they start, stand and end.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_pod_runs_reports_and_ends_well() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let ended = bench.phase("p", "Succeeded").await;
    let terminated = &ended["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&terminated["exitCode"], &terminated["reason"]),
        (&json!(0), &json!("Completed"))
    );
    assert!(
        terminated["message"]
            .as_str()
            .unwrap()
            .contains("\"report\":\"finished\"")
    );
    assert_eq!(condition(&ended, "Ready")["reason"], "PodCompleted");
    let events = bench.api.list(&resources::EVENTS, Some("default"));
    assert!(
        events
            .iter()
            .all(|event| event["involvedObject"]["fieldPath"] == "spec.containers{c}")
    );
    let transcript = bench.transcript("p", "c").await;
    assert_eq!(transcript.started.as_ref().unwrap().hostname, "p");
    assert!(transcript.is_over() && open(&transcript).is_empty());
    assert_eq!(
        bench.events("p"),
        [
            format!("Pulling Pulling image \"{PROBE}\""),
            format!(
                "Pulled Successfully pulled image \"{PROBE}\" in 300ms (300ms including waiting). Image size: 1943552 bytes."
            ),
            "Created Container created".to_owned(),
            "Started Container started".to_owned(),
        ]
    );
}

/// How a pod's status changed, as far as one looks for it.
async fn changes(bench: &Bench, name: &str, last: impl Fn(&str) -> bool) -> Vec<String> {
    let mut changes = bench.api.watch(&[resources::PODS]);
    let mut told: Vec<String> = Vec::new();
    while !told.last().is_some_and(|line| last(line)) {
        let change = changes.next().await.unwrap();
        if change.object()["metadata"]["name"] != name {
            continue;
        }
        let status = &change.object()["status"];
        let mut line = status["phase"].as_str().unwrap().to_owned();
        for condition in status["conditions"].as_array().into_iter().flatten() {
            let (kind, reason) = (condition["type"].as_str().unwrap(), condition["reason"].as_str());
            let sign = if condition["status"] == "True" { '+' } else { '-' };
            let short: String = kind.chars().filter(char::is_ascii_uppercase).collect();
            line.push_str(&format!(
                " {sign}{short}{}",
                reason.map(|r| format!(":{r}")).unwrap_or_default()
            ));
        }
        for container in status["containerStatuses"].as_array().into_iter().flatten() {
            let state = container["state"].as_object().unwrap();
            let (state, detail) = state.iter().next().unwrap();
            let detail = detail["reason"].as_str().unwrap_or_default();
            line.push_str(&format!(
                " {}={state}/{detail}",
                container["name"].as_str().unwrap()
            ));
        }
        if !status["podIP"].is_null() {
            line.push_str(" ip");
        }
        if told.last() != Some(&line) {
            told.push(line);
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_pod_stands_as_a_real_one_does_at_every_moment() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let told = changes(&bench, "p", |line| line.starts_with("Succeeded")).await;
    assert_eq!(
        told,
        [
            "Pending +PS",
            "Pending -PRTSC +I -R:ContainersNotReady -CR:ContainersNotReady +PS c=waiting/ContainerCreating",
            "Pending +PRTSC +I -R:ContainersNotReady -CR:ContainersNotReady +PS c=waiting/ContainerCreating",
            "Running +PRTSC +I +R +CR +PS c=running/ ip",
            "Running +PRTSC +I:PodCompleted -R:PodCompleted -CR:PodCompleted +PS c=terminated/Completed ip",
            "Succeeded -PRTSC +I:PodCompleted -R:PodCompleted -CR:PodCompleted +PS c=terminated/Completed ip",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_stays_is_ready_until_it_is_deleted() {
    let bench = Bench::new(Allocation::Dra, &[]);
    bench.run(pod("p", &[container("c", &STAY)])).await;
    let running = bench
        .until("p", |pod| {
            pod["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
        .await;
    assert_eq!(running["status"]["phase"], "Running");
    assert_eq!(running["status"]["podIP"], "10.64.0.1");
    let status = &running["status"]["containerStatuses"][0];
    assert!(
        status["containerID"]
            .as_str()
            .unwrap()
            .starts_with("containerd://")
    );
    assert_eq!(
        (&status["started"], &status["ready"]),
        (&json!(true), &json!(true))
    );
    bench.delete("p").await;
    let before = tokio::time::Instant::now();
    bench.until_gone("p").await;
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "the program heeds the signal"
    );
    assert!(
        bench
            .events("p")
            .contains(&"Killing Stopping container c".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_kubelet_says_nothing_and_catches_up() {
    let bench = Bench::new(Allocation::Dra, &[]);
    let lease = || {
        let lease = bench.api.get(&resources::LEASES, Some("kube-node-lease"), NODE);
        lease.unwrap()["spec"]["renewTime"].clone()
    };
    bench.fleet.silence(NODE);
    bench.run(pod("p", &[container("c", &LOOK)])).await;
    let before = lease();
    elapse(Duration::from_secs(120)).await;
    assert_eq!(bench.get("p").unwrap()["status"]["phase"], "Pending");
    assert_eq!(lease(), before);
    bench.fleet.restore(NODE).await;
    assert_ne!(lease(), before);
    bench.phase("p", "Succeeded").await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_ran_before_hold_what_they_hold_and_go_when_they_are_deleted() {
    let bench = Bench::new(Allocation::Plugin, &[]);
    let mut running = asking("old", 2, &STAY);
    running["spec"]["nodeName"] = json!(NODE);
    running["status"] = json!({"phase": "Running", "podIP": "10.64.0.9"});
    bench.api.create(running.clone()).await.unwrap();
    let patch = json!({"status": running["status"]});
    bench
        .api
        .merge(&resources::PODS, Some("default"), "old", Some("status"), patch)
        .await
        .unwrap();
    elapse(Duration::from_millis(1)).await;
    bench.delete("old").await;
    bench.until_gone("old").await;
}
