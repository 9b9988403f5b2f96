//! What a large platform costs. Run with `--release -- --ignored --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that is read by people"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use plimsoll_apiserver::{ApiServer, Change, Clock, Config, Gates, Seed, User, resources};
use serde_json::{Value, json};

const PODS: usize = 100_000;

fn server() -> ApiServer {
    ApiServer::new(Config {
        minor: 36,
        clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
        seed: Seed::new(1),
        gates: Gates::default(),
        latency: Duration::ZERO,
    })
}

/// A running pod with all that one has on a real platform.
fn pod(at: usize) -> Value {
    let node = format!("node-{}", at / 20);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("web-7d9c5b6f4d-{at:06}"), "namespace": format!("team-{:03}", at % 200),
            "generateName": "web-7d9c5b6f4d-", "labels": {"app": "web", "pod-template-hash": "7d9c5b6f4d"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9c5b6f4d",
                "uid": format!("00000000-0000-4000-8000-{:012}", at % 200), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "containers": [{
                "name": "main", "image": "registry.example/web:1.2.3", "imagePullPolicy": "IfNotPresent",
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
            }],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
            "nodeName": node, "schedulerName": "default-scheduler", "serviceAccountName": "default",
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.244.0.1", "qosClass": "Burstable",
            "startTime": "2026-10-01T08:00:00Z",
            "conditions": (["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(|kind| json!({
                "type": kind, "status": "True", "lastTransitionTime": "2026-10-01T08:00:00Z", "lastProbeTime": null,
            }))),
            "containerStatuses": [{
                "name": "main", "image": "registry.example/web:1.2.3", "imageID": "registry.example/web@sha256:0",
                "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-10-01T08:00:00Z"}},
            }],
        },
    })
}

/// Memory that this process holds, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}

fn tell(what: &str, since: Instant) {
    println!("{what}: {:?}, {} MiB", since.elapsed(), resident());
}

#[tokio::test]
#[ignore = "measures"]
async fn a_hundred_thousand_pods() {
    let begin = Instant::now();
    let server = server();
    tell("empty", begin);
    let namespace =
        |at| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("team-{at:03}")}});
    server.load((0..200).map(namespace)).unwrap();
    let mut spent = Duration::ZERO;
    for at in (0..PODS).step_by(1000) {
        let pods: Vec<Value> = (at..at + 1000).map(pod).collect();
        let begin = Instant::now();
        server.load(pods).unwrap();
        spent += begin.elapsed();
    }
    println!("loaded: {spent:?}, {} MiB", resident());

    let begin = Instant::now();
    let user = User::admin();
    let mut token = String::new();
    let mut pages = 0;
    loop {
        let uri = format!("/api/v1/pods?limit=500&continue={token}");
        let request = http::Request::builder().uri(uri).body(Bytes::new()).unwrap();
        let bytes = server.handle(&user, request).await.into_body().bytes().await;
        let text = std::str::from_utf8(&bytes[..2000]).unwrap();
        pages += 1;
        match text.split_once("\"continue\":\"") {
            Some((_, rest)) => token = rest.split('"').next().unwrap().to_owned(),
            None => break,
        }
    }
    tell(&format!("listed in {pages} pages"), begin);

    let begin = Instant::now();
    let mut watch = server.direct(user).watch(&[resources::PODS]);
    for _ in 0..PODS {
        assert!(matches!(watch.next().await, Some(Change::Added(..))));
    }
    tell("watched", begin);

    let api = server.direct(User::admin());
    let begin = Instant::now();
    let patch = json!({"status": {"phase": "Failed"}});
    for at in 0..1000 {
        let (namespace, name) = (format!("team-{:03}", at % 200), format!("web-7d9c5b6f4d-{at:06}"));
        api.merge(
            &resources::PODS,
            Some(&namespace),
            &name,
            Some("status"),
            patch.clone(),
        )
        .await
        .unwrap();
    }
    tell("1000 changes of status", begin);
}
