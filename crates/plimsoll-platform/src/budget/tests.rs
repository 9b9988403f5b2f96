//! The budget's promises, by example and over generated histories.

use std::{collections::BTreeMap, time::Duration};

use futures::{FutureExt, future::join_all};
use proptest::prelude::*;

use super::*;
use crate::survey::Accelerator;

fn dra(class: &str) -> Path {
    Path::Dra {
        driver: "gpu.nvidia.com".into(),
        class: class.into(),
        api: "v1".into(),
    }
}

fn plugin() -> Path {
    Path::DevicePlugin {
        resource: "amd.com/gpu".into(),
    }
}

fn budget(free: &[(Path, &str, u32)]) -> Budget {
    let accelerators = free
        .iter()
        .map(|(path, node, free)| Accelerator {
            path: path.clone(),
            vendor: None,
            node: (*node).to_owned(),
            devices: Vec::new(),
            total: *free,
            free: *free,
            because: String::new(),
        })
        .collect();
    Budget::new(&Inventory {
        accelerators,
        ..Inventory::default()
    })
}

fn ask(path: Path, min: usize, max: usize, placement: Placement) -> Ask {
    Ask {
        path,
        min,
        max,
        placement,
    }
}

#[tokio::test]
async fn one_certain_node_gives_what_it_has_and_no_other_steps_in() {
    let budget = budget(&[(plugin(), "a", 1), (plugin(), "b", 3)]);
    let one = || ask(plugin(), 1, 1, Placement::SameNode);
    let lease = budget.acquire_on("a", one()).await.unwrap();
    assert_eq!(lease.slots, [("a".into(), 1)]);
    assert!(
        budget.acquire_on("a", one()).now_or_never().is_none(),
        "b is not a"
    );
    assert!(budget.acquire_on("c", one()).await.is_err());
    drop(lease);
    assert_eq!(budget.acquire_on("a", one()).await.unwrap().node(), "a");
}

#[tokio::test]
async fn the_first_is_served_before_those_who_asked_earlier() {
    let then = budget(&[(plugin(), "a", 2)]);
    let first = then.first();
    let one = || ask(plugin(), 1, 1, Placement::SameNode);
    let other = then.clone();
    let mut early = Box::pin(other.acquire(one()));
    assert!(
        (&mut early).now_or_never().is_none(),
        "there is room, but not yet"
    );
    let lease = first.acquire(one()).await.unwrap();
    assert!((&mut early).now_or_never().is_some());
    drop(lease);
    assert!(
        then.acquire_node(WholeNode {
            path: plugin(),
            nodes: Vec::new(),
            min: 1
        })
        .now_or_never()
        .is_some(),
        "its turn is over"
    );
}

#[tokio::test]
async fn nobody_waits_for_a_first_that_is_gone() {
    let then = budget(&[(plugin(), "a", 1)]);
    drop(then.first());
    let lease = then
        .acquire(ask(plugin(), 1, 1, Placement::SameNode))
        .now_or_never();
    assert!(lease.is_some());
}

#[tokio::test]
async fn one_gets_up_to_the_maximum_of_what_is_free() {
    let budget = budget(&[(plugin(), "a", 2), (plugin(), "b", 3)]);
    let lease = budget
        .acquire(ask(plugin(), 1, 9, Placement::Anywhere))
        .await
        .unwrap();
    assert_eq!(lease.slots, [("b".into(), 3), ("a".into(), 2)]);
    assert_eq!(lease.total(), 5);
    drop(lease);
    let lease = budget
        .acquire(ask(plugin(), 1, 9, Placement::SameNode))
        .await
        .unwrap();
    assert_eq!((lease.node(), lease.total()), ("b", 3));
}

#[tokio::test]
async fn each_of_several_nodes_lends_one() {
    let budget = budget(&[(plugin(), "a", 2), (plugin(), "b", 3), (plugin(), "c", 0)]);
    let each = |count| ask(plugin(), count, count, Placement::EachNode);
    let lease = budget.acquire(each(2)).await.unwrap();
    assert_eq!(lease.slots, [("b".into(), 1), ("a".into(), 1)]);
    let error = budget.acquire(each(3)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 accelerators are needed by device-plugin/amd.com/gpu, one on each node, and 2 are free"
    );
}

#[tokio::test]
async fn a_small_ask_leaves_the_emptiest_node_to_bigger_ones() {
    let budget = budget(&[(plugin(), "a", 1), (plugin(), "b", 2)]);
    let small = budget
        .acquire(ask(plugin(), 1, 1, Placement::SameNode))
        .await
        .unwrap();
    assert_eq!(small.node(), "a");
    let big = budget
        .acquire(ask(plugin(), 2, 2, Placement::SameNode))
        .now_or_never();
    assert!(big.is_some());
}

#[tokio::test]
async fn what_the_platform_never_has_is_refused_at_once() {
    let budget = budget(&[(plugin(), "a", 2), (plugin(), "b", 2)]);
    let error = budget
        .acquire(ask(plugin(), 3, 3, Placement::SameNode))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 accelerators are needed by device-plugin/amd.com/gpu on one node, and 2 are free"
    );
    assert!(
        budget
            .acquire(ask(plugin(), 4, 4, Placement::Anywhere))
            .await
            .is_ok()
    );
    assert!(
        budget
            .acquire(ask(dra("x"), 0, 0, Placement::Anywhere))
            .await
            .is_err()
    );
    assert_eq!(budget.capacity(&ask(plugin(), 1, 1, Placement::SameNode)), 2);
    assert_eq!(budget.capacity(&ask(plugin(), 1, 1, Placement::Anywhere)), 4);
}

#[tokio::test]
async fn classes_of_one_driver_share_their_devices() {
    let budget = budget(&[(dra("gpu"), "a", 2), (dra("mig"), "a", 4)]);
    let first = budget
        .acquire(ask(dra("gpu"), 2, 2, Placement::SameNode))
        .await
        .unwrap();
    assert!(
        budget
            .acquire(ask(dra("mig"), 3, 3, Placement::SameNode))
            .now_or_never()
            .is_none()
    );
    drop(first);
    assert!(
        budget
            .acquire(ask(dra("mig"), 3, 3, Placement::SameNode))
            .now_or_never()
            .is_some()
    );
}

#[tokio::test]
async fn who_waits_is_not_overtaken_on_the_same_hardware_but_on_other() {
    let budget = budget(&[(plugin(), "a", 2), (dra("gpu"), "a", 1)]);
    let held = budget
        .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
        .await
        .unwrap();
    let mut big = Box::pin(budget.acquire(ask(plugin(), 2, 2, Placement::Anywhere)));
    assert!(big.as_mut().now_or_never().is_none());
    assert!(
        budget
            .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
            .now_or_never()
            .is_none(),
        "one is free, but not its turn"
    );
    assert!(
        budget
            .acquire(ask(dra("gpu"), 1, 1, Placement::Anywhere))
            .now_or_never()
            .is_some()
    );
    drop(held);
    assert_eq!(big.await.unwrap().total(), 2);
}

#[tokio::test]
async fn who_gives_up_waiting_does_not_keep_the_others_waiting() {
    let budget = budget(&[(plugin(), "a", 2)]);
    let _held = budget
        .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
        .await
        .unwrap();
    let mut big = Box::pin(budget.acquire(ask(plugin(), 2, 2, Placement::Anywhere)));
    assert!(big.as_mut().now_or_never().is_none());
    let mut small = Box::pin(budget.acquire(ask(plugin(), 1, 1, Placement::Anywhere)));
    assert!(small.as_mut().now_or_never().is_none());
    drop(big);
    assert!(small.now_or_never().is_some());
}

#[tokio::test]
async fn a_lease_that_was_granted_to_somebody_who_left_goes_back() {
    let budget = budget(&[(plugin(), "a", 1)]);
    let held = budget
        .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
        .await
        .unwrap();
    let mut waiting = Box::pin(budget.acquire(ask(plugin(), 1, 1, Placement::Anywhere)));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(held);
    drop(waiting);
    assert!(
        budget
            .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
            .now_or_never()
            .is_some()
    );
}

fn whole(path: Path, nodes: &[&str], min: usize) -> WholeNode {
    WholeNode {
        path,
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        min,
    }
}

#[tokio::test]
async fn a_whole_node_is_lent_only_when_nothing_of_it_is() {
    let budget = budget(&[(dra("gpu"), "a", 3), (dra("mig"), "a", 6), (dra("gpu"), "b", 2)]);
    let first = budget
        .acquire(ask(dra("gpu"), 3, 3, Placement::SameNode))
        .await
        .unwrap();
    let mut node = Box::pin(budget.acquire_node(whole(dra("mig"), &[], 1)));
    assert!(
        node.as_mut().now_or_never().is_none(),
        "another class of the same driver is lent"
    );
    assert!(
        budget
            .acquire(ask(dra("gpu"), 1, 1, Placement::SameNode))
            .now_or_never()
            .is_none(),
        "who asks for a node is not overtaken"
    );
    drop(first);
    let lease = node.await.unwrap();
    assert_eq!((lease.node(), lease.total()), ("a", 6));
    let other = budget
        .acquire_node(whole(dra("gpu"), &[], 1))
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!((other.node(), other.total()), ("b", 2));
    drop(lease);
    let lease = budget.acquire_node(whole(dra("gpu"), &["a"], 1)).await.unwrap();
    assert_eq!(lease.total(), 3);
    assert!(
        budget
            .acquire(ask(dra("mig"), 1, 1, Placement::SameNode))
            .now_or_never()
            .is_none(),
        "six parts are not free beside three whole devices"
    );
    assert!(
        budget
            .acquire(ask(dra("gpu"), 1, 1, Placement::SameNode))
            .now_or_never()
            .is_none(),
        "nothing is left beside a whole node"
    );
}

#[tokio::test]
async fn only_a_node_that_is_asked_for_is_lent_whole() {
    let budget = budget(&[(plugin(), "a", 4), (plugin(), "b", 2)]);
    let lease = budget.acquire_node(whole(plugin(), &["b"], 1)).await.unwrap();
    assert_eq!(lease.node(), "b");
    let error = budget.acquire_node(whole(plugin(), &["b"], 3)).await.unwrap_err();
    assert!(error.to_string().contains("2 are free"), "{error}");
    assert!(budget.acquire_node(whole(plugin(), &["c"], 0)).await.is_err());
    assert!(budget.acquire_node(whole(dra("gpu"), &[], 1)).await.is_err());
}

#[tokio::test]
async fn who_stops_waiting_for_a_node_lets_the_others_go_on() {
    let budget = budget(&[(plugin(), "a", 2)]);
    let _held = budget
        .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
        .await
        .unwrap();
    let mut node = Box::pin(budget.acquire_node(whole(plugin(), &[], 1)));
    assert!(node.as_mut().now_or_never().is_none());
    drop(node);
    assert!(
        budget
            .acquire(ask(plugin(), 1, 1, Placement::Anywhere))
            .now_or_never()
            .is_some()
    );
}

/// One generated check: what it asks for, how long it holds it, whether it gives up early.
#[derive(Clone, Debug)]
struct Job {
    path: usize,
    min: usize,
    extra: usize,
    same_node: bool,
    whole_node: bool,
    holds: u64,
    patience: Option<u64>,
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let job = (
        0..3usize,
        0..4usize,
        0..3usize,
        any::<bool>(),
        proptest::bool::weighted(0.2),
        0..20u64,
        proptest::option::weighted(0.2, 0..20u64),
    );
    let job = job.prop_map(|(path, min, extra, same_node, whole_node, holds, patience)| Job {
        path,
        min,
        extra,
        same_node,
        whole_node,
        holds,
        patience,
    });
    proptest::collection::vec(job, 1..24)
}

/// Lets virtual time pass.
async fn pass(seconds: u64) {
    let _ = tokio::time::timeout(Duration::from_secs(seconds), std::future::pending::<()>()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing is lent twice, nobody waits for ever, and those who can be served at all are served in order.
    #[test]
    fn nothing_is_lent_twice_and_nobody_waits_for_ever(jobs in jobs(), free in proptest::array::uniform4(0..4u32)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let paths = [plugin(), dra("gpu"), dra("mig")];
            let counts = [
                (plugin(), "a", free[0]), (plugin(), "b", free[1]), (dra("gpu"), "a", free[2]), (dra("mig"), "a", free[3]),
            ];
            let budget = budget(&counts);
            let limit: BTreeMap<(bool, &str), u32> = [
                ((false, "a"), free[0]), ((false, "b"), free[1]), ((true, "a"), free[2].max(free[3])),
            ].into();
            let used = Mutex::new(BTreeMap::<(bool, String), usize>::new());
            let order = Mutex::new(Vec::<(bool, usize)>::new());
            let running = jobs.iter().enumerate().map(|(index, job)| {
                let (budget, used, order, limit) = (&budget, &used, &order, &limit);
                let placement = if job.same_node { Placement::SameNode } else { Placement::Anywhere };
                let ask = ask(paths[job.path].clone(), job.min, job.min + job.extra, placement);
                async move {
                    let patience = Duration::from_secs(job.patience.unwrap_or(100_000));
                    let asking = async {
                        if job.whole_node {
                            budget.acquire_node(whole(ask.path.clone(), &[], ask.min)).await
                        } else {
                            budget.acquire(ask.clone()).await
                        }
                    };
                    let Ok(result) = tokio::time::timeout(patience, asking).await else {
                        return job.patience.is_some();
                    };
                    let Ok(lease) = result else {
                        let placement = if job.whole_node { Placement::SameNode } else { ask.placement };
                        return budget.capacity(&Ask { placement, ..ask.clone() }) < ask.min.max(1);
                    };
                    let is_dra = lease.path.is_dra();
                    order.lock().unwrap().push((is_dra, index));
                    for (node, count) in &lease.slots {
                        let mut used = used.lock().unwrap();
                        let used = used.entry((is_dra, node.clone())).or_default();
                        *used += count;
                        assert!(*used <= limit[&(is_dra, node.as_str())] as usize, "{node} is lent twice");
                    }
                    if job.whole_node {
                        let node = (is_dra, lease.node().to_owned());
                        assert_eq!(used.lock().unwrap()[&node], lease.total(), "somebody else is on the node");
                    } else {
                        assert!((ask.min.max(1)..=ask.max.max(1)).contains(&lease.total()));
                    }
                    assert!(ask.placement == Placement::Anywhere || lease.slots.len() == 1);
                    pass(job.holds).await;
                    for (node, count) in &lease.slots {
                        *used.lock().unwrap().get_mut(&(is_dra, node.clone())).unwrap() -= count;
                    }
                    drop(lease);
                    true
                }
            });
            prop_assert!(join_all(running).await.into_iter().all(|fine| fine));
            // Everything is back.
            for (path, _, count) in &counts {
                let all = ask(path.clone(), 1, 99, Placement::Anywhere);
                let lease = budget.acquire(all).now_or_never();
                prop_assert!(*count == 0 || matches!(lease, Some(Ok(_))));
            }
            // All are polled in turn, so they ask in that order.
            for hardware in [false, true] {
                let served: Vec<usize> = order.lock().unwrap().iter().filter(|(is_dra, _)| *is_dra == hardware).map(|(_, index)| *index).collect();
                let mut sorted = served.clone();
                sorted.sort_unstable();
                prop_assert_eq!(served, sorted, "somebody was overtaken");
            }
            Ok(())
        })?;
    }
}
