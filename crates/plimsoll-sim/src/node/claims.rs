//! The kubelet's account of claims: which pods use one, and what its drivers prepared for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_apiserver::{Direct, resources};
use serde_json::{Value, json};

use crate::{
    Faults,
    drivers::{
        Accelerator,
        dra::{ClaimName, Driver, Prepared},
    },
};

/// The account of one node.
#[derive(Debug)]
pub(crate) struct ClaimAccount {
    drivers: Vec<Arc<Driver>>,
    /// By namespace and name.
    claims: Mutex<BTreeMap<(String, String), Info>>,
    faults: Faults,
}

#[derive(Clone, Debug)]
struct Info {
    claim: ClaimName,
    drivers: BTreeSet<String>,
    /// In the order in which they came.
    pods: Vec<String>,
    prepared: Option<Vec<Prepared>>,
}

impl Info {
    fn add(&mut self, pod: &str) {
        if !self.pods.iter().any(|known| known == pod) {
            self.pods.push(pod.to_owned());
        }
    }
}

/// A claim of a pod: the name that its containers know it by, and the claim's own. An extended resource's claim has no
/// name within the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PodClaim {
    alias: Option<String>,
    claim: String,
    is_generated: bool,
}

impl ClaimAccount {
    /// The account of a node with these drivers.
    pub(crate) fn new(drivers: Vec<Arc<Driver>>, faults: &Faults) -> Self {
        Self {
            drivers,
            claims: Mutex::default(),
            faults: faults.clone(),
        }
    }

    /// The node's drivers.
    pub(crate) fn drivers(&self) -> &[Arc<Driver>] {
        &self.drivers
    }

    /// Has all claims of a pod prepared.
    pub(crate) async fn prepare(&self, api: &Direct, pod: &Value, takes: Duration) -> Result<(), String> {
        let infos = self.read(api, pod)?;
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let mut unprepared: Vec<(ClaimName, BTreeSet<String>)> = Vec::new();
        {
            let mut claims = self.claims();
            for info in infos {
                let key = (info.claim.namespace.clone(), info.claim.name.clone());
                let known = claims.entry(key).or_insert_with(|| info.clone());
                if known.claim.uid != info.claim.uid {
                    return Err(format!(
                        "old ResourceClaim with same name {} and different UID {} still exists (previous pod \
                         force-deleted?!)",
                        info.claim.name, known.claim.uid
                    ));
                }
                known.add(uid);
                if known.prepared.is_none() {
                    unprepared.push((info.claim, info.drivers));
                }
            }
        }
        for (claim, drivers) in unprepared {
            let mut prepared = Vec::new();
            for name in &drivers {
                let devices = self.driver(name)?.prepare(api, &claim, takes).await;
                let devices = devices.map_err(|error| {
                    format!(
                        "NodePrepareResources failed for ResourceClaim {}: {error}",
                        claim.name
                    )
                })?;
                prepared.extend(devices);
            }
            if let Some(known) = self.claims().get_mut(&(claim.namespace, claim.name)) {
                known.prepared = Some(prepared);
            }
        }
        Ok(())
    }

    /// Takes note of a pod that ran before this kubelet knew of it.
    pub(crate) fn adopt(&self, api: &Direct, pod: &Value) {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        for info in self.read(api, pod).unwrap_or_default() {
            let key = (info.claim.namespace.clone(), info.claim.name.clone());
            let prepared = info
                .drivers
                .iter()
                .filter_map(|name| self.driver(name).ok())
                .flat_map(|driver| driver.adopt(api, &info.claim))
                .collect();
            let mut claims = self.claims();
            let known = claims.entry(key).or_insert(info);
            known.add(uid);
            known.prepared.get_or_insert(prepared);
        }
    }

    /// Has the claims that only this pod used unprepared, and says which devices came back.
    pub(crate) async fn unprepare(&self, pod: &str, takes: Duration) -> Vec<Accelerator> {
        let mut ended = Vec::new();
        self.claims().retain(|_, info| {
            let used = info.pods.iter().position(|user| user == pod);
            if let Some(position) = used {
                info.pods.remove(position);
            }
            if used.is_some() && info.pods.is_empty() {
                ended.push(info.clone());
                return false;
            }
            true
        });
        let mut given_back = Vec::new();
        for info in ended {
            for name in &info.drivers {
                if let Ok(driver) = self.driver(name) {
                    given_back.extend(driver.unprepare(&info.claim, takes).await);
                }
            }
        }
        given_back
    }

    /// Uids of pods that use a claim of that driver's devices.
    pub(crate) fn holders(&self, driver: &str) -> Vec<String> {
        let claims = self.claims();
        let theirs = claims.values().filter(|info| info.drivers.contains(driver));
        theirs.flat_map(|info| info.pods.clone()).collect()
    }

    /// The runtime's names of what a container gets by the claims of its pod.
    pub(crate) fn names(&self, pod: &Value, container: &Value) -> Vec<String> {
        let mut names: Vec<String> = self
            .granted(pod, container)
            .into_iter()
            .flat_map(|(_, device)| device.cdi_ids)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Drivers and names of the devices that a container has by the claims of its pod.
    pub(crate) fn held(&self, pod: &Value, container: &Value) -> Vec<(String, String)> {
        self.granted(pod, container)
            .into_iter()
            .map(|(_, device)| (device.driver, device.device))
            .collect()
    }

    /// How the devices of a container are, as its status tells it.
    pub(crate) fn health(&self, pod: &Value, container: &Value) -> Vec<Value> {
        let mut by_name: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (name, device) in self.granted(pod, container) {
            let id = device
                .cdi_ids
                .first()
                .cloned()
                .unwrap_or_else(|| format!("{}/{}/{}", device.driver, device.pool, device.device));
            let healthy = self
                .driver(&device.driver)
                .is_ok_and(|driver| driver.is_healthy(&device.device));
            let health = if healthy { "Healthy" } else { "Unhealthy" };
            by_name
                .entry(name)
                .or_default()
                .push(json!({"resourceID": id, "health": health}));
        }
        by_name
            .into_iter()
            .map(|(name, resources)| json!({"name": name, "resources": resources}))
            .collect()
    }

    /// What a container is granted, each with the name by which its status tells of it.
    fn granted(&self, pod: &Value, container: &Value) -> Vec<(String, Prepared)> {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let mut wishes: Vec<(String, Option<String>)> = Vec::new();
        for wish in container["resources"]["claims"].as_array().into_iter().flatten() {
            let name = wish["name"].as_str().unwrap_or_default().to_owned();
            wishes.push((name, wish["request"].as_str().map(str::to_owned)));
        }
        if self.faults.has("sec.sidecar") && container["restartPolicy"] == "Always" {
            let all = pod["spec"]["resourceClaims"].as_array().into_iter().flatten();
            wishes.extend(all.filter_map(|claim| Some((claim["name"].as_str()?.to_owned(), None))));
        }
        let claims = self.claims();
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let mut granted = Vec::new();
        for own in pod_claims(pod).unwrap_or_default() {
            let Some(info) = claims.get(&(namespace.to_owned(), own.claim.clone())) else {
                continue;
            };
            // A kubelet that hands a claim to the first of its pods alone.
            let late =
                self.faults.has("dra.second-pod") && info.pods.first().is_some_and(|first| first != uid);
            for device in info.prepared.iter().flatten().filter(|_| !late) {
                match &own.alias {
                    Some(alias) => {
                        let wish = wishes.iter().find(|(name, request)| {
                            name == alias
                                && request
                                    .as_deref()
                                    .is_none_or(|request| base(request) == device.request)
                        });
                        if let Some((name, request)) = wish {
                            let name = match request {
                                Some(request) => format!("claim:{name}/{request}"),
                                None => format!("claim:{name}"),
                            };
                            granted.push((name, device.clone()));
                        }
                    }
                    None if is_mapped(pod, container, &device.request) => {
                        granted.push((own.claim.clone(), device.clone()));
                    }
                    None => {}
                }
            }
        }
        granted
    }

    fn read(&self, api: &Direct, pod: &Value) -> Result<Vec<Info>, String> {
        let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
        let (namespace, uid) = (text("namespace"), text("uid"));
        let mut infos = Vec::new();
        for own in pod_claims(pod)? {
            let claim = api
                .get(&resources::RESOURCE_CLAIMS, Some(namespace), &own.claim)
                .ok_or_else(|| {
                    format!(
                        "fetch ResourceClaim {}: resourceclaims.resource.k8s.io \"{}\" not found",
                        own.claim, own.claim
                    )
                })?;
            let owners = claim["metadata"]["ownerReferences"].as_array();
            if own.is_generated && !owners.into_iter().flatten().any(|owner| owner["uid"] == uid) {
                return Err(format!(
                    "ResourceClaim {namespace}/{} was not created for pod {namespace}/{} (pod is not owner)",
                    own.claim,
                    text("name")
                ));
            }
            let claim_uid = claim["metadata"]["uid"].as_str().unwrap_or_default();
            let mut consumers = claim["status"]["reservedFor"].as_array().into_iter().flatten();
            if !consumers.any(|consumer| consumer["uid"] == uid || consumer["resource"] == "podgroups") {
                return Err(format!(
                    "pod {} ({uid}) is not allowed to use ResourceClaim {} ({claim_uid})",
                    text("name"),
                    own.claim
                ));
            }
            let allocation = &claim["status"]["allocation"];
            if allocation.is_null() {
                return Err(format!("ResourceClaim {}: not allocated", own.claim));
            }
            let results = allocation["devices"]["results"].as_array().into_iter().flatten();
            let drivers: BTreeSet<String> = results
                .filter_map(|result| result["driver"].as_str().map(str::to_owned))
                .collect();
            for driver in &drivers {
                self.driver(driver)?;
            }
            infos.push(Info {
                claim: ClaimName {
                    namespace: namespace.to_owned(),
                    name: own.claim,
                    uid: claim_uid.to_owned(),
                },
                drivers,
                pods: Vec::new(),
                prepared: None,
            });
        }
        Ok(infos)
    }

    fn driver(&self, name: &str) -> Result<&Arc<Driver>, String> {
        self.drivers
            .iter()
            .find(|driver| driver.name() == name && driver.is_registered())
            .ok_or_else(|| format!("DRA driver {name} is not registered"))
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<(String, String), Info>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request without the choice made within it.
fn base(request: &str) -> &str {
    request.split_once('/').map_or(request, |(request, _)| request)
}

/// Whether an extended resource's claim meets a container's wish by that request.
fn is_mapped(pod: &Value, container: &Value, request: &str) -> bool {
    let mappings = pod["status"]["extendedResourceClaimStatus"]["requestMappings"].as_array();
    mappings
        .into_iter()
        .flatten()
        .any(|mapping| mapping["containerName"] == container["name"] && mapping["requestName"] == request)
}

/// The claims of a pod; those that were not made because they are not needed are left out.
fn pod_claims(pod: &Value) -> Result<Vec<PodClaim>, String> {
    let mut claims = Vec::new();
    let statuses = pod["status"]["resourceClaimStatuses"].as_array();
    for entry in pod["spec"]["resourceClaims"].as_array().into_iter().flatten() {
        let alias = entry["name"].as_str().unwrap_or_default();
        if let Some(claim) = entry["resourceClaimName"].as_str() {
            claims.push(PodClaim {
                alias: Some(alias.to_owned()),
                claim: claim.to_owned(),
                is_generated: false,
            });
            continue;
        }
        let status = statuses
            .into_iter()
            .flatten()
            .find(|status| status["name"] == alias)
            .ok_or_else(|| {
                let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
                format!(
                    "pod {}/{}: ResourceClaim not created yet",
                    text("namespace"),
                    text("name")
                )
            })?;
        if let Some(claim) = status["resourceClaimName"].as_str() {
            claims.push(PodClaim {
                alias: Some(alias.to_owned()),
                claim: claim.to_owned(),
                is_generated: true,
            });
        }
    }
    let extended = &pod["status"]["extendedResourceClaimStatus"]["resourceClaimName"];
    if let Some(claim) = extended.as_str() {
        claims.push(PodClaim {
            alias: None,
            claim: claim.to_owned(),
            is_generated: false,
        });
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_names_its_claims_or_has_them_made() {
        let pod = json!({
            "metadata": {"namespace": "ns", "name": "p"},
            "spec": {"resourceClaims": [
                {"name": "own", "resourceClaimTemplateName": "t"}, {"name": "given", "resourceClaimName": "c"},
            ]},
            "status": {
                "resourceClaimStatuses": [{"name": "own", "resourceClaimName": "p-own-x"}],
                "extendedResourceClaimStatus": {"resourceClaimName": "p-extended"},
            },
        });
        let names: Vec<String> = pod_claims(&pod)
            .unwrap()
            .into_iter()
            .map(|claim| claim.claim)
            .collect();
        assert_eq!(names, ["p-own-x", "c", "p-extended"]);
        let mut early = pod;
        early["status"] = json!({});
        assert_eq!(
            pod_claims(&early).unwrap_err(),
            "pod ns/p: ResourceClaim not created yet"
        );
    }
}
