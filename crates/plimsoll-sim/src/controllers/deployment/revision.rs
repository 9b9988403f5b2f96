//! Which ReplicaSet has the present template, and what sets note of their Deployment.

use plimsoll_apiserver::{Direct, Object, Status, resources};
use serde_json::{Value, json};

use super::{
    super::{
        facts::meta::{self, Key},
        pods::template,
    },
    Sets,
    sizes::Limits,
};

/// Which rollout of the Deployment a set is.
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's size when the set was last resized.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The Deployment's largest size then.
pub(super) const MOST: &str = "deployment.kubernetes.io/max-replicas";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const HASH: &str = "pod-template-hash";

/// Finds the set of the present template among a Deployment's sets.
pub(super) fn sort(deployment: &Value, mut sets: Vec<Object>) -> Sets {
    sets.sort_by_key(|set| (meta::created(set), meta::name(set).to_owned()));
    let new = sets
        .iter()
        .position(|set| is_of_template(deployment, set))
        .map(|at| sets.remove(at));
    Sets { new, old: sets }
}

/// Whether a set has the Deployment's present template.
fn is_of_template(deployment: &Value, set: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH);
        }
        template
    };
    bare(&deployment["spec"]["template"]) == bare(&set["spec"]["template"])
}

fn revision(object: &Value) -> i64 {
    meta::annotation(object, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// The number of the next rollout.
pub(super) fn next(old: &[Object]) -> i64 {
    old.iter().map(|set| revision(set)).max().unwrap_or_default() + 1
}

/// A set of the present template, without a size yet.
pub(super) fn new_set(deployment: &Value, _old: &[Object]) -> Value {
    let collisions = meta::number(&deployment["status"]["collisionCount"], 0);
    let mut template = deployment["spec"]["template"].clone();
    let hash = template::hash(&template, collisions);
    template::mark(&mut template, "labels", HASH, hash.clone());
    let mut selector = deployment["spec"]["selector"].clone();
    if !selector["matchLabels"].is_object() {
        selector["matchLabels"] = json!({});
    }
    selector["matchLabels"][HASH] = json!(hash);
    let mut spec = json!({"replicas": 0, "selector": selector, "template": template});
    if deployment["spec"]["minReadySeconds"].as_i64().unwrap_or_default() > 0 {
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"].clone();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", meta::name(deployment)),
            "namespace": meta::namespace(deployment),
            "labels": spec["template"]["metadata"]["labels"],
            "ownerReferences": [meta::controlled_by(deployment)],
        },
        "spec": spec,
    })
}

/// Whether the Deployment's size has changed since its sets last heard of it.
pub(super) fn is_scaled(deployment: &Value, sets: &Sets) -> bool {
    let replicas = meta::number(&deployment["spec"]["replicas"], 1);
    sets.old.iter().chain(&sets.new).any(|set| {
        meta::number(&set["spec"]["replicas"], 0) > 0
            && meta::annotation(set, DESIRED)
                .and_then(|text| text.parse::<i64>().ok())
                .is_some_and(|desired| desired != replicas)
    })
}

/// Notes the Deployment's size on a set.
pub(super) fn annotate_sizes(set: &mut Value, limits: &Limits) {
    template::mark(set, "annotations", DESIRED, limits.replicas.to_string());
    template::mark(set, "annotations", MOST, limits.most().to_string());
}

/// Notes the Deployment's annotations, the revision and, on a set that is still to be made, the size.
pub(super) fn annotate(deployment: &Value, set: &mut Value, next: i64, exists: bool) {
    for (key, value) in deployment["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if ![REVISION, HISTORY, DESIRED, MOST, LAST_APPLIED].contains(&key.as_str()) {
            template::mark(set, "annotations", key, value.clone());
        }
    }
    let own = revision(set);
    if own < next {
        template::mark(set, "annotations", REVISION, next.to_string());
        if exists && own > 0 {
            let history = meta::annotation(set, HISTORY);
            let history = history.map_or(own.to_string(), |earlier| format!("{earlier},{own}"));
            template::mark(set, "annotations", HISTORY, history);
        }
    }
    if !exists {
        annotate_sizes(set, &Limits::of(deployment));
    }
}

/// Brings what the set of the present template notes up to date, and the Deployment's revision with it.
pub(super) async fn keep_current(
    api: &Direct,
    deployment: &Object,
    new: &Object,
    old: &[Object],
) -> Result<Object, Status> {
    let mut set = (**new).clone();
    annotate(deployment, &mut set, next(old), true);
    let min_ready = deployment["spec"]["minReadySeconds"].as_i64().unwrap_or_default();
    if set["spec"]["minReadySeconds"].as_i64().unwrap_or_default() != min_ready {
        set["spec"]["minReadySeconds"] = json!(min_ready);
    }
    let set = if set == **new {
        new.clone()
    } else {
        api.update(set).await?
    };
    annotate_deployment(api, &Key::of(deployment), deployment, &set).await?;
    Ok(set)
}

/// Notes the revision of the set on the Deployment.
pub(super) async fn annotate_deployment(
    api: &Direct,
    key: &Key,
    deployment: &Object,
    set: &Object,
) -> Result<(), Status> {
    let revision = meta::annotation(set, REVISION);
    if revision == meta::annotation(deployment, REVISION) {
        return Ok(());
    }
    let patch = json!({"metadata": {"uid": meta::uid(deployment), "annotations": {REVISION: revision}}});
    api.merge(&resources::DEPLOYMENTS, key.space(), &key.name, None, patch)
        .await?;
    Ok(())
}

/// The names of old, empty sets beyond the number that is kept.
pub(super) fn to_forget(deployment: &Value, old: &[Object]) -> Vec<String> {
    let kept =
        usize::try_from(meta::number(&deployment["spec"]["revisionHistoryLimit"], 10)).unwrap_or_default();
    let mut alive: Vec<&Object> = old.iter().filter(|set| !meta::deleting(set)).collect();
    alive.sort_by_key(|set| revision(set));
    let surplus = alive.len().saturating_sub(kept);
    alive
        .into_iter()
        .take(surplus)
        .filter(|set| {
            meta::number(&set["status"]["replicas"], 0) == 0
                && meta::number(&set["spec"]["replicas"], 0) == 0
                && set["metadata"]["generation"] == set["status"]["observedGeneration"]
        })
        .map(|set| meta::name(set).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn deployment(image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "n", "uid": "d", "annotations": {"team": "a", LAST_APPLIED: "{}"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": image}]}}}})
    }

    #[test]
    fn a_set_is_known_by_its_template_and_named_after_it() {
        let (first, second) = (deployment("one"), deployment("two"));
        let sets = vec![Arc::new(new_set(&first, &[])), Arc::new(new_set(&second, &[]))];
        assert_ne!(meta::name(&sets[0]), meta::name(&sets[1]));
        let sorted = sort(&second, sets.clone());
        assert_eq!(sorted.new.as_deref(), Some(&*sets[1]));
        assert_eq!(sorted.old, [sets[0].clone()]);
        let hash = meta::label(&sets[0], HASH).unwrap();
        assert_eq!(sets[0]["spec"]["selector"]["matchLabels"][HASH], hash);
    }

    #[test]
    fn a_set_that_comes_back_gets_the_next_revision_and_keeps_its_history() {
        let deployment = deployment("one");
        let mut set = new_set(&deployment, &[]);
        annotate(&deployment, &mut set, 1, false);
        assert_eq!(meta::annotation(&set, REVISION), Some("1"));
        assert_eq!(meta::annotation(&set, "team"), Some("a"));
        assert_eq!(meta::annotation(&set, LAST_APPLIED), None);
        annotate(&deployment, &mut set, 3, true);
        assert_eq!(
            (meta::annotation(&set, REVISION), meta::annotation(&set, HISTORY)),
            (Some("3"), Some("1"))
        );
    }
}
