//! A namespace of the run.

use std::time::Duration;

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{Namespace as NamespaceObject, ServiceAccount},
};
use kube::{
    Api, Resource, ResourceExt,
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use super::{
    CreateError, MANAGER, RUN_LABEL, RunId,
    create::{self, Owner, Place},
    delete::{self, DeleteError, Grace},
    undo::{self, LabelChange},
};
use crate::{
    platform::Platform,
    wait::{Condition, Deadline, DeadlineKind, Progress, Seen, Watched, created},
};

/// How long a new namespace may take to get its ServiceAccount.
const READY: Deadline = Deadline {
    name: "namespace ready",
    kind: DeadlineKind::Patience,
    within: Duration::from_secs(30),
};

/// The Pod Security level of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodSecurity {
    /// Pods of hardened workloads only.
    Restricted,
    /// No known privilege escalation.
    Baseline,
    /// Anything.
    Privileged,
}

impl PodSecurity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

/// A namespace of the run. Clones are the same namespace.
#[derive(Clone)]
pub struct Namespace {
    platform: Platform,
    run: RunId,
    name: String,
    uid: String,
    undo: Vec<LabelChange>,
}

impl Namespace {
    pub(super) async fn make(
        platform: &Platform,
        run: &RunId,
        purpose: Option<&str>,
        level: PodSecurity,
        undo: Vec<LabelChange>,
    ) -> Result<Self, CreateError> {
        let name = match purpose {
            Some(purpose) => shortened(format!("plimsoll-{run}-{purpose}")),
            None => format!("plimsoll-{run}"),
        };
        let level = level.as_str();
        let mut manifest = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {
                    "app.kubernetes.io/managed-by": MANAGER,
                    RUN_LABEL: run.as_str(),
                    "pod-security.kubernetes.io/enforce": level,
                    "pod-security.kubernetes.io/warn": level,
                    // A second container in our pods would change what is tested.
                    "istio-injection": "disabled",
                    "linkerd.io/inject": "disabled",
                },
            },
        });
        if !undo.is_empty() {
            let text = serde_json::to_string(&undo).unwrap_or_default();
            manifest["metadata"]["annotations"] = json!({undo::ANNOTATION: text});
        }
        let kind = ApiResource::erase::<NamespaceObject>(&());
        let api: Api<DynamicObject> = Api::all_with(platform.client(), &kind);
        let object = create::post(&api, manifest, run).await?;
        created("Namespace", None, &name);
        let uid = object.uid().unwrap_or_default();
        let namespace = Self {
            platform: platform.clone(),
            run: run.clone(),
            name,
            uid,
            undo,
        };
        if purpose.is_some() {
            namespace.ready().await?;
        }
        Ok(namespace)
    }

    /// Waits until pods are admitted: they need the default ServiceAccount.
    async fn ready(&self) -> Result<(), CreateError> {
        let there = |seen: &Seen<ServiceAccount>| {
            if seen.is_empty() {
                Progress::NotYet("it has no default ServiceAccount yet".to_owned())
            } else {
                Progress::Met
            }
        };
        let there = there.called(format!("namespace {} to be ready for pods", self.name));
        Watched::one(self.api::<ServiceAccount>(), "default")
            .until(there, READY)
            .await
            .map(drop)
            .map_err(|source| CreateError::NotReady {
                namespace: self.name.clone(),
                source: Box::new(source),
            })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// What is put back when it goes.
    pub(super) fn undo(&self) -> &[LabelChange] {
        &self.undo
    }

    /// The API of a kind in this namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.platform.client(), &self.name)
    }

    /// The API of a discovered kind in this namespace.
    #[must_use]
    pub fn dynamic(&self, kind: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.platform.client(), &self.name, kind)
    }

    /// Creates an object. Namespace, labels and owner are filled in; the answer is what was stored, which
    /// [`lost_fields`](super::lost_fields) compares with what was sent.
    ///
    /// # Errors
    /// [`CreateError`].
    pub async fn create(&self, manifest: Value) -> Result<DynamicObject, CreateError> {
        self.create_as(manifest, Place::Namespace)
            .await
            .map(|(object, _)| object)
    }

    pub(super) async fn create_as(
        &self,
        mut manifest: Value,
        place: Place,
    ) -> Result<(DynamicObject, ApiResource), CreateError> {
        let kind = create::kind_of(&self.platform, &manifest, place).await?;
        let owner = Owner {
            name: &self.name,
            uid: &self.uid,
        };
        create::complete(&mut manifest, &self.run, owner, place)?;
        let api = match place {
            Place::Namespace => self.dynamic(&kind),
            Place::Cluster => Api::all_with(self.platform.client(), &kind),
        };
        let object = create::post(&api, manifest, &self.run).await?;
        created(&kind.kind, object.namespace().as_deref(), &object.name_any());
        Ok((object, kind))
    }

    /// Deletes an object, that very one: another of the same name stays. One that is gone already is fine.
    ///
    /// # Errors
    /// [`DeleteError`].
    pub async fn delete(&self, object: &DynamicObject, grace: Grace) -> Result<(), DeleteError> {
        delete::delete(&self.platform, object, grace).await
    }
}

/// A text as a part of a label or name: lowercase, with `-` for anything else.
pub(super) fn label_part(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    text.trim_matches('-').to_owned()
}

/// Names of namespaces have at most 63 characters.
fn shortened(mut name: String) -> String {
    name.truncate(63);
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirements_id_becomes_part_of_a_name() {
        assert_eq!(label_part("gang_scheduling"), "gang-scheduling");
        assert_eq!(label_part("_Two Gangs!"), "two-gangs");
    }

    #[test]
    fn a_long_name_is_cut_to_a_valid_one() {
        let name = shortened(format!("plimsoll-r-{}-{}", "a".repeat(51), "b"));
        assert_eq!(name.len(), 62);
        assert!(name.ends_with('a'));
    }
}
