//! What kubelets promise: the policies of their topology, CPU and memory managers.

use std::collections::BTreeMap;

use kube::{Api, Client, ResourceExt, api::ListParams, core::DynamicObject};
use plimsoll_platform::Apis;
use serde_json::Value;

const GROUP: &str = "topology.node.k8s.io";
const VERSIONS: [&str; 2] = ["v1alpha2", "v1alpha1"];

/// What one kubelet promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Of the topology manager, such as `single-numa-node`.
    pub(super) topology: String,
    /// Whether containers can have processors for themselves; not known if none.
    pub(super) whole_processors: Option<bool>,
    /// Who says so.
    pub(super) source: &'static str,
}

impl Policy {
    /// Whether devices and whole processors of a container are to be on one NUMA node.
    pub(super) fn keeps_together(&self) -> bool {
        self.topology == "single-numa-node" && self.whole_processors != Some(false)
    }

    /// Reads a kubelet's `configz`.
    fn of_configuration(configuration: &Value) -> Option<Self> {
        let text = |field: &str| configuration["kubeletconfig"][field].as_str();
        Some(Self {
            topology: text("topologyManagerPolicy")?.to_owned(),
            whole_processors: text("cpuManagerPolicy").map(|policy| policy == "static"),
            source: "the kubelet's configuration",
        })
    }

    /// Reads a NodeResourceTopology. Only `single-numa-node` is told by some of the names in it.
    fn of_resource_topology(object: &Value) -> Option<Self> {
        let policies = object["topologyPolicies"].as_array().into_iter().flatten();
        let is_single = |policy: &Value| {
            policy
                .as_str()
                .is_some_and(|policy| policy.starts_with("SingleNUMANode"))
        };
        let attribute = object["attributes"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|attribute| attribute["name"] == "topologyManagerPolicy")
            .and_then(|attribute| attribute["value"].as_str());
        let mut policies = policies.peekable();
        let topology = match attribute {
            Some(policy) => policy.to_owned(),
            None if policies.peek().is_none() => return None,
            None if policies.any(is_single) => "single-numa-node".to_owned(),
            None => "another than single-numa-node".to_owned(),
        };
        Some(Self {
            topology,
            whole_processors: None,
            source: "its NodeResourceTopology",
        })
    }
}

/// The policies of these nodes, as far as they can be known: by the kubelet itself where that may be asked, which takes
/// `nodes/proxy` and is never demanded, else by what an agent published of it.
pub(super) async fn of(client: &Client, apis: &Apis, nodes: &[&str]) -> BTreeMap<String, Policy> {
    let mut known = published(client, apis).await;
    known.retain(|node, _| nodes.contains(&node.as_str()));
    for node in nodes {
        if let Some(policy) = asked(client, node).await {
            known.insert((*node).to_owned(), policy);
        }
    }
    known
}

async fn asked(client: &Client, node: &str) -> Option<Policy> {
    let request = http::Request::get(format!("/api/v1/nodes/{node}/proxy/configz"))
        .body(Vec::new())
        .ok()?;
    let configuration: Value = client.request(request).await.ok()?;
    Policy::of_configuration(&configuration)
}

async fn published(client: &Client, apis: &Apis) -> BTreeMap<String, Policy> {
    let Some(kind) = apis.resource(GROUP, "NodeResourceTopology", &VERSIONS) else {
        return BTreeMap::new();
    };
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
    let Ok(list) = api.list(&ListParams::default()).await else {
        return BTreeMap::new();
    };
    let policies = list.items.iter();
    policies
        .filter_map(|object| Some((object.name_any(), Policy::of_resource_topology(&object.data)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kubelet_says_what_it_promises() {
        let of = |topology: &str, cpu: &str| {
            Policy::of_configuration(
                &json!({"kubeletconfig": {"topologyManagerPolicy": topology, "cpuManagerPolicy": cpu}}),
            )
            .unwrap()
        };
        assert!(of("single-numa-node", "static").keeps_together());
        assert!(!of("single-numa-node", "none").keeps_together());
        assert!(!of("best-effort", "static").keeps_together());
        assert_eq!(Policy::of_configuration(&json!({})), None);
    }

    #[test]
    fn an_agent_says_it_by_attribute_or_by_the_older_list() {
        let of = |object: Value| Policy::of_resource_topology(&object);
        for single in [
            json!({"attributes": [{"name": "topologyManagerPolicy", "value": "single-numa-node"}]}),
            json!({"topologyPolicies": ["SingleNUMANodePodLevel"]}),
        ] {
            assert!(of(single).unwrap().keeps_together());
        }
        assert!(
            !of(json!({"topologyPolicies": ["BestEffort"]}))
                .unwrap()
                .keeps_together()
        );
        assert_eq!(of(json!({"zones": []})), None);
    }
}
