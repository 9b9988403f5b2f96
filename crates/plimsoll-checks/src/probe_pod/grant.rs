//! How a container asks for accelerators.

use serde_json::{Map, Value, json};

/// What a container is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// An extended resource, as device plugins serve it.
    Resource {
        /// The resource's name, such as `nvidia.com/gpu`.
        name: String,
        /// How many.
        count: usize,
    },
    /// All that a claim of the pod was allocated.
    Claim {
        /// The claim's name within the pod, see [`crate::probe_pod::ProbePod::claim`].
        name: String,
    },
}

/// Where a pod's claim is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSource {
    /// A ResourceClaim that exists by this name.
    Named(String),
    /// A claim of the pod's own, made from the ResourceClaimTemplate of this name.
    Template(String),
}

impl ClaimSource {
    pub(super) fn entry(&self, name: &str) -> Value {
        match self {
            Self::Named(claim) => json!({"name": name, "resourceClaimName": claim}),
            Self::Template(template) => json!({"name": name, "resourceClaimTemplateName": template}),
        }
    }
}

/// The `resources` of a container; no requests of processor or memory, so that room is never the reason
/// for a refusal.
pub(super) fn resources(grants: &[Grant]) -> Value {
    let mut limits = Map::new();
    let mut claims = Vec::new();
    for grant in grants {
        match grant {
            Grant::Resource { name, count } => {
                limits.insert(name.clone(), Value::String(count.to_string()));
            }
            Grant::Claim { name } => claims.push(json!({"name": name})),
        }
    }
    let mut resources = Map::new();
    if !limits.is_empty() {
        resources.insert("limits".to_owned(), Value::Object(limits));
    }
    if !claims.is_empty() {
        resources.insert("claims".to_owned(), Value::Array(claims));
    }
    Value::Object(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_without_grants_asks_for_nothing() {
        assert_eq!(resources(&[]), json!({}));
    }

    #[test]
    fn a_resource_is_a_limit_and_a_claim_a_reference() {
        let grants = [
            Grant::Resource {
                name: "x.com/y".to_owned(),
                count: 2,
            },
            Grant::Claim {
                name: "own".to_owned(),
            },
        ];
        assert_eq!(
            resources(&grants),
            json!({"limits": {"x.com/y": "2"}, "claims": [{"name": "own"}]})
        );
    }
}
