//! A gang on the cluster: what stands for it, and its members.

use kube::{
    Api, ResourceExt,
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use super::{
    adapter::Roster,
    bench::{Bench, GANG, RANK},
    duty::{self, Duty},
    read_back::spec_difference,
};
use crate::CheckError;

/// A gang that was created, whole or in part.
pub(super) struct Gang {
    /// Its name.
    pub name: String,
    /// How many members it wants.
    pub size: usize,
    /// Those created so far.
    pub members: Vec<DynamicObject>,
    /// What was not stored as it was sent, if anything.
    pub altered: Option<String>,
    duty: Duty,
    group: (ApiResource, String),
}

impl Bench {
    /// Creates a gang with all its members.
    pub(super) async fn form(&self, name: &str, size: usize, duty: Duty) -> Result<Gang, CheckError> {
        let mut gang = self.announce(name, size, duty).await?;
        for _ in 0..size {
            self.enlist(&mut gang).await?;
        }
        Ok(gang)
    }

    /// Creates what stands for a gang, without members as yet.
    pub(super) async fn announce(&self, name: &str, size: usize, duty: Duty) -> Result<Gang, CheckError> {
        let name = format!("{}-{name}", self.name);
        self.with(|timeline| timeline.expect(&name, size));
        if duty == Duty::Meet {
            self.prop(meeting_place(&name)).await?;
        }
        let mut group = None;
        let mut altered = None;
        for manifest in self.adapter.group(Roster { name: &name, size }) {
            let stored = self.prop(manifest.clone()).await?;
            altered = altered.or_else(|| spec_difference(&manifest, &stored.data));
            group = group.or(Some(stored));
        }
        let group = group
            .ok_or_else(|| CheckError::Lacking(format!("{} has no group object", self.adapter.name())))?;
        let group = (self.resource(&group).await?, group.name_any());
        Ok(Gang {
            name,
            size,
            members: Vec::new(),
            altered,
            duty,
            group,
        })
    }

    /// Creates a gang's next member.
    pub(super) async fn enlist(&self, gang: &mut Gang) -> Result<(), CheckError> {
        let rank = gang.members.len();
        let roster = Roster {
            name: &gang.name,
            size: gang.size,
        };
        let marks = self.adapter.marks(roster, rank);
        let mut pod = self
            .pod(format!("{}-{rank}", gang.name), &gang.name, 1)
            .label(RANK, rank.to_string())
            .container(
                self.slots
                    .grant(gang.duty.container(&gang.name, rank, gang.size), 1),
            );
        for mark in marks.clone() {
            pod = mark.put(pod);
        }
        let stored = self.create(&pod, 1).await?;
        let lost = || {
            let whole = serde_json::to_value(&stored).unwrap_or_default();
            let lost = marks.iter().find_map(|mark| mark.lost(&whole))?;
            Some(format!("the stored pod `{}`'s {lost}", stored.name_any()))
        };
        gang.altered = gang.altered.take().or_else(lost);
        gang.members.push(stored);
        Ok(())
    }

    /// A gang's first object as it is now.
    pub(super) async fn group(&self, gang: &Gang) -> Result<Value, CheckError> {
        let (resource, name) = &gang.group;
        let api: Api<DynamicObject> = self.namespace.dynamic(resource);
        let failed = |source| CheckError::Api {
            what: format!("read {} `{name}`", resource.kind),
            source,
        };
        let group = api.get(name).await.map_err(failed)?;
        Ok(serde_json::to_value(&group).unwrap_or_default())
    }

    /// Why the members of a gang are not bound, as their own conditions and events say.
    pub(super) async fn said_of_members(&self, gang: &Gang) -> Option<String> {
        for member in &gang.members {
            let uid = member.uid().unwrap_or_default();
            let notes =
                plimsoll_platform::events_for(&self.context.platform.client(), self.namespace.name(), &uid)
                    .await;
            let refusal = notes.iter().rev().find(|note| note.reason == "FailedScheduling");
            if let Some(note) = refusal {
                return Some(format!(
                    "pod `{}`: {} says {}",
                    member.name_any(),
                    note.reporting_component,
                    note.message
                ));
            }
        }
        None
    }

    async fn resource(&self, object: &DynamicObject) -> Result<ApiResource, CheckError> {
        let types = object.types.clone().unwrap_or_default();
        let apis = self
            .context
            .platform
            .discover()
            .await
            .map_err(|error| CheckError::Api {
                what: error.what,
                source: error.source,
            })?;
        apis.named(&types.api_version, &types.kind).ok_or_else(|| {
            CheckError::Lacking(format!(
                "{} of {} is not served any more",
                types.kind, types.api_version
            ))
        })
    }
}

/// A name that leads to a gang's first member, whether it is ready or not; there before its members are, so
/// that no resolver remembers its absence.
fn meeting_place(gang: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": gang},
        "spec": {
            "selector": {GANG: gang, RANK: "0"},
            "publishNotReadyAddresses": true,
            "ports": [{"port": duty::PORT, "protocol": "TCP"}],
        },
    })
}
