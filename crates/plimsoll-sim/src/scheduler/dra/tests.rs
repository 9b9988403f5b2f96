use serde_json::{Value, json};

use super::{
    allocated::Allocated,
    fixture::{Bench, DRIVER, claim, request, select},
    result,
};

fn three() -> Bench {
    Bench::with(json!([
        {"name": "a", "attributes": {"model": {"string": "x"}, "numa": {"int": 0}}},
        {"name": "b", "attributes": {"model": {"string": "y"}, "numa": {"int": 1}}},
        {"name": "c", "attributes": {"model": {"string": "y"}, "numa": {"int": 0}}},
    ]))
}

fn one(extra: Value) -> Value {
    json!({"requests": [request("r", extra)]})
}

fn hold(bench: &mut Bench, device: &str) {
    let results = json!([{"request": "r", "driver": DRIVER, "pool": "pool", "device": device}]);
    bench
        .usage
        .add(&Allocated::read(&json!({"devices": {"results": results}})).unwrap());
}

#[test]
fn the_first_free_device_that_is_selected_is_given() {
    let mut bench = three();
    assert_eq!(bench.names(one(json!({}))), "a");
    assert_eq!(bench.names(one(json!({"selectors": select("model=y")}))), "b");
    hold(&mut bench, "b");
    assert_eq!(bench.names(one(json!({"selectors": select("model=y")}))), "c");
    assert_eq!(bench.names(one(json!({"selectors": select("name=b")}))), "-");
    assert_eq!(bench.names_on(one(json!({})), "n2"), "-");
}

#[test]
fn so_many_or_none() {
    assert_eq!(three().names(one(json!({"count": 3}))), "a b c");
    assert_eq!(three().names(one(json!({"count": 4}))), "-");
    assert!(
        three()
            .names(one(json!({"count": 33})))
            .contains("exceeds the claim limit of 32")
    );
}

#[test]
fn all_are_all_that_are_selected_or_none() {
    let all = |selector: &str| one(json!({"allocationMode": "All", "selectors": select(selector)}));
    let mut bench = three();
    assert_eq!(bench.names(all("model=y")), "b c");
    assert_eq!(bench.names(all("model=z")), "-");
    hold(&mut bench, "c");
    assert_eq!(bench.names(all("model=y")), "-");
}

#[test]
fn the_search_goes_back_where_the_first_choice_leaves_nothing() {
    let both = json!({"requests": [request("any", json!({})), request("x", json!({"selectors": select("model=x")}))]});
    assert_eq!(three().names(both), "b a");
}

#[test]
fn two_claims_never_get_the_same_device() {
    let bench = three();
    let (any, x) = (
        claim(one(json!({"count": 2}))),
        claim(one(json!({"selectors": select("model=x")}))),
    );
    let chosen = bench.allocate(&[&any, &x], "n1").unwrap().unwrap();
    let names = |at: usize| {
        chosen[at]
            .iter()
            .map(|one| one.device.id.name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(0), names(1)), (vec!["b", "c"], vec!["a"]));
    assert!(bench.allocate(&[&any, &any], "n1").unwrap().is_none());
}

#[test]
fn the_first_choice_that_can_be_met_is_taken() {
    let choice = |name: &str, extra: Value| {
        let mut choice = request(name, extra)["exactly"].clone();
        choice["name"] = json!(name);
        choice
    };
    let spec = json!({"requests": [{"name": "r", "firstAvailable": [
        choice("many", json!({"count": 4})), choice("few", json!({"count": 2, "selectors": select("model=y")})),
    ]}]});
    let bench = three();
    let asked = claim(spec);
    let chosen = bench.allocate(&[&asked], "n1").unwrap().unwrap();
    let written = result::allocation(&asked, &chosen[0], &bench.classes, &mut String::new);
    assert_eq!(written["devices"]["results"][1]["request"], "r/few");
    assert_eq!(written["devices"]["results"][1]["device"], "c");
    let node = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]);
    assert_eq!(written["nodeSelector"]["nodeSelectorTerms"], node);
}

#[test]
fn devices_agree_or_differ_where_they_must() {
    let two = |constraint: Value| json!({"requests": [request("r", json!({"count": 2}))], "constraints": [constraint]});
    let numa = format!("{DRIVER}/numa");
    assert_eq!(three().names(two(json!({"matchAttribute": numa}))), "a c");
    assert_eq!(three().names(two(json!({"distinctAttribute": numa}))), "a b");
    assert_eq!(
        three().names(two(json!({"matchAttribute": format!("{DRIVER}/absent")}))),
        "-"
    );
    let of_one = json!({
        "requests": [request("r", json!({"count": 2})), request("s", json!({}))],
        "constraints": [{"requests": ["r"], "matchAttribute": numa}],
    });
    assert_eq!(three().names(of_one), "a c b");
}

#[test]
fn a_selector_that_fails_is_told() {
    let asked = one(json!({"selectors": select("fails")}));
    assert_eq!(
        three().names(asked.clone()),
        "claim ns/claim: selector #0: CEL runtime error: no such key: x"
    );
    let mut bench = three();
    bench.flaws.failing_selects = true;
    assert_eq!(bench.names(asked), "a");
}

#[test]
fn an_unknown_class_is_told() {
    let asked = json!({"requests": [{"name": "r", "exactly": {"deviceClassName": "other"}}]});
    assert!(
        three()
            .names(asked)
            .contains("could not retrieve device class other")
    );
}

#[test]
fn incomplete_pools_give_nothing_and_are_an_error_to_who_wants_all() {
    let mut bench = Bench::new();
    bench.publish(json!({"nodeName": "n1", "devices": [{"name": "a"}], "pool": {"name": "p", "generation": 1, "resourceSliceCount": 2}}));
    assert_eq!(bench.names(one(json!({}))), "-");
    assert_eq!(
        bench.names(one(json!({"allocationMode": "All"}))),
        "claim ns/claim, request r: asks for all devices, but resource pool gpu.example.com/p is currently being updated"
    );
    assert_eq!(bench.names_on(one(json!({"allocationMode": "All"})), "n2"), "-");
}

#[test]
fn only_the_newest_generation_counts() {
    let mut bench = Bench::new();
    let pool = |generation: u32| json!({"name": "p", "generation": generation, "resourceSliceCount": 1, "slice": generation.to_string()});
    bench.publish(json!({"nodeName": "n1", "devices": [{"name": "old"}], "pool": pool(1)}));
    bench.publish(json!({"nodeName": "n1", "devices": [{"name": "new"}], "pool": pool(2)}));
    assert_eq!(bench.names(one(json!({"allocationMode": "All"}))), "new");
    bench.inventory.remove_slice("2");
    assert_eq!(bench.names(one(json!({}))), "old");
}

#[test]
fn a_name_published_twice_spoils_its_pool() {
    let bench = Bench::with(json!([{"name": "a"}, {"name": "a"}]));
    assert_eq!(bench.names(one(json!({}))), "-");
}

#[test]
fn devices_are_used_from_where_they_can_be_reached() {
    let zone = |zone: &str| json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]}]});
    let pool = |name: &str| json!({"name": name, "generation": 1, "resourceSliceCount": 1, "slice": name});
    let mut bench = Bench::new();
    bench.publish(
        json!({"nodeSelector": zone("n2"), "devices": [{"name": "near-2"}], "pool": pool("selected")}),
    );
    assert_eq!(
        (bench.names(one(json!({}))), bench.names_on(one(json!({})), "n2")),
        ("-".into(), "near-2".into())
    );
    let mut bench = Bench::new();
    bench.publish(json!({"allNodes": true, "devices": [{"name": "network"}], "pool": pool("all")}));
    assert_eq!(bench.names_on(one(json!({})), "n2"), "network");
    let asked = claim(one(json!({})));
    let chosen = bench.allocate(&[&asked], "n2").unwrap().unwrap();
    let written = result::allocation(&asked, &chosen[0], &bench.classes, &mut String::new);
    assert!(written.get("nodeSelector").is_none());
    let mut bench = Bench::new();
    bench.publish(json!({"perDeviceNodeSelection": true, "pool": pool("each"),
        "devices": [{"name": "one", "nodeName": "n1"}, {"name": "two", "nodeSelector": zone("n2")}]}));
    assert_eq!(
        (bench.names(one(json!({}))), bench.names_on(one(json!({})), "n2")),
        ("one".into(), "two".into())
    );
}

#[test]
fn tainted_devices_are_for_who_tolerates_them() {
    let mut bench = Bench::with(json!([
        {"name": "ill", "taints": [{"key": "health", "value": "bad", "effect": "NoSchedule"}]},
        {"name": "noted", "taints": [{"key": "health", "effect": "None"}]},
    ]));
    assert_eq!(bench.names(one(json!({}))), "noted");
    let tolerant = one(json!({"tolerations": [{"key": "health", "operator": "Exists"}]}));
    assert_eq!(bench.names(tolerant), "ill");
    assert_eq!(bench.names(one(json!({"allocationMode": "All"}))), "-");
    bench.inventory.change_rules(|rules| {
        rules.set(&json!({"metadata": {"name": "r"}, "spec": {"deviceSelector": {"device": "noted"}, "taint": {"key": "k", "effect": "NoExecute"}}}));
    });
    assert_eq!(bench.names(one(json!({}))), "-");
    bench.flaws.ignores_taints = true;
    assert_eq!(bench.names(one(json!({}))), "ill");
}

/// A device of which either the whole or two halves can be had.
fn partitionable() -> Bench {
    let part = |name: &str, memory: &str| {
        json!({"name": name, "attributes": {"model": {"string": name[..1].to_owned()}},
            "consumesCounters": [{"counterSet": "gpu-0", "counters": {"memory": {"value": memory}}}]})
    };
    let mut bench = Bench::new();
    bench.publish(json!({
        "nodeName": "n1",
        "sharedCounters": [{"name": "gpu-0", "counters": {"memory": {"value": "80Gi"}}}],
        "devices": [part("whole", "80Gi"), part("half-0", "40Gi"), part("half-1", "40Gi"), part("half-2", "40Gi")],
    }));
    bench
}

#[test]
fn partitions_share_what_they_are_made_of() {
    let halves = |count: u32| one(json!({"count": count, "selectors": select("model=h")}));
    let mut bench = partitionable();
    assert_eq!(bench.names(halves(2)), "half-0 half-1");
    assert_eq!(bench.names(halves(3)), "-");
    assert_eq!(
        bench.names(one(json!({"count": 2}))),
        "half-0 half-1",
        "the whole leaves nothing for a second"
    );
    hold(&mut bench, "half-2");
    assert_eq!(bench.names(one(json!({"selectors": select("name=whole")}))), "-");
    assert_eq!(bench.names(one(json!({}))), "half-0");
    bench.flaws.ignores_counters = true;
    assert_eq!(bench.names(one(json!({}))), "whole");
}

fn sharable() -> Bench {
    Bench::with(
        json!([{"name": "nic", "allowMultipleAllocations": true, "capacity": {
            "bandwidth": {"value": "10G", "requestPolicy": {"default": "1G", "validRange": {"min": "1G", "step": "1G"}}},
            "slots": {"value": "3", "requestPolicy": {"default": "1"}},
        }}]),
    )
}

#[test]
fn shares_of_a_device_are_given_until_a_capacity_is_used_up() {
    let part = |bandwidth: &str| one(json!({"capacity": {"requests": {"bandwidth": bandwidth}}}));
    let mut bench = sharable();
    let asked = claim(part("4500M"));
    let chosen = bench.allocate(&[&asked], "n1").unwrap().unwrap();
    let written = result::allocation(&asked, &chosen[0], &bench.classes, &mut || "share".to_owned());
    let given = &written["devices"]["results"][0];
    assert_eq!(given["shareID"], "share");
    assert_eq!(
        given["consumedCapacity"],
        json!({"bandwidth": "5000000000", "slots": "1"})
    );
    bench.usage.add(&Allocated::read(&written).unwrap());
    assert_eq!(bench.names(part("5G")), "nic");
    assert_eq!(bench.names(part("6G")), "-");
    assert_eq!(
        bench.names(one(json!({"capacity": {"requests": {"other": "1"}}}))),
        "-"
    );
    assert_eq!(
        bench.names(one(json!({"count": 2}))),
        "-",
        "one request has each device once"
    );
    let two = json!({"requests": [request("r", json!({})), request("s", json!({}))]});
    assert_eq!(bench.names(two), "nic nic");
    let three =
        json!({"requests": [request("r", json!({})), request("s", json!({})), request("t", json!({}))]});
    assert_eq!(bench.names(three), "-", "only two of the three slots are left");
}

#[test]
fn an_administrators_look_takes_nothing_away() {
    let mut bench = three();
    hold(&mut bench, "a");
    let all = one(json!({"allocationMode": "All", "adminAccess": true}));
    assert_eq!(bench.names(all.clone()), "a b c");
    let asked = claim(all);
    let chosen = bench.allocate(&[&asked], "n1").unwrap().unwrap();
    let written = result::allocation(&asked, &chosen[0], &bench.classes, &mut String::new);
    assert_eq!(written["devices"]["results"][0]["adminAccess"], true);
    bench.usage.add(&Allocated::read(&written).unwrap());
    assert_eq!(bench.names(one(json!({}))), "b");
}

#[test]
fn drivers_are_told_the_configuration_of_class_and_claim() {
    let mut bench = three();
    let opaque = |parameter: &str| json!({"driver": DRIVER, "parameters": {"p": parameter}});
    let class = json!({"metadata": {"name": "gpu"}, "spec": {"config": [{"opaque": opaque("class")}]}});
    bench.classes.insert(
        "gpu".to_owned(),
        super::request::Class::read(&std::sync::Arc::new(class)),
    );
    let asked = claim(json!({
        "requests": [request("r", json!({})), request("s", json!({}))],
        "config": [{"requests": ["s"], "opaque": opaque("s")}, {"requests": ["t"], "opaque": opaque("t")}],
    }));
    let chosen = bench.allocate(&[&asked], "n1").unwrap().unwrap();
    let written = result::allocation(&asked, &chosen[0], &bench.classes, &mut String::new);
    assert_eq!(
        written["devices"]["config"],
        json!([
            {"source": "FromClass", "requests": ["r", "s"], "opaque": opaque("class")},
            {"source": "FromClaim", "requests": ["s"], "opaque": opaque("s")},
        ])
    );
}

#[test]
fn each_flaw_shows() {
    let mut bench = three();
    hold(&mut bench, "a");
    bench.flaws.selected_anyway = true;
    assert_eq!(bench.names(one(json!({"selectors": select("name=a")}))), "a");
    assert_eq!(bench.names(one(json!({}))), "b");
    let twice = request("r", json!({"selectors": select("name=a")}));
    assert_eq!(
        bench.names(json!({"requests": [twice, request("s", json!({"selectors": select("name=a")}))]})),
        "-"
    );
    let mut bench = three();
    bench.flaws.short_count = true;
    assert_eq!(bench.names(one(json!({"count": 2}))), "a");
    assert_eq!(bench.names(one(json!({"count": 4}))), "-");
    let mut bench = three();
    bench.flaws.ignores_requests = true;
    assert_eq!(bench.names(one(json!({"selectors": select("name=c")}))), "a");
}
