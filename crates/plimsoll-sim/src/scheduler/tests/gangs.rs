//! Gangs, as they should be.

use plimsoll_apiserver::{Object, resources};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{Bench, asks};
use crate::platform::GangScheduling;

impl Bench {
    /// Two nodes with two accelerators each.
    pub(super) async fn four_slots(&self) {
        self.node("n1", 8, 2);
        self.node("n2", 8, 2);
    }

    /// What stands for a gang, in the form of this version.
    pub(super) async fn group(&self, name: &str, size: usize) {
        let gang = json!({"gang": {"minCount": size}});
        let (version, kind, spec) = match self.api.minor() {
            35 => (
                "v1alpha1",
                "Workload",
                json!({"podGroups": [{"name": "w", "policy": gang}]}),
            ),
            36 => ("v1alpha2", "PodGroup", json!({"schedulingPolicy": gang})),
            _ => ("v1beta1", "PodGroup", json!({"schedulingPolicy": gang})),
        };
        self.create(json!({
            "apiVersion": format!("scheduling.k8s.io/{version}"), "kind": kind,
            "metadata": {"name": name, "namespace": "default"}, "spec": spec,
        }))
        .await;
    }

    pub(super) async fn member(&self, gang: &str, number: usize) {
        self.pod(
            &format!("{gang}-{number}"),
            self.member_spec(gang, json!({"nvidia.com/gpu": "1"})),
        )
        .await;
    }

    fn member_spec(&self, gang: &str, amounts: Value) -> Value {
        let mut spec = asks(amounts);
        if self.api.minor() == 35 {
            spec["workloadRef"] = json!({"name": gang, "podGroup": "w", "podGroupReplicaKey": "0"});
        } else {
            spec["schedulingGroup"] = json!({"podGroupName": gang});
        }
        spec
    }

    pub(super) async fn gang(&self, name: &str, size: usize) {
        self.group(name, size).await;
        for number in 0..size {
            self.member(name, number).await;
        }
    }

    pub(super) async fn lone(&self, name: &str) {
        self.pod(name, asks(json!({"nvidia.com/gpu": "1"}))).await;
    }

    /// Status, reason and message of what is said of a group.
    pub(super) fn standing(&self, name: &str) -> (String, String, String) {
        let group: Object = self
            .api
            .get(&resources::POD_GROUPS, Some("default"), name)
            .unwrap();
        let condition = &group["status"]["conditions"][0];
        let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        (text("type"), text("status"), text("message"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_fits_starts_together_in_every_version() {
    for minor in [35, 36, 37] {
        let bench = Bench::of(minor, &[]);
        bench.four_slots().await;
        bench.gang("g", 4).await;
        bench.rest().await;
        assert_eq!(bench.bound("g-"), 4, "1.{minor}");
        let kind = match minor {
            36 => "PodGroupScheduled",
            37 => "PodGroupInitiallyScheduled",
            _ => continue,
        };
        assert_eq!(bench.standing("g"), (kind.into(), "True".into(), String::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_is_one_short_holds_nothing_and_starts_when_room_appears() {
    for minor in [35, 36, 37] {
        let bench = Bench::of(minor, &[]);
        bench.four_slots().await;
        bench.lone("ballast").await;
        bench.rest().await;
        bench.gang("g", 4).await;
        bench.rest().await;
        assert_eq!(bench.bound("g-"), 0, "1.{minor}");
        assert!((0..4).any(|number| {
            bench
                .said(&format!("g-{number}"))
                .1
                .contains("Insufficient nvidia.com/gpu")
        }));
        if minor > 35 {
            assert_eq!(bench.standing("g").1, "False");
            assert_eq!(bench.standing("g").2, "pod group is unschedulable");
        }
        bench.gang("small", 3).await;
        bench.rest().await;
        assert_eq!(bench.bound("small-"), 3, "its room was there all the time");
        for number in 0..3 {
            bench.remove(&format!("small-{number}")).await;
        }
        bench.remove("ballast").await;
        bench.rest().await;
        assert_eq!(bench.bound("g-"), 4, "1.{minor}");
        if minor > 35 {
            assert_eq!(bench.standing("g").1, "True");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gang_waits_for_its_last_member_and_for_its_group() {
    let bench = Bench::new();
    bench.four_slots().await;
    for number in 0..3 {
        bench.member("g", number).await;
    }
    bench.rest().await;
    bench.group("g", 4).await;
    bench.rest().await;
    assert_eq!((bench.bound("g-"), bench.said("g-0").0), (0, String::new()));
    bench.member("g", 3).await;
    bench.rest().await;
    assert_eq!(bench.bound("g-"), 4);
    bench.member("g", 4).await;
    bench.rest().await;
    assert_eq!(bench.said("g-4").0, "Unschedulable");
    assert_eq!(
        bench.standing("g").1,
        "True",
        "what was placed stays so, whatever becomes of a further member"
    );
    bench.remove("g-0").await;
    bench.rest().await;
    assert!(!bench.node_of("g-4").is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_gangs_in_the_room_of_one_never_hold_a_part_each() {
    let bench = Bench::new();
    bench.four_slots().await;
    bench.group("a", 3).await;
    bench.group("b", 3).await;
    for number in 0..3 {
        bench.member("a", number).await;
        bench.member("b", number).await;
    }
    bench.rest().await;
    let mut bound = [bench.bound("a-"), bench.bound("b-")];
    bound.sort_unstable();
    assert_eq!(bound, [0, 3]);
    let first = if bench.bound("a-") == 3 { "a" } else { "b" };
    for number in 0..3 {
        bench.remove(&format!("{first}-{number}")).await;
    }
    bench.rest().await;
    assert_eq!(bench.bound("a-") + bench.bound("b-"), 3);
}

#[tokio::test(start_paused = true)]
async fn members_that_share_one_claim_go_to_its_node_together() {
    let bench = Bench::new();
    bench.four_slots().await;
    bench.create(json!({"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "net"}, "spec": {}})).await;
    bench
        .create(json!({
            "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"},
            "spec": {"driver": "net.example.com", "nodeName": "n2", "devices": [{"name": "d"}],
                     "pool": {"name": "n2", "generation": 1, "resourceSliceCount": 1}},
        }))
        .await;
    bench.create(json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "shared", "namespace": "default"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "net", "allocationMode": "ExactCount", "count": 1}}]}},
    })).await;
    for size in [3, 2] {
        let name = format!("g{size}");
        bench.group(&name, size).await;
        for number in 0..size {
            let mut spec = bench.member_spec(&name, json!({"nvidia.com/gpu": "1"}));
            spec["resourceClaims"] = json!([{"name": "x", "resourceClaimName": "shared"}]);
            bench.pod(&format!("{name}-{number}"), spec).await;
        }
    }
    bench.rest().await;
    assert_eq!(
        (bench.bound("g3-"), bench.bound("g2-")),
        (0, 2),
        "the claim's node has two accelerators"
    );
    assert_eq!(bench.node_of("g2-0"), "n2");
    let claim = bench
        .api
        .get(&resources::RESOURCE_CLAIMS, Some("default"), "shared")
        .unwrap();
    assert_eq!(claim["status"]["reservedFor"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(start_paused = true)]
async fn members_whose_claims_are_yet_to_be_made_are_not_there_yet() {
    let bench = Bench::new();
    bench.four_slots().await;
    bench.group("g", 2).await;
    for number in 0..2 {
        let mut spec = bench.member_spec("g", json!({"cpu": "1"}));
        spec["resourceClaims"] = json!([{"name": "x", "resourceClaimTemplateName": "t"}]);
        bench.pod(&format!("g-{number}"), spec).await;
    }
    bench.rest().await;
    assert_eq!((bench.bound("g-"), bench.standing("g").1), (0, String::new()));
    for number in 0..2 {
        // The template asks for nothing, so there is no claim to be made.
        let patch = json!({"status": {"resourceClaimStatuses": [{"name": "x"}]}});
        let of = resources::PODS;
        let name = format!("g-{number}");
        bench
            .api
            .merge(&of, Some("default"), &name, Some("status"), patch)
            .await
            .unwrap();
    }
    bench.rest().await;
    assert_eq!(bench.bound("g-"), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_enforces_gangs_where_that_is_switched_off() {
    let off = GangScheduling {
        api: true,
        enforced: false,
        topology: false,
    };
    let bench = Bench::with(36, &[], off, |_| {});
    bench.four_slots().await;
    bench.lone("ballast").await;
    bench.rest().await;
    bench.gang("g", 4).await;
    bench.rest().await;
    assert_eq!((bench.bound("g-"), bench.standing("g").1), (3, String::new()));
}

/// How many of each gang's members are on nodes, on nodes with so many slots.
fn bound_of(slots: &[u32], gangs: &[(usize, usize)], order: u64) -> Vec<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let bench = Bench::new();
        for (at, slots) in slots.iter().enumerate() {
            bench.node(&format!("n{at}"), 8, *slots);
        }
        let mut members = Vec::new();
        for (at, (size, needed)) in gangs.iter().enumerate() {
            bench.group(&format!("g{at}"), *needed).await;
            members.extend((0..*size).map(|number| (at, number)));
        }
        let random = plimsoll_apiserver::Seed::new(order);
        while !members.is_empty() {
            let chosen = random.below(members.len() as u64) as usize;
            let (at, number) = members.swap_remove(chosen);
            bench.member(&format!("g{at}"), number).await;
        }
        bench.rest().await;
        (0..gangs.len())
            .map(|at| bench.bound(&format!("g{at}-")))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn gangs_are_placed_whole_or_not_at_all_and_room_is_not_wasted(
        slots in prop::collection::vec(0..4_u32, 1..4),
        gangs in prop::collection::vec((1..5_usize, 0..2_usize), 1..4),
        order in any::<u64>(),
    ) {
        let gangs: Vec<(usize, usize)> = gangs.into_iter().map(|(size, spare)| (size, size.saturating_sub(spare).max(1))).collect();
        let bound = bound_of(&slots, &gangs, order);
        let total: u32 = slots.iter().sum();
        let free = total as usize - bound.iter().sum::<usize>();
        for ((size, needed), bound) in gangs.iter().zip(&bound) {
            prop_assert!(*bound == 0 || bound >= needed, "{} of {} needed", bound, needed);
            prop_assert!(*bound > 0 || free < *needed, "{} slots are free for a gang of {}", free, size);
        }
    }
}
