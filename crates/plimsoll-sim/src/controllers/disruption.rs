//! Tells how many pods of a PodDisruptionBudget may be evicted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use plimsoll_apiserver::{Change, Direct, Object, Status, resources};
use serde_json::{Map, Value, json};

use super::{
    facts::{
        Selector,
        condition::{self, Condition},
        meta::{self, Key},
        pod,
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "controllermanager";
/// How long an evicted pod is believed to be going.
const BELIEF: SignedDuration = SignedDuration::from_secs(120);

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Budgets { api: api.clone() }).await;
}

struct Budgets {
    api: Direct,
}

impl Reconcile for Budgets {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::POD_DISRUPTION_BUDGETS, resources::PODS])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        if *change.of() != resources::PODS {
            if !matches!(change, Change::Deleted(..)) {
                look_at(Key::of(object));
            }
            return;
        }
        if let Change::Modified { old, new, .. } = change {
            let matters = |of: &Value| (pod::ready(of), pod::terminal(of), meta::deleting(of));
            if matters(old) == matters(new) && old["metadata"]["labels"] == new["metadata"]["labels"] {
                return;
            }
        }
        for budget in self
            .api
            .list(&resources::POD_DISRUPTION_BUDGETS, Some(meta::namespace(object)))
        {
            let selector = Selector::of(&budget["spec"]["selector"]);
            let before = if let Change::Modified { old, .. } = change {
                Some(old)
            } else {
                None
            };
            if selector.selects(object) || before.is_some_and(|old| selector.selects(old)) {
                look_at(Key::of(&budget));
            }
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(budget) = self
            .api
            .get(&resources::POD_DISRUPTION_BUDGETS, key.space(), &key.name)
        else {
            return Next::Done;
        };
        match self.tell(key, &budget).await {
            Ok(next) => next,
            Err(refusal) => refusal.into(),
        }
    }
}

/// What is wanted and expected, and which pods nobody answers for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    healthy: i64,
    expected: i64,
}

/// A number, or a percentage of a whole, rounded up.
fn share(value: &Value, whole: i64) -> i64 {
    match value {
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
            (whole * percent + 99).div_euclid(100)
        }
        other => other.as_i64().unwrap_or_default(),
    }
}

/// What a budget wants, of so many pods that its pods' controllers aim at.
fn wanted(budget: &Value, pods: i64, aimed_at: i64) -> Wanted {
    let spec = &budget["spec"];
    if !spec["maxUnavailable"].is_null() {
        Wanted {
            healthy: (aimed_at - share(&spec["maxUnavailable"], aimed_at)).max(0),
            expected: aimed_at,
        }
    } else if spec["minAvailable"].is_string() {
        Wanted {
            healthy: share(&spec["minAvailable"], aimed_at),
            expected: aimed_at,
        }
    } else {
        Wanted {
            healthy: spec["minAvailable"].as_i64().unwrap_or(1),
            expected: pods,
        }
    }
}

impl Budgets {
    async fn tell(&self, key: &Key, budget: &Object) -> Result<Next, Status> {
        let selector = Selector::of(&budget["spec"]["selector"]);
        let pods: Vec<Object> = self.api.list_where(&resources::PODS, key.space(), |pod| {
            !pod::terminal(pod) && selector.selects(pod)
        });
        if pods.is_empty() {
            self.api
                .event(budget, COMPONENT, "Normal", "NoPods", "No matching pods found")
                .await;
        }
        let (aimed_at, unmanaged) = self.aimed_at(key, &pods);
        if unmanaged && !budget["spec"]["minAvailable"].is_number() {
            let message = format!(
                "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a \
                 result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. \
                 To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
            );
            self.api
                .event(budget, COMPONENT, "Warning", "UnmanagedPods", &message)
                .await;
        }
        let now = self.api.clock().now();
        let count = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        let (status, again) = status(budget, &pods, &wanted(budget, count, aimed_at), now);
        if status != budget["status"] {
            status_of(&self.api, &resources::POD_DISRUPTION_BUDGETS, key, |own| {
                own["status"] = status.clone()
            })
            .await?;
        }
        Ok(again.into())
    }

    /// How many pods the controllers of these pods aim at together, and whether there are pods without one.
    fn aimed_at(&self, key: &Key, pods: &[Object]) -> (i64, bool) {
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        let mut unmanaged = false;
        for pod in pods {
            let Some(owner) = meta::controller_of(pod) else {
                unmanaged = true;
                continue;
            };
            let uid = owner["uid"].as_str().unwrap_or_default().to_owned();
            if sizes.contains_key(&uid) {
                continue;
            }
            let text = |field: &str| owner[field].as_str().unwrap_or_default();
            let object = self
                .api
                .kind(text("apiVersion"), text("kind"))
                .and_then(|kind| self.api.get(&kind.of, key.space(), text("name")));
            let Some(mut object) = object else { continue };
            // A ReplicaSet of a Deployment aims at what the Deployment does.
            if let Some(deployment) = meta::controller_named(&object, "apps", "Deployment")
                && let Some(deployment) = self.api.get(&resources::DEPLOYMENTS, key.space(), deployment)
            {
                object = deployment;
            }
            sizes.insert(uid, meta::number(&object["spec"]["replicas"], 0));
        }
        (sizes.into_values().sum(), unmanaged)
    }
}

fn status(budget: &Value, pods: &[Object], wanted: &Wanted, now: Timestamp) -> (Value, Option<Duration>) {
    let names: BTreeSet<&str> = pods
        .iter()
        .filter(|pod| !meta::deleting(pod))
        .map(|pod| meta::name(pod))
        .collect();
    let mut disrupted = Map::new();
    let mut again: Option<Duration> = None;
    for (name, since) in budget["status"]["disruptedPods"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let due = meta::time(since).and_then(|since| since.checked_add(BELIEF).ok());
        let left = due
            .and_then(|due| Duration::try_from(due.duration_since(now)).ok())
            .filter(|left| !left.is_zero());
        if let Some(left) = left.filter(|_| names.contains(name.as_str())) {
            again = Some(again.map_or(left, |shortest| shortest.min(left)));
            disrupted.insert(name.clone(), since.clone());
        }
    }
    let healthy = pods
        .iter()
        .filter(|pod| !meta::deleting(pod) && !disrupted.contains_key(meta::name(pod)) && pod::ready(pod))
        .count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let allowed = if wanted.expected > 0 {
        (healthy - wanted.healthy).max(0)
    } else {
        0
    };
    let mut conditions = meta::items(&budget["status"]["conditions"]).to_vec();
    let reason = if allowed > 0 {
        "SufficientPods"
    } else {
        "InsufficientPods"
    };
    condition::set(
        &mut conditions,
        &Condition::new("DisruptionAllowed", allowed > 0, reason, ""),
        now,
    );
    for own in conditions
        .iter_mut()
        .filter(|own| own["type"] == "DisruptionAllowed")
    {
        own["message"] = json!("");
        own["observedGeneration"] = budget["metadata"]["generation"].clone();
    }
    let mut status = json!({
        "observedGeneration": budget["metadata"]["generation"], "disruptionsAllowed": allowed,
        "currentHealthy": healthy, "desiredHealthy": wanted.healthy, "expectedPods": wanted.expected,
        "conditions": conditions,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = Value::Object(disrupted);
    }
    (status, again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::stand::{Stand, template};

    #[test]
    fn a_budget_is_a_number_or_a_share_of_what_controllers_aim_at() {
        let of = |spec: Value| wanted(&json!({"spec": spec}), 3, 10);
        assert_eq!(
            of(json!({"minAvailable": 2})),
            Wanted {
                healthy: 2,
                expected: 3
            }
        );
        assert_eq!(
            of(json!({"minAvailable": "45%"})),
            Wanted {
                healthy: 5,
                expected: 10
            }
        );
        assert_eq!(
            of(json!({"maxUnavailable": "25%"})),
            Wanted {
                healthy: 7,
                expected: 10
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_pods() {
        let stand = Stand::new();
        stand
            .create(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("web", None)}}))
            .await;
        stand
            .create(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}}))
            .await;
        stand.pass(2).await;
        let told = stand
            .get(&resources::POD_DISRUPTION_BUDGETS, "default", "web")
            .unwrap();
        assert_eq!(told["status"]["disruptionsAllowed"], 1);
        assert_eq!(told["status"]["desiredHealthy"], 2);
        assert_eq!(told["status"]["conditions"][0]["reason"], "SufficientPods");
        let name = stand.names(&resources::PODS, "default")[0].clone();
        stand
            .delete(&resources::PODS, "default", &name, Default::default())
            .await;
        stand.pass_ms(100).await;
        let told = stand
            .get(&resources::POD_DISRUPTION_BUDGETS, "default", "web")
            .unwrap();
        assert_eq!(told["status"]["disruptionsAllowed"], 0);
    }
}
