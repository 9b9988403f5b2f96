//! What a claim's allocation grants of one driver's pool.

use std::collections::BTreeMap;

use plimsoll_apiserver::Quantity;
use serde_json::Value;

/// One device that a claim was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The request it answers, without the choice made within it.
    pub(crate) request: String,
    /// The device's name in the pool.
    pub(crate) device: String,
    /// Granted for administration, beside whoever uses it.
    pub(crate) admin: bool,
    /// Which share of the device, where it is shared.
    pub(crate) share: Option<String>,
    /// How much of its capacities, where it is shared.
    pub(crate) consumed: BTreeMap<String, u64>,
    /// The shares that were chosen for it; none until it is prepared.
    pub(crate) chosen: Vec<String>,
}

/// A claim that grants nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AllocationError {
    #[error("the claim was created again: uid `{found}` instead of `{wanted}`")]
    Recreated { found: String, wanted: String },
    #[error("the claim is not allocated")]
    NotAllocated,
    #[error("the claim's allocation has no device of pool `{pool}`")]
    Elsewhere { pool: String },
}

/// The devices of `driver`'s pool `pool` that the claim with that `uid` was granted.
pub(crate) fn grants(
    claim: &Value,
    uid: &str,
    driver: &str,
    pool: &str,
) -> Result<Vec<Grant>, AllocationError> {
    let found = claim["metadata"]["uid"].as_str().unwrap_or_default();
    if found != uid {
        return Err(AllocationError::Recreated {
            found: found.to_owned(),
            wanted: uid.to_owned(),
        });
    }
    let allocation = &claim["status"]["allocation"];
    if allocation.is_null() {
        return Err(AllocationError::NotAllocated);
    }
    let results = allocation["devices"]["results"].as_array().into_iter().flatten();
    let grants: Vec<Grant> = results
        .filter(|result| result["driver"] == driver && result["pool"] == pool)
        .map(|result| {
            let text = |field: &str| result[field].as_str().unwrap_or_default().to_owned();
            Grant {
                request: main_request(&text("request")).to_owned(),
                device: text("device"),
                admin: result["adminAccess"] == true,
                share: result["shareID"].as_str().map(str::to_owned),
                consumed: consumed(&result["consumedCapacity"]),
                chosen: Vec::new(),
            }
        })
        .collect();
    if grants.is_empty() {
        Err(AllocationError::Elsewhere {
            pool: pool.to_owned(),
        })
    } else {
        Ok(grants)
    }
}

/// Capacities are written as whole numbers here, which is how the scheduler writes what it has rounded.
fn consumed(consumed: &Value) -> BTreeMap<String, u64> {
    let consumed = consumed.as_object().into_iter().flatten();
    consumed
        .filter_map(|(name, amount)| {
            let whole = u64::try_from(Quantity::read(amount)?.value()).ok()?;
            Some((name.clone(), whole))
        })
        .collect()
}

/// Containers name requests; `request/alternative` is how an allocation records which alternative was taken.
fn main_request(request: &str) -> &str {
    request.split_once('/').map_or(request, |(request, _)| request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(results: &Value) -> Value {
        json!({"metadata": {"uid": "u"}, "status": {"allocation": {"devices": {"results": results}}}})
    }

    #[test]
    fn only_this_drivers_and_this_nodes_devices_count() {
        let claim = claim(&json!([
            {"request": "a", "driver": "gpu.nvidia.com", "pool": "n1", "device": "gpu-0"},
            {"request": "b/second", "driver": "gpu.nvidia.com", "pool": "n1", "device": "gpu-1", "adminAccess": true},
            {"request": "a", "driver": "gpu.nvidia.com", "pool": "n2", "device": "gpu-0"},
            {"request": "a", "driver": "gpu.amd.com", "pool": "n1", "device": "gpu-0"},
        ]));
        let grants = grants(&claim, "u", "gpu.nvidia.com", "n1").unwrap();
        let names: Vec<_> = grants
            .iter()
            .map(|grant| (grant.request.as_str(), grant.device.as_str(), grant.admin))
            .collect();
        assert_eq!(names, [("a", "gpu-0", false), ("b", "gpu-1", true)]);
    }

    #[test]
    fn a_claim_that_grants_nothing_here_says_why() {
        let other = claim(&json!([{"request": "a", "driver": "x", "pool": "n1", "device": "d"}]));
        assert_eq!(
            grants(&other, "u", "gpu.nvidia.com", "n1"),
            Err(AllocationError::Elsewhere { pool: "n1".into() })
        );
        assert!(matches!(
            grants(&other, "v", "x", "n1"),
            Err(AllocationError::Recreated { .. })
        ));
        let fresh = json!({"metadata": {"uid": "u"}});
        assert_eq!(grants(&fresh, "u", "x", "n1"), Err(AllocationError::NotAllocated));
    }
}
