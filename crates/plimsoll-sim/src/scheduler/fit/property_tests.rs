//! Which nodes fit, against the rules spelt out on small clusters.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Fit;
use crate::scheduler::{cluster::Cluster, pod::Pod};

#[derive(Clone, Debug)]
struct SmallNode {
    cpu: i64,
    gpus: i64,
    zone: u8,
    is_tainted: bool,
}

#[derive(Clone, Debug)]
struct SmallPod {
    cpu: i64,
    gpus: i64,
    zone: Option<u8>,
    tolerates: bool,
    /// Wants no other pod like itself on its node.
    is_apart: bool,
}

fn nodes() -> impl Strategy<Value = Vec<SmallNode>> {
    let node = (0..5_i64, 0..3_i64, 0..2_u8, proptest::bool::weighted(0.3)).prop_map(
        |(cpu, gpus, zone, is_tainted)| SmallNode {
            cpu,
            gpus,
            zone,
            is_tainted,
        },
    );
    prop::collection::vec(node, 1..5)
}

fn pods() -> impl Strategy<Value = Vec<SmallPod>> {
    let pod = (
        0..4_i64,
        0..2_i64,
        proptest::option::of(0..2_u8),
        any::<bool>(),
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(cpu, gpus, zone, tolerates, is_apart)| SmallPod {
            cpu,
            gpus,
            zone,
            tolerates,
            is_apart,
        });
    prop::collection::vec(pod, 1..10)
}

fn node_object(at: usize, node: &SmallNode) -> Value {
    let mut object = json!({
        "metadata": {"name": format!("n{at}"), "labels": {"zone": node.zone.to_string(), "host": at.to_string()}},
        "status": {"allocatable": {"cpu": node.cpu.to_string(), "gpu/x": node.gpus.to_string(), "pods": "4"}},
    });
    if node.is_tainted {
        object["spec"] = json!({"taints": [{"key": "t", "effect": "NoSchedule"}]});
    }
    object
}

fn pod_object(at: usize, pod: &SmallPod) -> Value {
    let requests = json!({"cpu": pod.cpu.to_string(), "gpu/x": pod.gpus.to_string()});
    let mut spec = json!({"containers": [{"resources": {"requests": requests}}]});
    if let Some(zone) = pod.zone {
        spec["nodeSelector"] = json!({"zone": zone.to_string()});
    }
    if pod.tolerates {
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    if pod.is_apart {
        spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"apart": "true"}}, "topologyKey": "host"}]}});
    }
    json!({
        "metadata": {"name": format!("p{at}"), "uid": format!("p{at}"), "namespace": "ns", "labels": {"apart": pod.is_apart.to_string()}},
        "spec": spec,
    })
}

/// The rules, spelt out.
fn takes(node: &SmallNode, there: &[&SmallPod], pod: &SmallPod) -> bool {
    let cpu: i64 = there.iter().map(|other| other.cpu).sum();
    let gpus: i64 = there.iter().map(|other| other.gpus).sum();
    there.len() < 4
        && (pod.cpu == 0 || cpu + pod.cpu <= node.cpu)
        && (pod.gpus == 0 || gpus + pod.gpus <= node.gpus)
        && pod.zone.is_none_or(|zone| zone == node.zone)
        && (!node.is_tainted || pod.tolerates)
        && !(pod.is_apart && there.iter().any(|other| other.is_apart))
}

proptest! {
    #[test]
    fn a_node_takes_a_pod_exactly_where_the_rules_allow_it(nodes in nodes(), pods in pods()) {
        let mut cluster = Cluster::default();
        for (at, node) in nodes.iter().enumerate() {
            cluster.set_node(&Arc::new(node_object(at, node)));
        }
        let nothing = BTreeSet::new();
        let mut there: Vec<Vec<&SmallPod>> = vec![Vec::new(); nodes.len()];
        for (at, small) in pods.iter().enumerate() {
            let pod = Pod::read(&Arc::new(pod_object(at, small)));
            let fit = Fit::of(&cluster, &pod, &nothing, 36);
            let fitting: Vec<bool> = cluster.nodes().map(|node| fit.check(node).is_ok()).collect();
            let expected: Vec<bool> = nodes.iter().zip(&there).map(|(node, there)| takes(node, there, small)).collect();
            prop_assert_eq!(&fitting, &expected, "pod {}", at);
            if let Some(first) = fitting.iter().position(|fits| *fits) {
                cluster.assume(&pod, &format!("n{first}"));
                there[first].push(small);
            }
        }
    }
}
