//! Carries out decisions: lets members go, and says on the group what became of it.

use std::{collections::BTreeMap, sync::Mutex};

use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    GATE,
    rule::{Decision, Verdict},
};

/// Whose fields they are.
const MANAGER: &str = "plimsoll-lab-gang";

/// The condition by which a group says what became of it.
const CONDITION: &str = "PodGroupScheduled";

/// A decision that could not be carried out; the next change tries again.
#[derive(Debug, thiserror::Error)]
pub(super) enum ActError {
    #[error("could not lift the gate of pod `{namespace}/{name}`")]
    Lift {
        namespace: String,
        name: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("could not write the status of group `{namespace}/{name}`")]
    Status {
        namespace: String,
        name: String,
        #[source]
        source: Box<kube::Error>,
    },
}

/// Writes to the API.
pub(super) struct Actor {
    client: Client,
    pod_group: ApiResource,
    /// What was said about each group last, by uid: saying it again would be a change to react to.
    said: Mutex<BTreeMap<String, Verdict>>,
}

impl Actor {
    pub(super) fn new(client: Client, pod_group: ApiResource) -> Self {
        Self {
            client,
            pod_group,
            said: Mutex::default(),
        }
    }

    /// Carries out one decision.
    pub(super) async fn act(&self, decision: &Decision) -> Result<(), ActError> {
        match &decision.verdict {
            Verdict::Admit(names) => {
                for name in names {
                    self.lift(&decision.namespace, name).await?;
                }
                Ok(())
            }
            Verdict::Refuse(_) | Verdict::Scheduled => self.say(decision).await,
        }
    }

    async fn lift(&self, namespace: &str, name: &str) -> Result<(), ActError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let patch = json!({"spec": {"schedulingGates": [{"$patch": "delete", "name": GATE}]}});
        match pods
            .patch(name, &PatchParams::default(), &Patch::Strategic(patch))
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(ActError::Lift {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                source: Box::new(source),
            }),
        }
    }

    async fn say(&self, decision: &Decision) -> Result<(), ActError> {
        if !self.is_news(decision) {
            return Ok(());
        }
        let groups: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &decision.namespace, &self.pod_group);
        let status = json!({
            "apiVersion": self.pod_group.api_version,
            "kind": self.pod_group.kind,
            "metadata": {"name": decision.group, "uid": decision.uid},
            "status": {"conditions": [condition(decision, Timestamp::now())]},
        });
        let parameters = PatchParams::apply(MANAGER).force();
        match groups
            .patch_status(&decision.group, &parameters, &Patch::Apply(status))
            .await
        {
            Ok(_) => {
                self.said().insert(decision.uid.clone(), decision.verdict.clone());
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(ActError::Status {
                namespace: decision.namespace.clone(),
                name: decision.group.clone(),
                source: Box::new(source),
            }),
        }
    }

    /// A group that was scheduled stays so, whatever becomes of later members.
    fn is_news(&self, decision: &Decision) -> bool {
        match self.said().get(&decision.uid) {
            Some(Verdict::Scheduled) => false,
            earlier => earlier != Some(&decision.verdict),
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Verdict>> {
        self.said
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn condition(decision: &Decision, now: Timestamp) -> Value {
    let (status, reason, message) = match &decision.verdict {
        Verdict::Refuse(reason) => ("False", "Unschedulable", reason.as_str()),
        Verdict::Scheduled | Verdict::Admit(_) => ("True", "Scheduled", ""),
    };
    json!({
        "type": CONDITION,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": decision.generation,
        // The API takes whole seconds.
        "lastTransitionTime": format!("{}", now.strftime("%Y-%m-%dT%H:%M:%SZ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_and_of_which_generation() {
        let decision = Decision {
            namespace: "ns".into(),
            group: "g".into(),
            uid: "u".into(),
            generation: 3,
            verdict: Verdict::Refuse("room for 3 of the 4".into()),
        };
        let said = condition(&decision, "2026-10-01T12:00:00.5Z".parse().unwrap());
        assert_eq!(
            said,
            json!({"type": "PodGroupScheduled", "status": "False", "reason": "Unschedulable",
                   "message": "room for 3 of the 4", "observedGeneration": 3, "lastTransitionTime": "2026-10-01T12:00:00Z"})
        );
        let scheduled = condition(
            &Decision {
                verdict: Verdict::Scheduled,
                ..decision
            },
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(
            (&scheduled["status"], &scheduled["reason"]),
            (&json!("True"), &json!("Scheduled"))
        );
    }
}
