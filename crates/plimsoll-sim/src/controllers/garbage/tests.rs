use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::{DeleteOptions, Object, Propagation, resources};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::controllers::{facts::meta, stand::Stand};

fn owner(object: &Object, blocks: bool) -> Value {
    json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "name": meta::name(object),
        "uid": meta::uid(object), "blockOwnerDeletion": blocks})
}

async fn map(stand: &Stand, namespace: &str, name: &str, owners: &[Value]) -> Object {
    stand
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": owners}}))
        .await
}

async fn delete(stand: &Stand, name: &str, propagation: Propagation) {
    let options = DeleteOptions {
        propagation: Some(propagation),
        ..DeleteOptions::default()
    };
    stand
        .delete(&resources::CONFIG_MAPS, "default", name, options)
        .await;
}

fn left(stand: &Stand) -> Vec<String> {
    let mut names = stand.names(&resources::CONFIG_MAPS, "default");
    names.retain(|name| name != "kube-root-ca.crt");
    names
}

#[tokio::test(start_paused = true)]
async fn in_the_background_dependents_follow_their_owner() {
    let stand = Stand::new();
    let a = map(&stand, "default", "a", &[]).await;
    let b = map(&stand, "default", "b", &[owner(&a, true)]).await;
    map(&stand, "default", "c", &[owner(&b, true)]).await;
    delete(&stand, "a", Propagation::Background).await;
    assert_eq!(left(&stand), ["b", "c"]);
    stand.pass(1).await;
    assert_eq!(left(&stand), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_an_owner_waits_for_those_that_block_it() {
    let stand = Stand::new();
    let a = map(&stand, "default", "a", &[]).await;
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "blocks", "namespace": "default",
        "finalizers": ["example.com/hold"], "ownerReferences": [owner(&a, true)]}});
    stand.create(held).await;
    let mut free = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "does-not", "namespace": "default",
        "finalizers": ["example.com/hold"], "ownerReferences": [owner(&a, false)]}});
    stand.create(free.take()).await;
    delete(&stand, "a", Propagation::Foreground).await;
    stand.pass(1).await;
    assert_eq!(left(&stand), ["a", "blocks", "does-not"]);
    stand
        .merge(
            &resources::CONFIG_MAPS,
            "default",
            "blocks",
            json!({"metadata": {"finalizers": null}}),
        )
        .await;
    stand.pass(1).await;
    assert_eq!(left(&stand), ["does-not"]);
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_without_their_owner() {
    let stand = Stand::new();
    let a = map(&stand, "default", "a", &[]).await;
    map(&stand, "default", "b", &[owner(&a, true)]).await;
    delete(&stand, "a", Propagation::Orphan).await;
    stand.pass(1).await;
    assert_eq!(left(&stand), ["b"]);
    assert!(meta::owners(&stand.get(&resources::CONFIG_MAPS, "default", "b").unwrap()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was_or_is_another_one_is_absent() {
    let stand = Stand::new();
    let a = map(&stand, "default", "a", &[]).await;
    let mut stranger = owner(&a, false);
    stranger["uid"] = json!("11111111-2222-3333-4444-555555555555");
    map(&stand, "default", "b", &[stranger]).await;
    stand.pass(1).await;
    assert_eq!(left(&stand), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_in_another_namespace_is_absent_and_told_of() {
    let stand = Stand::new();
    stand.namespace("other").await;
    let a = map(&stand, "other", "a", &[]).await;
    let b = map(&stand, "default", "b", &[owner(&a, false)]).await;
    stand.pass(1).await;
    assert_eq!(left(&stand), [""; 0]);
    let message = format!(
        "ownerRef [v1/ConfigMap, namespace: default, name: a, uid: {}] does not exist in namespace \"default\"",
        meta::uid(&a)
    );
    assert_eq!(
        stand.events("default", meta::name(&b)),
        [("OwnerRefInvalidNamespace".to_owned(), message)]
    );
    assert!(stand.get(&resources::CONFIG_MAPS, "other", "a").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_owns_objects_of_the_cluster() {
    let stand = Stand::new();
    let namespace = stand.namespace("bench").await;
    stand
        .create(
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1,
            "metadata": {"name": "bench", "ownerReferences": [owner(&namespace, false)]}}),
        )
        .await;
    stand.pass(1).await;
    assert!(stand.get(&resources::PRIORITY_CLASSES, "", "bench").is_some());
    stand
        .delete(&resources::NAMESPACES, "", "bench", DeleteOptions::default())
        .await;
    stand.pass(20).await;
    assert!(stand.get(&resources::PRIORITY_CLASSES, "", "bench").is_none());
}

#[tokio::test(start_paused = true)]
async fn two_that_own_each_other_go_together() {
    let stand = Stand::new();
    let a = map(&stand, "default", "a", &[]).await;
    let b = map(&stand, "default", "b", &[owner(&a, true)]).await;
    stand
        .merge(
            &resources::CONFIG_MAPS,
            "default",
            "a",
            json!({"metadata": {"ownerReferences": [owner(&b, true)]}}),
        )
        .await;
    delete(&stand, "a", Propagation::Foreground).await;
    stand.pass(5).await;
    assert_eq!(left(&stand), [""; 0]);
}

/// What should be left: deletions taken one after the other, each carried through.
fn expected(owners: &[BTreeSet<usize>], deletions: &[(usize, Propagation)]) -> BTreeSet<usize> {
    let mut living: BTreeMap<usize, BTreeSet<usize>> = owners.iter().cloned().enumerate().collect();
    for (target, propagation) in deletions {
        if living.remove(target).is_none() {
            continue;
        }
        if *propagation == Propagation::Orphan {
            living.values_mut().for_each(|owners| {
                owners.remove(target);
            });
        }
        loop {
            let dead: Vec<usize> = living
                .iter()
                .filter(|(_, owners)| {
                    !owners.is_empty() && owners.iter().all(|owner| !living.contains_key(owner))
                })
                .map(|(index, _)| *index)
                .collect();
            if dead.is_empty() {
                break;
            }
            dead.iter().for_each(|index| {
                living.remove(index);
            });
        }
        // Who has an owner left is no longer the others'.
        let alive: BTreeSet<usize> = living.keys().copied().collect();
        living
            .values_mut()
            .for_each(|owners| owners.retain(|owner| alive.contains(owner)));
    }
    living.into_keys().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_orphan_is_left_and_nothing_with_a_live_owner_goes(
        owners in proptest::collection::vec(proptest::collection::btree_set(0..7_usize, 0..3), 8),
        deletions in proptest::collection::vec((0..8_usize, 0..3_u8), 0..5),
    ) {
        let owners: Vec<BTreeSet<usize>> = owners
            .into_iter()
            .enumerate()
            .map(|(index, owners)| owners.into_iter().filter(|owner| *owner < index).collect())
            .collect();
        let deletions: Vec<(usize, Propagation)> = deletions
            .into_iter()
            .map(|(target, how)| (target, match how {
                0 => Propagation::Background,
                1 => Propagation::Foreground,
                _ => Propagation::Orphan,
            }))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let names = runtime.block_on(async {
            let stand = Stand::new();
            let mut objects: Vec<Object> = Vec::new();
            for (index, own) in owners.iter().enumerate() {
                let references: Vec<Value> = own.iter().map(|at| owner(&objects[*at], true)).collect();
                objects.push(map(&stand, "default", &format!("m{index}"), &references).await);
            }
            for (target, propagation) in &deletions {
                let options = DeleteOptions { propagation: Some(*propagation), ..DeleteOptions::default() };
                let name = format!("m{target}");
                let _ = stand.api.delete(&resources::CONFIG_MAPS, Some("default"), &name, options).await;
                stand.pass(2).await;
            }
            left(&stand)
        });
        let wanted: Vec<String> = expected(&owners, &deletions).into_iter().map(|index| format!("m{index}")).collect();
        prop_assert_eq!(names, wanted);
    }
}
