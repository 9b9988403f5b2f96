//! Worlds built from objects as the API gives them.

use plimsoll_defects::GangRule;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    super::rule::{Memory, Verdict, decide},
    *,
};

fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "allocatable": {"cpu": "2", "pods": "110", "amd.com/gpu": "1"},
            "conditions": [{"type": "Ready", "status": "True"}]
        }
    })
}

fn slice(node: &str, generation: i64, count: i64, devices: &[&str]) -> Value {
    let device = |name: &&str| json!({"name": name, "attributes": {"type": {"string": "gpu"}}});
    let devices: Vec<Value> = devices.iter().map(device).collect();
    json!({
        "metadata": {"name": format!("{node}-{generation}")},
        "spec": {
            "driver": "gpu.nvidia.com", "nodeName": node,
            "pool": {"name": node, "generation": generation, "resourceSliceCount": count},
            "devices": devices
        }
    })
}

fn class(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"selectors": [{"cel": {"expression": "device.driver == \"gpu.nvidia.com\""}}]}})
}

fn claim(name: &str, device: Option<(&str, &str)>) -> Value {
    let results = device.map(|(pool, device)| {
        json!({"allocation": {"devices": {"results": [
            {"request": "d", "driver": "gpu.nvidia.com", "pool": pool, "device": device}
        ]}}})
    });
    json!({
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"devices": {"requests": [{"name": "d", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}},
        "status": results
    })
}

fn template() -> Value {
    let spec = claim("", None)["spec"].clone();
    json!({"metadata": {"name": "t", "namespace": "ns"}, "spec": {"spec": spec}})
}

/// A member of gang `g` that wants one device by template.
fn member(name: &str, on: Option<&str>, gate: Option<&str>) -> Value {
    let gates: Vec<Value> = gate.iter().map(|gate| json!({"name": gate})).collect();
    json!({
        "metadata": {"name": name, "namespace": "ns", "labels": {"gang": "g"}},
        "spec": {
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}],
            "nodeName": on,
            "schedulingGates": gates,
            "schedulingGroup": {"podGroupName": "g"},
            "resourceClaims": [{"name": "d", "resourceClaimTemplateName": "t"}]
        }
    })
}

fn group(min_count: u64) -> Value {
    json!({
        "apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup",
        "metadata": {"name": "g", "namespace": "ns", "uid": "u", "generation": 1},
        "spec": {"schedulingPolicy": {"gang": {"minCount": min_count}}}
    })
}

/// Two nodes of two devices each, and a gang of that many held members.
fn objects(members: usize) -> Objects {
    Objects {
        nodes: vec![object(node("n1")), object(node("n2"))],
        slices: vec![
            object(slice("n1", 1, 1, &["gpu-0", "gpu-1"])),
            object(slice("n2", 1, 1, &["gpu-0", "gpu-1"])),
        ],
        now: 0,
        classes: vec![object(class("gpu.nvidia.com")), object(class("mig.nvidia.com"))],
        templates: vec![object(template())],
        groups: vec![object(group(members as u64))],
        pods: (0..members)
            .map(|at| object(member(&format!("p{at}"), None, Some(GATE))))
            .collect(),
        claims: Vec::new(),
    }
}

fn free_devices(objects: &Objects) -> Vec<u32> {
    build(objects)
        .free
        .0
        .iter()
        .map(|node| node.devices.get("gpu.nvidia.com").copied().unwrap_or(0))
        .collect()
}

fn sound(objects: &Objects) -> Vec<Verdict> {
    decide(GangRule::Sound, &build(objects), &mut Memory::default())
        .into_iter()
        .map(|made| made.verdict)
        .collect()
}

#[test]
fn a_gang_that_fits_its_devices_is_admitted_whole() {
    let Verdict::Admit(names) = &sound(&objects(4))[0] else {
        panic!("refused")
    };
    assert_eq!(names.len(), 4);
    assert!(matches!(sound(&objects(5))[0], Verdict::Refuse(_)));
}

#[test]
fn a_device_that_a_claim_holds_is_not_free_but_counts_in_total() {
    let mut objects = objects(4);
    objects
        .claims
        .push(object(claim("ballast", Some(("n1", "gpu-0")))));
    assert_eq!(free_devices(&objects), [1, 2]);
    assert!(matches!(sound(&objects)[0], Verdict::Refuse(_)));
    let partial = decide(GangRule::PartialBind, &build(&objects), &mut Memory::default());
    assert!(matches!(partial[0].verdict, Verdict::Admit(_)));
}

#[test]
fn classes_of_parts_do_not_count_whole_devices() {
    let world = build(&objects(1));
    assert_eq!(world.free.0[0].devices.get("mig.nvidia.com"), None);
}

#[test]
fn incomplete_and_old_pools_give_no_room() {
    let mut incomplete = objects(1);
    incomplete.slices[0] = object(slice("n1", 2, 2, &["gpu-0"]));
    incomplete.slices.push(object(slice("n1", 1, 1, &["gpu-9"])));
    assert_eq!(free_devices(&incomplete), [0, 2]);
}

#[test]
fn cordoned_and_unready_nodes_give_no_room() {
    let mut objects = objects(1);
    let mut cordoned = node("n1");
    cordoned["spec"] = json!({"unschedulable": true});
    let mut unready = node("n2");
    unready["status"]["conditions"][0]["status"] = json!("False");
    objects.nodes = vec![object(cordoned), object(unready)];
    assert!(build(&objects).free.0.is_empty());
}

#[test]
fn pods_on_a_node_take_its_resources_until_they_are_finished() {
    let mut objects = objects(0);
    let mut ballast = member("ballast", Some("n1"), None);
    ballast["spec"]["containers"][0]["resources"] = json!({"limits": {"amd.com/gpu": "1"}});
    objects.pods = vec![object(ballast.clone())];
    let left = |objects: &Objects| build(objects).free.0[0].resources["amd.com/gpu"];
    assert_eq!(left(&objects), 0);
    ballast["status"] = json!({"phase": "Succeeded"});
    objects.pods = vec![object(ballast)];
    assert_eq!(left(&objects), 1000);
}

#[test]
fn members_are_told_apart_by_gate_and_node() {
    let mut objects = objects(3);
    objects.pods[1] = object(member("p1", None, Some("somebody.else/gate")));
    objects.pods[2] = object(member("p2", Some("n1"), None));
    let states: Vec<State> = build(&objects).gangs[0]
        .members
        .iter()
        .map(|member| member.state)
        .collect();
    assert_eq!(states, [State::Held, State::Admitted, State::Bound]);
}

#[test]
fn a_claim_with_devices_asks_for_no_more_and_a_shared_one_is_counted_once() {
    let mut objects = objects(2);
    for at in 0..2 {
        let mut sharing = member(&format!("p{at}"), None, Some(GATE));
        sharing["spec"]["resourceClaims"] = json!([{"name": "d", "resourceClaimName": "shared"}]);
        objects.pods[at] = object(sharing);
    }
    let demands = |objects: &Objects| -> Vec<u32> {
        let members = build(objects).gangs.remove(0).members;
        members
            .iter()
            .map(|member| member.candidate.demand.devices.values().sum())
            .collect()
    };
    objects.claims = vec![object(claim("shared", None))];
    assert_eq!(demands(&objects), [1, 0]);
    objects.claims = vec![object(claim("shared", Some(("n1", "gpu-0"))))];
    assert_eq!(demands(&objects), [0, 0]);
}

#[test]
fn a_group_without_a_gang_policy_and_one_that_is_going_are_nobodys_business() {
    let mut objects = objects(1);
    let mut basic = group(1);
    basic["spec"]["schedulingPolicy"] = json!({"basic": {}});
    let mut going = group(1);
    going["metadata"]["deletionTimestamp"] = json!("2026-10-01T00:00:00Z");
    objects.groups = vec![object(basic), object(going)];
    assert!(build(&objects).gangs.is_empty());
    assert!(build(&Objects::default()).gangs.is_empty());
}
