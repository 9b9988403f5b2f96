//! Evicts pods whose devices have taints with the effect `NoExecute` that their claims don't bear.
//!
//! Taints are on devices in ResourceSlices, or come from DeviceTaintRules; what a claim bears was noted in its
//! allocation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use plimsoll_apiserver::{Change, Direct, Reason, Status, resources};
use serde_json::Value;

use super::{
    facts::{
        meta::{self, Key, items},
        pod, taint,
    },
    taint_eviction::evict,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const COMPONENT: &str = "device-taint-eviction-controller";
/// The minor version from which on it runs unless somebody asks for it.
const SINCE: u32 = 36;

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    if api.minor() < SINCE {
        return;
    }
    let evictions = Evictions {
        api: api.clone(),
        claims: BTreeMap::new(),
        devices: BTreeMap::new(),
        taints: BTreeMap::new(),
        due: BTreeSet::new(),
    };
    drive(&api, latencies, evictions).await;
}

/// A device: its driver, its pool and its name there.
type Device = (String, String, String);

struct Evictions {
    api: Direct,
    /// The claims to which a device is allocated.
    claims: BTreeMap<Device, BTreeSet<Key>>,
    /// The devices of a claim.
    devices: BTreeMap<Key, Vec<Device>>,
    /// The taints that a driver has put on a device.
    taints: BTreeMap<Device, Vec<Value>>,
    /// Pods that are told to go by and by.
    due: BTreeSet<Key>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn results(claim: &Value) -> &[Value] {
    items(&claim["status"]["allocation"]["devices"]["results"])
}

fn device_of(result: &Value) -> Device {
    (
        text(&result["driver"]),
        text(&result["pool"]),
        text(&result["device"]),
    )
}

fn devices_of(slice: &Value) -> BTreeMap<Device, Vec<Value>> {
    let (driver, pool) = (
        text(&slice["spec"]["driver"]),
        text(&slice["spec"]["pool"]["name"]),
    );
    items(&slice["spec"]["devices"])
        .iter()
        .filter_map(|device| {
            let taints = items(&device["taints"]);
            let taints: Vec<Value> = taints
                .iter()
                .filter(|own| own["effect"] == "NoExecute")
                .cloned()
                .collect();
            (!taints.is_empty()).then(|| ((driver.clone(), pool.clone(), text(&device["name"])), taints))
        })
        .collect()
}

/// Whether a rule is about a device.
fn selects(rule: &Value, (driver, pool, name): &Device) -> bool {
    let selector = &rule["spec"]["deviceSelector"];
    [("driver", driver), ("pool", pool), ("device", name)]
        .iter()
        .all(|(field, own)| selector[*field].is_null() || selector[*field] == own.as_str())
}

impl Reconcile for Evictions {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::RESOURCE_SLICES,
            resources::DEVICE_TAINT_RULES,
            resources::RESOURCE_CLAIMS,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        let gone = matches!(change, Change::Deleted(..));
        if *change.of() == resources::RESOURCE_CLAIMS {
            let key = Key::of(object);
            let devices: Vec<Device> = if gone {
                Vec::new()
            } else {
                results(object).iter().map(device_of).collect()
            };
            for device in self.devices.remove(&key).unwrap_or_default() {
                if let Some(claims) = self.claims.get_mut(&device) {
                    claims.remove(&key);
                }
            }
            let tainted = devices.iter().any(|device| self.taints.contains_key(device));
            for device in &devices {
                self.claims.entry(device.clone()).or_default().insert(key.clone());
            }
            if !devices.is_empty() {
                self.devices.insert(key.clone(), devices);
            }
            if tainted || !self.api.list(&resources::DEVICE_TAINT_RULES, None).is_empty() {
                look_at(key);
            }
        } else if *change.of() == resources::RESOURCE_SLICES {
            let before = match change {
                Change::Modified { old, .. } | Change::Deleted(_, old) => devices_of(old),
                Change::Added(..) => BTreeMap::new(),
            };
            let now = if gone { BTreeMap::new() } else { devices_of(object) };
            let mut changed: BTreeSet<Device> = BTreeSet::new();
            for device in before.keys().filter(|device| !now.contains_key(*device)) {
                self.taints.remove(device);
                changed.insert(device.clone());
            }
            for (device, taints) in now {
                if before.get(&device) != Some(&taints) {
                    changed.insert(device.clone());
                    self.taints.insert(device, taints);
                }
            }
            for claim in changed
                .iter()
                .filter_map(|device| self.claims.get(device))
                .flatten()
            {
                look_at(claim.clone());
            }
        } else {
            for (device, claims) in &self.claims {
                if selects(object, device) {
                    claims.iter().for_each(|claim| look_at(claim.clone()));
                }
            }
        }
    }

    async fn reconcile(&mut self, claim: &Key) -> Next {
        match self.look(claim).await {
            Ok(next) => next,
            Err(refusal) if refusal.reason == Reason::NotFound => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Evictions {
    /// When the users of a claim have to go.
    fn eviction(&self, claim: &Value, now: Timestamp) -> Option<Timestamp> {
        let rules = self.api.list(&resources::DEVICE_TAINT_RULES, None);
        let mut earliest: Option<Timestamp> = None;
        for result in results(claim) {
            let device = device_of(result);
            let by_rules = rules
                .iter()
                .filter(|rule| selects(rule, &device))
                .map(|rule| &rule["spec"]["taint"]);
            let all = self.taints.get(&device).into_iter().flatten().chain(by_rules);
            for own in all.filter(|own| own["effect"] == "NoExecute") {
                let since = meta::time(&own["timeAdded"]).unwrap_or(now);
                let bearing: Vec<&Value> = items(&result["tolerations"])
                    .iter()
                    .filter(|toleration| taint::tolerates(toleration, own))
                    .collect();
                let until = if bearing.is_empty() {
                    Some(since)
                } else {
                    let times = bearing
                        .iter()
                        .filter_map(|toleration| toleration["tolerationSeconds"].as_i64());
                    times
                        .min()
                        .and_then(|seconds| since.checked_add(SignedDuration::from_secs(seconds)).ok())
                };
                if let Some(until) = until {
                    earliest = Some(earliest.map_or(until, |earliest| earliest.min(until)));
                }
            }
        }
        earliest
    }

    async fn look(&mut self, key: &Key) -> Result<Next, Status> {
        let Some(claim) = self.api.get(&resources::RESOURCE_CLAIMS, key.space(), &key.name) else {
            return Ok(Next::Done);
        };
        let now = self.api.clock().now();
        let eviction = self.eviction(&claim, now);
        let users: Vec<Key> = items(&claim["status"]["reservedFor"])
            .iter()
            .filter(|user| user["resource"] == "pods")
            .map(|user| Key::new(&key.namespace, &text(&user["name"])))
            .collect();
        let Some(due) = eviction else {
            for user in users {
                if self.due.remove(&user)
                    && let Some(pod) = self.api.get(&resources::PODS, user.space(), &user.name)
                {
                    let reason = "DeviceTaintManagerEviction";
                    self.api
                        .event(&pod, COMPONENT, "Normal", reason, "Cancelling deletion")
                        .await;
                }
            }
            return Ok(Next::Done);
        };
        if let Some(left) = Duration::try_from(due.duration_since(now))
            .ok()
            .filter(|left| !left.is_zero())
        {
            self.due.extend(users);
            return Ok(Next::Again(left));
        }
        for user in users {
            self.due.remove(&user);
            let Some(pod) = self.api.get(&resources::PODS, user.space(), &user.name) else {
                continue;
            };
            if meta::deleting(&pod) || pod::terminal(&pod) || pod::node(&pod).is_none() {
                continue;
            }
            self.api
                .event(
                    &pod,
                    COMPONENT,
                    "Normal",
                    "DeviceTaintManagerEviction",
                    "Marking for deletion",
                )
                .await;
            let message = "Device Taint manager: deleting due to NoExecute taint";
            evict(&self.api, &user, "DeletionByDeviceTaintManager", message).await?;
        }
        Ok(Next::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::stand::{Stand, template};

    async fn stand(tolerations: Value) -> Stand {
        let stand = Stand::new();
        stand
            .create(json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "slice"},
                "spec": {"driver": "d", "nodeName": "node", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
                    "devices": [{"name": "x"}]}}))
            .await;
        stand
            .create(
                json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
                "metadata": {"name": "c", "namespace": "default"}, "spec": {"devices": {"requests": [
                    {"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}}),
            )
            .await;
        let mut pod = template("x", None);
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!("p");
        pod["metadata"]["namespace"] = json!("default");
        pod["spec"]["resourceClaims"] = json!([{"name": "gpu", "resourceClaimName": "c"}]);
        let pod = stand.create(pod).await;
        let result =
            json!({"request": "gpu", "driver": "d", "pool": "p", "device": "x", "tolerations": tolerations});
        stand
            .merge_status(
                &resources::RESOURCE_CLAIMS,
                "default",
                "c",
                json!({
                "allocation": {"devices": {"results": [result]}},
                "reservedFor": [{"resource": "pods", "name": "p", "uid": meta::uid(&pod)}]}),
            )
            .await;
        stand.pass(2).await;
        let taint = json!({"key": "broken", "effect": "NoExecute", "timeAdded": stand.api.now()});
        let devices = json!([{"name": "x", "taints": [taint]}]);
        stand
            .merge(
                &resources::RESOURCE_SLICES,
                "",
                "slice",
                json!({"spec": {"devices": devices}}),
            )
            .await;
        stand
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_with_a_tainted_device_goes() {
        let stand = stand(json!([])).await;
        stand.pass(2).await;
        assert!(stand.get(&resources::PODS, "default", "p").is_none());
        let events = stand.events("default", "p");
        assert!(events.contains(&(
            "DeviceTaintManagerEviction".to_owned(),
            "Marking for deletion".to_owned()
        )));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_for_as_long_as_its_claim_bears_the_taint() {
        let stand =
            stand(json!([{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}])).await;
        stand.pass(15).await;
        assert!(stand.get(&resources::PODS, "default", "p").is_some());
        stand.pass(10).await;
        assert!(stand.get(&resources::PODS, "default", "p").is_none());
    }
}
