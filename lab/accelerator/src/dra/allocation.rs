//! What a claim's allocation grants of one driver's pool.

use k8s_openapi::api::resource::v1::ResourceClaim;

/// One device that a claim was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The request it answers, without the choice made within it.
    pub(crate) request: String,
    /// The device's name in the pool.
    pub(crate) device: String,
    /// Granted for administration, beside whoever uses it.
    pub(crate) admin: bool,
    /// Which share of the device, where it is shared.
    pub(crate) share: Option<String>,
}

/// A claim that grants nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AllocationError {
    /// Another object by the same name.
    #[error("the claim was created again: uid `{found}` instead of `{wanted}`")]
    Recreated { found: String, wanted: String },
    /// No allocation at all.
    #[error("the claim is not allocated")]
    NotAllocated,
    /// An allocation of other devices.
    #[error("the claim's allocation has no device of pool `{pool}`")]
    Elsewhere { pool: String },
}

/// The devices of `driver`'s pool `pool` that the claim with that `uid` was granted.
pub(crate) fn grants(
    claim: &ResourceClaim,
    uid: &str,
    driver: &str,
    pool: &str,
) -> Result<Vec<Grant>, AllocationError> {
    let found = claim.metadata.uid.clone().unwrap_or_default();
    if found != uid {
        return Err(AllocationError::Recreated {
            found,
            wanted: uid.to_owned(),
        });
    }
    let allocation = claim
        .status
        .as_ref()
        .and_then(|status| status.allocation.as_ref());
    let results = allocation.ok_or(AllocationError::NotAllocated)?.devices.as_ref();
    let grants: Vec<Grant> = results
        .and_then(|devices| devices.results.as_ref())
        .into_iter()
        .flatten()
        .filter(|result| result.driver == driver && result.pool == pool)
        .map(|result| Grant {
            request: main_request(&result.request).to_owned(),
            device: result.device.clone(),
            admin: result.admin_access.unwrap_or(false),
            share: result.share_id.clone(),
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

/// Containers name requests; `request/alternative` is how an allocation records which alternative was taken.
fn main_request(request: &str) -> &str {
    request.split_once('/').map_or(request, |(request, _)| request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(results: serde_json::Value) -> ResourceClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "c", "namespace": "ns", "uid": "u"},
            "spec": {},
            "status": {"allocation": {"devices": {"results": results}}}
        }))
        .unwrap()
    }

    #[test]
    fn only_this_drivers_and_this_nodes_devices_count() {
        let claim = claim(json!([
            {"request": "a", "driver": "gpu.nvidia.com", "pool": "n1", "device": "gpu-0"},
            {"request": "b/second", "driver": "gpu.nvidia.com", "pool": "n1", "device": "gpu-1", "adminAccess": true},
            {"request": "a", "driver": "gpu.nvidia.com", "pool": "n2", "device": "gpu-0"},
            {"request": "a", "driver": "gpu.amd.com", "pool": "n1", "device": "gpu-0"}
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
        let other = claim(json!([{"request": "a", "driver": "x", "pool": "n1", "device": "d"}]));
        assert_eq!(
            grants(&other, "u", "gpu.nvidia.com", "n1"),
            Err(AllocationError::Elsewhere { pool: "n1".into() })
        );
        assert!(matches!(
            grants(&other, "v", "x", "n1"),
            Err(AllocationError::Recreated { .. })
        ));
        assert!(grants(&claim(json!([])), "u", "x", "n1").is_err());
        let fresh = ResourceClaim {
            status: None,
            ..other
        };
        assert_eq!(grants(&fresh, "u", "x", "n1"), Err(AllocationError::NotAllocated));
    }
}
