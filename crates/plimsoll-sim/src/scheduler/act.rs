//! Carries decisions out: writes allocations, binds, and says why not.

use plimsoll_apiserver::{DeleteOptions, Direct, Status, resources};
use serde_json::{Value, json};

use super::{
    dra::extended,
    gang::condition::{Standing, conditions},
    place::{Failure, Given, Placement},
    pod::{GroupKey, Pod},
    preempt::Eviction,
    state::State,
};

/// What the scheduler is called in events.
const NAME: &str = "default-scheduler";

/// The minor version of Kubernetes from which on allocations say when they were made.
const TIMED_SINCE: u32 = 36;

/// The minor version from which on pods' conditions say of which generation of the pod they are.
const GENERATIONS_SINCE: u32 = 34;

/// What keeps an allocated claim from being removed.
const PROTECTION: &str = "resource.kubernetes.io/delete-protection";

/// Writes to the API, and takes what it wrote into the state.
pub(super) struct Actor {
    api: Direct,
    /// Claims are allocated but not reserved for the pod.
    forgets_reservations: bool,
}

/// Why a pod was refused, as its condition says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Unschedulable,
    SchedulerError,
}

impl Actor {
    pub(super) fn new(api: Direct, forgets_reservations: bool) -> Self {
        Self {
            api,
            forgets_reservations,
        }
    }

    pub(super) fn api(&self) -> &Direct {
        &self.api
    }

    /// Puts a pod where it was decided: its claims first, then the pod.
    ///
    /// # Errors
    /// What the API refused; the pod is not bound then.
    pub(super) async fn bind(
        &self,
        state: &mut State,
        pod: &Pod,
        placement: &Placement,
    ) -> Result<(), Status> {
        for (claim, given) in &placement.allocations {
            self.allocate(state, pod, claim, given).await?;
        }
        for claim in &placement.follows {
            self.reserve(state, pod, claim).await?;
        }
        if let Some((claim, given)) = &placement.extended {
            let made = self.api.create(extended::object(pod, &claim.spec)).await?;
            let name = made["metadata"]["name"].as_str().unwrap_or_default();
            state.set_claim(&pod.namespace, name, Some(&made));
            self.allocate(state, pod, name, given).await?;
            let status = json!({"resourceClaimName": name, "requestMappings": claim.mappings});
            let patch = json!({"status": {"extendedResourceClaimStatus": status}});
            self.pod(pod, patch).await?;
        }
        self.api.bind(&pod.namespace, &pod.name, &placement.node).await?;
        let message = format!(
            "Successfully assigned {}/{} to {}",
            pod.namespace, pod.name, placement.node
        );
        self.api
            .event(&pod.object, NAME, "Normal", "Scheduled", &message)
            .await;
        self.read_back(state, pod);
        Ok(())
    }

    async fn allocate(&self, state: &mut State, pod: &Pod, name: &str, given: &Given) -> Result<(), Status> {
        let claim = self.claim(pod, name)?;
        let mut finalizers = claim["metadata"]["finalizers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == PROTECTION) {
            finalizers.push(json!(PROTECTION));
            self.of_claim(pod, name, None, json!({"metadata": {"finalizers": finalizers}}))
                .await?;
        }
        let mut status = json!({"allocation": given.written(state)});
        if state.minor >= TIMED_SINCE {
            status["allocation"]["allocationTimestamp"] = json!(self.api.now());
        }
        if !self.forgets_reservations {
            status["reservedFor"] = consumers(&claim, pod);
        }
        let written = self
            .of_claim(pod, name, Some("status"), json!({"status": status}))
            .await?;
        state.set_claim(&pod.namespace, name, Some(&written));
        Ok(())
    }

    async fn reserve(&self, state: &mut State, pod: &Pod, name: &str) -> Result<(), Status> {
        let claim = self.claim(pod, name)?;
        let is_reserved = state
            .claims
            .get(&pod.namespace, name)
            .is_some_and(|claim| claim.is_reserved_for(&pod.uid));
        if is_reserved || self.forgets_reservations {
            return Ok(());
        }
        let patch = json!({"status": {"reservedFor": consumers(&claim, pod)}});
        let written = self.of_claim(pod, name, Some("status"), patch).await?;
        state.set_claim(&pod.namespace, name, Some(&written));
        Ok(())
    }

    fn claim(&self, pod: &Pod, name: &str) -> Result<plimsoll_apiserver::Object, Status> {
        let claim = self
            .api
            .get(&resources::RESOURCE_CLAIMS, Some(&pod.namespace), name);
        claim.ok_or_else(|| {
            let message = format!("resourceclaims.resource.k8s.io \"{name}\" not found");
            Status::new(plimsoll_apiserver::Reason::NotFound, message)
        })
    }

    async fn of_claim(
        &self,
        pod: &Pod,
        name: &str,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<plimsoll_apiserver::Object, Status> {
        self.api
            .merge(
                &resources::RESOURCE_CLAIMS,
                Some(&pod.namespace),
                name,
                subresource,
                patch,
            )
            .await
    }

    async fn pod(&self, pod: &Pod, patch: Value) -> Result<(), Status> {
        let of = &resources::PODS;
        self.api
            .merge(of, Some(&pod.namespace), &pod.name, Some("status"), patch)
            .await
            .map(drop)
    }

    /// Takes a pod into the state as it is in the API now.
    fn read_back(&self, state: &mut State, pod: &Pod) {
        let now = self.api.get(&resources::PODS, Some(&pod.namespace), &pod.name);
        match now.filter(|now| now["metadata"]["uid"] == *pod.uid) {
            Some(now) => state.set_pod(&now, self.api.clock().elapsed()),
            None => state.remove_pod(&pod.uid),
        }
    }

    /// Says why a pod was not placed.
    pub(super) async fn refuse(&self, pod: &Pod, failure: &Failure, minor: u32) {
        match failure {
            Failure::NotYet => {}
            Failure::NoRoom { account, claims } => {
                self.say(pod, Reason::Unschedulable, &account.message(*claims, minor))
                    .await;
            }
            Failure::Error(why) => self.say(pod, Reason::SchedulerError, why).await,
        }
    }

    /// Says that a pod waits for the rest of its gang.
    pub(super) async fn refuse_with_gang(&self, pod: &Pod) {
        let why = "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, one or more plugins \
                   asked to wait and no plugin rejected pod";
        self.say(pod, Reason::Unschedulable, why).await;
    }

    async fn say(&self, pod: &Pod, reason: Reason, message: &str) {
        self.api
            .event(&pod.object, NAME, "Warning", "FailedScheduling", message)
            .await;
        let Some(now) = self.api.get(&resources::PODS, Some(&pod.namespace), &pod.name) else {
            return;
        };
        let reason = match reason {
            Reason::Unschedulable => "Unschedulable",
            Reason::SchedulerError => "SchedulerError",
        };
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": reason, "message": message});
        if let Some(conditions) = with_condition(&now, condition, &self.api.now()) {
            // A pod that is gone meanwhile needs no condition.
            let _ = self.pod(pod, json!({"status": {"conditions": conditions}})).await;
        }
    }

    /// Says of which generation of the pod a condition is.
    fn date(&self, pod: &Value, condition: &mut Value) {
        if self.api.minor() >= GENERATIONS_SINCE && pod["metadata"]["generation"].is_number() {
            condition["observedGeneration"] = pod["metadata"]["generation"].clone();
        }
    }

    /// Says of a group what became of it.
    pub(super) async fn say_of_group(&self, gang: &GroupKey, standing: &Standing, minor: u32) {
        let (of, namespace) = (gang.of(), Some(gang.namespace.as_str()));
        let Some(group) = self.api.get(&of, namespace, &gang.name) else {
            return;
        };
        if let Some(conditions) = conditions(&group, standing, minor, &self.api.now()) {
            let patch = json!({"status": {"conditions": conditions}});
            // A group that is gone meanwhile needs no condition.
            let _ = self
                .api
                .merge(&of, namespace, &gang.name, Some("status"), patch)
                .await;
        }
    }

    /// Makes room for a pod: asks those to leave who are in its way, and keeps the node for it.
    pub(super) async fn make_room(&self, state: &mut State, pod: &Pod, eviction: &Eviction) {
        for victim in &eviction.victims {
            let (namespace, of) = (Some(victim.namespace.as_str()), &resources::PODS);
            let Some(now) = self.api.get(of, namespace, &victim.name) else {
                continue;
            };
            let mut condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                "message": "default-scheduler: preempting to accommodate a higher priority pod",
            });
            self.date(&now, &mut condition);
            if let Some(conditions) = with_condition(&now, condition, &self.api.now()) {
                let _ = self
                    .pod(victim, json!({"status": {"conditions": conditions}}))
                    .await;
            }
            let options = DeleteOptions {
                uid: Some(victim.uid.to_string()),
                ..DeleteOptions::default()
            };
            if self
                .api
                .delete(of, namespace, &victim.name, options)
                .await
                .is_ok()
            {
                let message = format!("Preempted by pod {} on node {}", pod.uid, eviction.node);
                self.api.event(&now, NAME, "Normal", "Preempted", &message).await;
            }
            self.read_back(state, victim);
        }
        state.nominated.insert(pod.uid.clone(), eviction.node.clone());
        let _ = self
            .pod(pod, json!({"status": {"nominatedNodeName": eviction.node}}))
            .await;
    }
}

/// The consumers of a claim with the pod among them.
fn consumers(claim: &Value, pod: &Pod) -> Value {
    let mut consumers = claim["status"]["reservedFor"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if !consumers.iter().any(|consumer| consumer["uid"] == *pod.uid) {
        consumers.push(json!({"resource": "pods", "name": pod.name, "uid": &*pod.uid}));
    }
    Value::Array(consumers)
}

/// A pod's conditions with this one among them; none where it says so already.
fn with_condition(pod: &Value, mut condition: Value, now: &str) -> Option<Value> {
    let mut conditions = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let known = conditions
        .iter_mut()
        .find(|known| known["type"] == condition["type"]);
    let since = match &known {
        Some(known) if known["status"] == condition["status"] => known["lastTransitionTime"].clone(),
        _ => json!(now),
    };
    condition["lastTransitionTime"] = since;
    condition["lastProbeTime"] = Value::Null;
    match known {
        Some(known) => {
            let is_same = ["status", "reason", "message"]
                .iter()
                .all(|key| known[key] == condition[key]);
            if is_same {
                return None;
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
    Some(Value::Array(conditions))
}
