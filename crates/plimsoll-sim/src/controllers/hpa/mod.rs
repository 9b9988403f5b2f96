//! Scales workloads by what metrics say of them: HorizontalPodAutoscalers of `autoscaling/v2`.
//!
//! [`metrics`] is where metrics come from, [`proposal`] what each one proposes, [`pods`] which pods it counts,
//! [`behaviour`] how fast a proposal is followed; the loop is here.

mod behaviour;
mod metrics;
mod pods;
mod proposal;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use plimsoll_apiserver::{Change, Direct, GroupResource, Object, Status, resources};
use serde_json::{Value, json};

pub use metrics::{Metrics, NoMetrics, Sample};

use self::{behaviour::Memory, proposal::Proposal};
use super::{
    facts::{
        Selector,
        condition::{self, Condition},
        meta::{self, Key},
    },
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "horizontal-pod-autoscaler";
/// How often each autoscaler looks at its metrics.
const PERIOD: Duration = Duration::from_secs(15);

/// Runs it with metrics from there.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults, metrics: Arc<dyn Metrics>) {
    drive(
        &api,
        latencies,
        Autoscalers {
            api: api.clone(),
            metrics,
            memories: BTreeMap::new(),
        },
    )
    .await;
}

struct Autoscalers {
    api: Direct,
    metrics: Arc<dyn Metrics>,
    memories: BTreeMap<Key, Memory>,
}

/// What is scaled.
struct Target {
    of: GroupResource,
    object: Object,
    selector: Selector,
    wanted: i64,
    present: i64,
}

/// An autoscaler's status while it is worked on.
struct Draft {
    conditions: Vec<Value>,
    now: Timestamp,
}

impl Draft {
    fn set(&mut self, kind: &'static str, status: bool, reason: &str, message: impl Into<String>) {
        condition::set(
            &mut self.conditions,
            &Condition::new(kind, status, reason, message),
            self.now,
        );
    }
}

impl Reconcile for Autoscalers {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::HORIZONTAL_POD_AUTOSCALERS])
    }

    fn delay(&self, _: &Latencies) -> Duration {
        PERIOD
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let key = Key::of(change.object());
        if matches!(change, Change::Deleted(..)) {
            self.memories.remove(&key);
        } else {
            look_at(key);
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        let Some(own) = self
            .api
            .get(&resources::HORIZONTAL_POD_AUTOSCALERS, key.space(), &key.name)
        else {
            return Next::Done;
        };
        // Whatever went wrong is in its conditions and events; the next look comes with the next period.
        let _ = self.look(key, &own).await;
        Next::Again(PERIOD)
    }
}

impl Autoscalers {
    async fn look(&mut self, key: &Key, own: &Object) -> Result<(), Status> {
        let now = self.api.clock().now();
        let mut draft = Draft {
            conditions: meta::items(&own["status"]["conditions"]).to_vec(),
            now,
        };
        let target = match self.target(own) {
            Ok(target) => target,
            Err(why) => {
                self.warn(own, "FailedGetScale", &why).await;
                let message =
                    format!("the HPA controller was unable to get the target's current scale: {why}");
                draft.set("AbleToScale", false, "FailedGetScale", message);
                return self.write(key, own, draft, None).await;
            }
        };
        draft.set(
            "AbleToScale",
            true,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        let current = target.wanted;
        let memory = self.memories.entry(key.clone()).or_default();
        memory.begin(current, now);
        let least = meta::number(&own["spec"]["minReplicas"], 1);
        let most = meta::number(&own["spec"]["maxReplicas"], 1);

        let (desired, reason, metrics) = if current == 0 && least != 0 {
            draft.set(
                "ScalingActive",
                false,
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            );
            (0, String::new(), Value::Null)
        } else if current > most {
            (
                most,
                "Current number of replicas above Spec.MaxReplicas".to_owned(),
                Value::Null,
            )
        } else if current < least {
            (
                least,
                "Current number of replicas below Spec.MinReplicas".to_owned(),
                Value::Null,
            )
        } else {
            let view = proposal::View {
                own,
                target: &target,
                api: &self.api,
                metrics: &*self.metrics,
            };
            let (proposal, metrics, failures) = proposal::highest(&view);
            for (reason, message) in &failures.events {
                self.warn(own, reason, message).await;
            }
            let Some(Proposal { replicas, metric }) = proposal else {
                let (reason, message) = failures.condition;
                draft.set("ScalingActive", false, reason, message);
                self.write(key, own, draft, Some((current, None, metrics, false)))
                    .await?;
                self.warn(own, "FailedComputeMetricsReplicas", &failures.summary)
                    .await;
                return Ok(());
            };
            draft.set(
                "ScalingActive",
                true,
                "ValidMetricFound",
                format!("the HPA was able to successfully calculate a replica count from {metric}"),
            );
            let reason = match replicas.cmp(&current) {
                std::cmp::Ordering::Greater => format!("{metric} above target"),
                std::cmp::Ordering::Less => "All metrics below target".to_owned(),
                std::cmp::Ordering::Equal => String::new(),
            };
            let memory = self.memories.entry(key.clone()).or_default();
            let followed = behaviour::follow(own, memory, current, replicas, (least, most), now);
            let (able_reason, able_message) = followed.able;
            draft.set("AbleToScale", true, able_reason, able_message);
            let (limited, limit_reason, limit_message) = followed.limited;
            draft.set("ScalingLimited", limited, limit_reason, limit_message);
            (followed.replicas, reason, metrics)
        };
        let rescale = desired != current;
        if rescale {
            let patch = json!({"spec": {"replicas": desired}});
            let (namespace, name) = (key.space(), meta::name(&target.object));
            match self.api.merge(&target.of, namespace, name, None, patch).await {
                Ok(_) => {
                    let message =
                        format!("the HPA controller was able to update the target scale to {desired}");
                    draft.set("AbleToScale", true, "SucceededRescale", message);
                    let message = format!("New size: {desired}; reason: {reason}");
                    self.api
                        .event(own, COMPONENT, "Normal", "SuccessfulRescale", &message)
                        .await;
                    let memory = self.memories.entry(key.clone()).or_default();
                    memory.rescaled(current, desired, now);
                }
                Err(refusal) => {
                    let message = format!("New size: {desired}; reason: {reason}; error: {refusal}");
                    self.warn(own, "FailedRescale", &message).await;
                    let message =
                        format!("the HPA controller was unable to update the target scale: {refusal}");
                    draft.set("AbleToScale", false, "FailedUpdateScale", message);
                    return self
                        .write(key, own, draft, Some((current, None, metrics, false)))
                        .await;
                }
            }
        }
        self.write(key, own, draft, Some((current, Some(desired), metrics, rescale)))
            .await
    }

    async fn warn(&self, own: &Object, reason: &str, message: &str) {
        self.api.event(own, COMPONENT, "Warning", reason, message).await;
    }

    fn target(&self, own: &Object) -> Result<Target, String> {
        let reference = &own["spec"]["scaleTargetRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let kind = self.api.kind(text("apiVersion"), text("kind")).ok_or_else(|| {
            format!(
                "no matches for kind {:?} in group {:?}",
                text("kind"),
                text("apiVersion").split('/').next().unwrap_or_default()
            )
        })?;
        let object = self
            .api
            .get(&kind.of, Some(meta::namespace(own)), text("name"))
            .ok_or_else(|| format!("{} {:?} not found", kind.of, text("name")))?;
        let selector = match &object["status"]["selector"] {
            Value::String(text) => Selector::parse(text),
            _ => Selector::of(&object["spec"]["selector"]),
        };
        Ok(Target {
            of: kind.of,
            selector,
            wanted: meta::number(&object["spec"]["replicas"], 1),
            present: meta::number(&object["status"]["replicas"], 0),
            object,
        })
    }

    /// Writes conditions and, if there are any, numbers: the present size, the desired one, metrics, whether it changed.
    async fn write(
        &self,
        key: &Key,
        own: &Object,
        draft: Draft,
        numbers: Option<(i64, Option<i64>, Value, bool)>,
    ) -> Result<(), Status> {
        let mut status = own["status"].clone();
        if !status.is_object() {
            status = json!({});
        }
        if let Some((current, desired, metrics, rescaled)) = numbers {
            status = meta::status([
                ("currentReplicas", json!(current)),
                ("lastScaleTime", own["status"]["lastScaleTime"].clone()),
            ]);
            status["desiredReplicas"] =
                json!(desired.unwrap_or_else(|| meta::number(&own["status"]["desiredReplicas"], 0)));
            status["currentMetrics"] = metrics;
            if rescaled {
                status["lastScaleTime"] = json!(meta::stamp(draft.now));
            }
        }
        status["conditions"] = Value::Array(draft.conditions);
        if status == own["status"] {
            return Ok(());
        }
        status_of(&self.api, &resources::HORIZONTAL_POD_AUTOSCALERS, key, |latest| {
            latest["status"] = status.clone();
        })
        .await
    }
}
