//! Claims, and how those of a pod stand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::scheduler::Object;
use serde_json::Value;

use super::{allocated::Allocated, request::ClaimRequest, usage::Usage};
use crate::scheduler::pod::{ClaimName, Pod};

/// How many consumers a claim can have.
const CONSUMERS: usize = 256;

/// A claim, as far as allocation goes.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Claim {
    pub(in crate::scheduler) name: String,
    pub(in crate::scheduler) uid: String,
    pub(in crate::scheduler) request: Arc<ClaimRequest>,
    pub(in crate::scheduler) allocated: Option<Arc<Allocated>>,
    /// The uids of those it is reserved for.
    reserved_for: BTreeSet<String>,
    is_ending: bool,
    /// The uid of the pod that it was made for, if it was made for one.
    made_for: Option<String>,
}

impl Claim {
    fn read(object: &Object) -> Self {
        let (metadata, status) = (&object["metadata"], &object["status"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        let pod = owners
            .into_iter()
            .find(|owner| owner["controller"] == true && owner["kind"] == "Pod");
        let reserved_for = status["reservedFor"].as_array().into_iter().flatten();
        Self {
            request: Arc::new(ClaimRequest::read(
                &format!("{namespace}/{name}"),
                &object["spec"],
            )),
            name,
            uid: text(&metadata["uid"]),
            allocated: Allocated::read(&status["allocation"]).map(Arc::new),
            reserved_for: reserved_for.map(|consumer| text(&consumer["uid"])).collect(),
            is_ending: metadata["deletionTimestamp"].is_string(),
            made_for: pod.map(|owner| text(&owner["uid"])),
        }
    }

    /// Whether it stands otherwise than `other`, its later self.
    pub(in crate::scheduler) fn differs(&self, other: &Self) -> bool {
        self.uid != other.uid
            || self.is_ending != other.is_ending
            || self.allocated.is_some() != other.allocated.is_some()
            || self.reserved_for.len() > other.reserved_for.len()
    }

    /// Whether it is reserved for a pod.
    pub(in crate::scheduler) fn is_reserved_for(&self, pod: &str) -> bool {
        self.reserved_for.contains(pod)
    }
}

/// All claims, and what they hold.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Claims {
    claims: BTreeMap<(String, String), Claim>,
    usage: Usage,
}

/// How a pod's claims stand.
#[derive(Clone, Debug, Default)]
pub(in crate::scheduler) struct PodClaims {
    /// Those that are allocated: the pod has to follow them.
    pub(in crate::scheduler) allocated: Vec<Claim>,
    /// Those that are not.
    pub(in crate::scheduler) wanting: Vec<Claim>,
}

/// Why a pod's claims keep it from being placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scheduler) enum Hindrance {
    /// One is not there, or not any more: the pod isn't even looked at.
    Absent,
    /// In words, for all nodes.
    Refused(String),
}

impl Claims {
    /// A claim came or changed.
    pub(in crate::scheduler) fn set(&mut self, object: &Object) {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let key = (text("namespace"), text("name"));
        let claim = Claim::read(object);
        self.remove(&key.0, &key.1);
        if let Some(allocated) = &claim.allocated {
            self.usage.add(allocated);
        }
        self.claims.insert(key, claim);
    }

    /// A claim went.
    pub(in crate::scheduler) fn remove(&mut self, namespace: &str, name: &str) {
        let before = self.claims.remove(&(namespace.to_owned(), name.to_owned()));
        if let Some(allocated) = before.and_then(|claim| claim.allocated) {
            self.usage.remove(&allocated);
        }
    }

    pub(in crate::scheduler) fn get(&self, namespace: &str, name: &str) -> Option<&Claim> {
        self.claims.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// What claims hold.
    pub(in crate::scheduler) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What claims hold, to try out what more they could.
    pub(in crate::scheduler) fn usage_mut(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// For the time of a trial, or until it is written: what a claim is about to be allocated.
    pub(in crate::scheduler) fn assume(
        &mut self,
        namespace: &str,
        name: &str,
        allocated: Option<Arc<Allocated>>,
    ) {
        let Some(claim) = self.claims.get_mut(&(namespace.to_owned(), name.to_owned())) else {
            return;
        };
        if let Some(before) = &claim.allocated {
            self.usage.remove(before);
        }
        if let Some(allocated) = &allocated {
            self.usage.add(allocated);
        }
        claim.allocated = allocated;
    }

    /// How a pod's claims stand.
    ///
    /// # Errors
    /// What keeps it from being placed.
    pub(in crate::scheduler) fn of_pod(&self, pod: &Pod) -> Result<PodClaims, Hindrance> {
        let mut stand = PodClaims::default();
        for reference in &pod.claims {
            let name = match &reference.claim {
                ClaimName::Known(name) => name,
                ClaimName::Awaited => return Err(Hindrance::Absent),
                ClaimName::NotNeeded => continue,
            };
            self.sort_in(pod, name, true, &mut stand)?;
        }
        if let Some(name) = pod.object["status"]["extendedResourceClaimStatus"]["resourceClaimName"].as_str()
        {
            // Made at an earlier attempt; where it is gone, another will be made.
            let _ = self.sort_in(pod, name, false, &mut stand);
        }
        Ok(stand)
    }

    fn sort_in(
        &self,
        pod: &Pod,
        name: &str,
        may_be_others: bool,
        stand: &mut PodClaims,
    ) -> Result<(), Hindrance> {
        let claim = self.get(&pod.namespace, name).filter(|claim| !claim.is_ending);
        let claim = claim.ok_or(Hindrance::Absent)?;
        if claim
            .made_for
            .as_ref()
            .map_or(!may_be_others, |owner| **owner != *pod.uid)
        {
            return Err(Hindrance::Absent);
        }
        if claim.allocated.is_none() {
            stand.wanting.push(claim.clone());
            return Ok(());
        }
        if claim.reserved_for.len() >= CONSUMERS && !claim.is_reserved_for(&pod.uid) {
            return Err(Hindrance::Refused("resourceclaim in use".to_owned()));
        }
        stand.allocated.push(claim.clone());
        Ok(())
    }
}
