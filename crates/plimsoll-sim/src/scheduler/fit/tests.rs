use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn pod_with(name: &str, labels: Value, mut spec: Value) -> Pod {
    if spec["containers"].is_null() {
        spec["containers"] = json!([]);
    }
    Pod::read(&Arc::new(
        json!({"metadata": {"name": name, "uid": name, "namespace": "ns", "labels": labels}, "spec": spec}),
    ))
}

fn pod(spec: Value) -> Pod {
    pod_with("new", json!({"app": "a"}), spec)
}

/// Nodes `n1`, `n2` in zone `a` and `n3` in zone `b`.
fn cluster() -> Cluster {
    let mut cluster = Cluster::default();
    for (name, zone) in [("n1", "a"), ("n2", "a"), ("n3", "b")] {
        cluster.set_node(&Arc::new(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": zone}},
            "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "3"}},
        })));
    }
    cluster
}

fn place(cluster: &mut Cluster, pod: Pod, node: &str) {
    cluster.assume(&pod, node);
}

/// What each node says, joined.
fn refusals(cluster: &Cluster, pod: &Pod) -> Vec<String> {
    refusals_of(cluster, pod, 36)
}

fn refusals_of(cluster: &Cluster, pod: &Pod, minor: u32) -> Vec<String> {
    let none = BTreeSet::new();
    let fit = Fit::of(cluster, pod, &none, minor);
    let said = |node: &Node| match fit.check(node) {
        Ok(()) => "fits".to_owned(),
        Err(refusals) => refusals
            .iter()
            .map(|one| one.text.as_ref())
            .collect::<Vec<_>>()
            .join(" + "),
    };
    cluster.nodes().map(said).collect()
}

fn asks(cpu: &str) -> Value {
    json!({"containers": [{"resources": {"requests": {"cpu": cpu}}}]})
}

#[test]
fn room_is_what_bound_pods_leave() {
    let mut cluster = cluster();
    place(&mut cluster, pod_with("x", json!({}), asks("1500m")), "n2");
    assert_eq!(
        refusals(&cluster, &pod(asks("1"))),
        ["fits", "Insufficient cpu", "fits"]
    );
    let none = BTreeSet::new();
    let big = pod(asks("3"));
    let refusal = Fit::of(&cluster, &big, &none, 36)
        .check(cluster.node("n1").unwrap())
        .unwrap_err();
    assert!(
        !refusal[0].is_curable,
        "nobody's leaving makes room for three cores on two"
    );
}

#[test]
fn a_node_takes_only_so_many_pods() {
    let mut cluster = cluster();
    for name in ["x", "y", "z"] {
        place(&mut cluster, pod_with(name, json!({}), json!({})), "n1");
    }
    assert_eq!(
        refusals(&cluster, &pod(json!({}))),
        ["Too many pods", "fits", "fits"]
    );
}

#[test]
fn selectors_and_affinity_narrow() {
    let text = "node(s) didn't match Pod's node affinity/selector";
    assert_eq!(
        refusals(&cluster(), &pod(json!({"nodeSelector": {"zone": "b"}}))),
        [text, text, "fits"]
    );
    let affinity = |term: Value| {
        pod(
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}}),
        )
    };
    let by_label =
        affinity(json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}));
    assert_eq!(refusals(&cluster(), &by_label), [text, text, "fits"]);
    let by_name =
        affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}));
    let named = "node(s) didn't satisfy plugin(s) [NodeAffinity]";
    assert_eq!(refusals(&cluster(), &by_name), [named, "fits", named]);
}

#[test]
fn taints_keep_out_who_does_not_tolerate_them() {
    let mut cluster = cluster();
    cluster.set_node(&Arc::new(json!({
        "metadata": {"name": "n1"},
        "spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "2", "pods": "3"}},
    })));
    cluster.set_node(&Arc::new(json!({
        "metadata": {"name": "n2"},
        "spec": {"taints": [{"key": "soft", "effect": "PreferNoSchedule"}, {"key": "gpu", "value": "yes", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "2", "pods": "3"}},
    })));
    let plain = pod(json!({}));
    assert_eq!(
        refusals_of(&cluster, &plain, 34)[1],
        "node(s) had untolerated taint {gpu: yes}"
    );
    assert_eq!(
        refusals(&cluster, &plain),
        [
            "node(s) were unschedulable",
            "node(s) had untolerated taint(s)",
            "fits"
        ]
    );
    let tolerant = pod(json!({"tolerations": [{"operator": "Exists"}]}));
    assert_eq!(refusals(&cluster, &tolerant), ["fits", "fits", "fits"]);
}

#[test]
fn ports_of_the_node_are_taken_once() {
    let port = |number: u32| json!({"containers": [{"ports": [{"containerPort": 80, "hostPort": number}]}]});
    let mut cluster = cluster();
    place(&mut cluster, pod_with("x", json!({}), port(80)), "n1");
    let text = "node(s) didn't have free ports for the requested pod ports";
    assert_eq!(refusals(&cluster, &pod(port(80))), [text, "fits", "fits"]);
    assert_eq!(refusals(&cluster, &pod(port(81))), ["fits", "fits", "fits"]);
}

fn pod_affinity(kind: &str, key: &str) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": key}]}}})
}

#[test]
fn pods_that_keep_apart_keep_others_away_too() {
    let mut cluster = cluster();
    place(&mut cluster, pod_with("x", json!({"app": "a"}), json!({})), "n1");
    let own = "node(s) didn't match pod anti-affinity rules";
    let apart = pod(pod_affinity("podAntiAffinity", "zone"));
    assert_eq!(refusals(&cluster, &apart), [own, own, "fits"]);
    place(
        &mut cluster,
        pod_with(
            "y",
            json!({"app": "b"}),
            pod_affinity("podAntiAffinity", "kubernetes.io/hostname"),
        ),
        "n3",
    );
    let theirs = "node(s) didn't satisfy existing pods anti-affinity rules";
    assert_eq!(refusals(&cluster, &pod(json!({}))), ["fits", "fits", theirs]);
}

#[test]
fn pods_that_stay_together_follow_the_first() {
    let mut cluster = cluster();
    let near = pod(pod_affinity("podAffinity", "zone"));
    assert_eq!(
        refusals(&cluster, &near),
        ["fits", "fits", "fits"],
        "the first of its kind may go anywhere"
    );
    let stranger = pod_with(
        "new",
        json!({"app": "other"}),
        pod_affinity("podAffinity", "zone"),
    );
    let text = "node(s) didn't match pod affinity rules";
    assert_eq!(refusals(&cluster, &stranger), [text, text, text]);
    place(&mut cluster, pod_with("x", json!({"app": "a"}), json!({})), "n1");
    assert_eq!(refusals(&cluster, &near), ["fits", "fits", text]);
}

fn spread(extra: Value) -> Value {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "a"}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        constraint[key] = value.clone();
    }
    json!({"topologySpreadConstraints": [constraint]})
}

#[test]
fn pods_are_spread_no_more_unevenly_than_allowed() {
    let text = "node(s) didn't match pod topology spread constraints";
    let mut cluster = cluster();
    place(&mut cluster, pod_with("x", json!({"app": "a"}), json!({})), "n1");
    assert_eq!(refusals(&cluster, &pod(spread(json!({})))), [text, text, "fits"]);
    assert_eq!(
        refusals(&cluster, &pod(spread(json!({"maxSkew": 2})))),
        ["fits", "fits", "fits"]
    );
    assert_eq!(
        refusals(
            &cluster,
            &pod(spread(json!({"whenUnsatisfiable": "ScheduleAnyway"})))
        ),
        ["fits", "fits", "fits"]
    );
    place(&mut cluster, pod_with("y", json!({"app": "a"}), json!({})), "n3");
    assert_eq!(
        refusals(&cluster, &pod(spread(json!({"minDomains": 3})))),
        [text, text, text]
    );
    let missing = "node(s) didn't match pod topology spread constraints (missing required label)";
    assert_eq!(
        refusals(&cluster, &pod(spread(json!({"topologyKey": "rack"})))),
        [missing, missing, missing]
    );
}
