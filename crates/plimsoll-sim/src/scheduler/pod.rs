//! A pod, as far as scheduling goes.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{Object, labels::Labels, resources::Resources, wishes::Wishes};

/// What the scheduler reads of a pod, read once.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) uid: Arc<str>,
    pub(super) namespace: String,
    pub(super) name: String,
    /// The node that it is bound to, or that it was promised.
    pub(super) node: Option<String>,
    pub(super) priority: i64,
    /// Whether it may push pods of lower priority out.
    pub(super) may_preempt: bool,
    pub(super) needs: Resources,
    pub(super) ports: Vec<HostPort>,
    pub(super) labels: Labels,
    pub(super) wishes: Arc<Wishes>,
    pub(super) claims: Vec<ClaimReference>,
    pub(super) group: Option<GroupKey>,
    pub(super) state: State,
    /// The object; null once the pod is on its node, where it would only take memory.
    pub(super) object: Object,
}

/// How far a pod is, as far as the scheduler minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Somebody holds it by a scheduling gate.
    pub(super) is_gated: bool,
    /// It has run its course.
    pub(super) is_finished: bool,
    /// It is being deleted.
    pub(super) is_ending: bool,
    /// Another scheduler is to place it.
    pub(super) is_others: bool,
}

/// A port of the node that a pod takes for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostPort {
    pub(super) port: i64,
    pub(super) protocol: String,
    pub(super) address: String,
}

impl HostPort {
    /// Whether both can't be taken on one node.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let any = |address: &str| address.is_empty() || address == "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || any(&self.address) || any(&other.address))
    }
}

/// A claim that a pod names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimReference {
    /// Its name within the pod.
    pub(super) name: String,
    /// The claim's name.
    pub(super) claim: ClaimName,
}

/// What a pod's claim is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimName {
    /// So.
    Known(String),
    /// It was not made from its template yet.
    Awaited,
    /// The template turned out to ask for nothing.
    NotNeeded,
}

/// What a group of pods is called: a PodGroup's name, or a Workload's with one of its pod groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupKey {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The pod group of a Workload and which replica of it.
    pub(super) part: Option<(String, String)>,
}

/// The one scheduler whose pods this one places.
const NAME: &str = "default-scheduler";

impl Pod {
    /// Reads a pod.
    pub(super) fn read(object: &Object) -> Self {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&metadata["namespace"]);
        let labels = Labels::read(&metadata["labels"]);
        let scheduler = spec["schedulerName"].as_str().unwrap_or(NAME);
        Self {
            uid: metadata["uid"].as_str().unwrap_or_default().into(),
            name: text(&metadata["name"]),
            node: spec["nodeName"]
                .as_str()
                .filter(|node| !node.is_empty())
                .map(str::to_owned),
            priority: spec["priority"].as_i64().unwrap_or_default(),
            may_preempt: spec["preemptionPolicy"] != "Never",
            needs: Resources::of_pod(spec),
            ports: host_ports(spec),
            wishes: Arc::new(Wishes::read(spec, &namespace, &labels)),
            claims: claims(spec, &object["status"]),
            group: group(spec, &namespace),
            state: State {
                is_gated: spec["schedulingGates"]
                    .as_array()
                    .is_some_and(|gates| !gates.is_empty()),
                is_finished: matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")),
                is_ending: metadata["deletionTimestamp"].is_string(),
                is_others: scheduler != NAME,
            },
            namespace,
            labels,
            object: object.clone(),
        }
    }

    /// What is of interest of a pod once it is on its node.
    pub(super) fn settled(self) -> Self {
        static NOTHING: LazyLock<Object> = LazyLock::new(|| Arc::new(Value::Null));
        static NO_WISHES: LazyLock<Arc<Wishes>> = LazyLock::new(Arc::default);
        let wishes = if self.wishes.apart.is_empty() {
            NO_WISHES.clone()
        } else {
            let apart = self.wishes.apart.clone();
            Arc::new(Wishes {
                apart,
                ..Wishes::default()
            })
        };
        Self {
            wishes,
            claims: Vec::new(),
            object: NOTHING.clone(),
            ..self
        }
    }

    /// Whether it asks for something else than `other`, its later self, does.
    pub(super) fn is_asking_otherwise(&self, other: &Self) -> bool {
        let part = |pod: &Self, path: [&str; 2]| pod.object[path[0]][path[1]].clone();
        let labels = ["metadata", "labels"];
        let claims = ["status", "resourceClaimStatuses"];
        self.object["spec"] != other.object["spec"]
            || part(self, labels) != part(other, labels)
            || part(self, claims) != part(other, claims)
    }

    /// Whether it takes room on its node.
    pub(super) fn takes_room(&self) -> bool {
        self.node.is_some() && !self.state.is_finished
    }

    /// Whether it waits for this scheduler.
    pub(super) fn is_pending(&self) -> bool {
        let State {
            is_finished,
            is_ending,
            is_others,
            ..
        } = self.state;
        self.node.is_none() && !is_finished && !is_ending && !is_others
    }
}

fn host_ports(spec: &Value) -> Vec<HostPort> {
    let on_host = spec["hostNetwork"] == true;
    let containers = spec["containers"].as_array().into_iter().flatten();
    let sidecars = spec["initContainers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["restartPolicy"] == "Always");
    containers
        .chain(sidecars)
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .filter_map(|port| {
            let own = if on_host {
                port["containerPort"].as_i64()
            } else {
                None
            };
            let number = port["hostPort"].as_i64().or(own).filter(|number| *number > 0)?;
            Some(HostPort {
                port: number,
                protocol: port["protocol"].as_str().unwrap_or("TCP").to_owned(),
                address: port["hostIP"].as_str().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

fn claims(spec: &Value, status: &Value) -> Vec<ClaimReference> {
    let made = |name: &str| {
        let statuses = status["resourceClaimStatuses"].as_array().into_iter().flatten();
        statuses.into_iter().find(|one| one["name"] == name)
    };
    spec["resourceClaims"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|reference| {
            let name = reference["name"].as_str().unwrap_or_default();
            let claim = match (reference["resourceClaimName"].as_str(), made(name)) {
                (Some(claim), _) => ClaimName::Known(claim.to_owned()),
                (None, Some(made)) => made["resourceClaimName"]
                    .as_str()
                    .map_or(ClaimName::NotNeeded, |claim| ClaimName::Known(claim.to_owned())),
                (None, None) => ClaimName::Awaited,
            };
            ClaimReference {
                name: name.to_owned(),
                claim,
            }
        })
        .collect()
}

fn group(spec: &Value, namespace: &str) -> Option<GroupKey> {
    let namespace = namespace.to_owned();
    if let Some(name) = spec["schedulingGroup"]["podGroupName"].as_str() {
        return Some(GroupKey {
            namespace,
            name: name.to_owned(),
            part: None,
        });
    }
    let reference = &spec["workloadRef"];
    let text = |key: &str| reference[key].as_str().unwrap_or_default().to_owned();
    Some(GroupKey {
        namespace,
        name: reference["name"].as_str()?.to_owned(),
        part: Some((text("podGroup"), text("podGroupReplicaKey"))),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn read(spec: Value) -> Pod {
        Pod::read(&Arc::new(
            json!({"metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "a", "rev": "1"}}, "spec": spec}),
        ))
    }

    #[test]
    fn a_pod_waits_unless_it_is_bound_done_ending_or_for_another_scheduler() {
        assert!(read(json!({})).is_pending());
        assert!(read(json!({"schedulerName": "default-scheduler", "nodeName": ""})).is_pending());
        assert!(!read(json!({"schedulerName": "other"})).is_pending());
        assert!(!read(json!({"nodeName": "n"})).is_pending());
        assert!(read(json!({"schedulingGates": [{"name": "g"}]})).state.is_gated);
    }

    #[test]
    fn claims_are_known_by_name_or_once_they_were_made() {
        let object = json!({
            "metadata": {"name": "p"},
            "spec": {"resourceClaims": [{"name": "a", "resourceClaimName": "c"}, {"name": "b", "resourceClaimTemplateName": "t"},
                                         {"name": "d", "resourceClaimTemplateName": "t"}, {"name": "e", "resourceClaimTemplateName": "t"}]},
            "status": {"resourceClaimStatuses": [{"name": "b", "resourceClaimName": "p-b-x"}, {"name": "e"}]},
        });
        let names: Vec<ClaimName> = Pod::read(&Arc::new(object))
            .claims
            .into_iter()
            .map(|one| one.claim)
            .collect();
        let known = |name: &str| ClaimName::Known(name.to_owned());
        assert_eq!(
            names,
            [
                known("c"),
                known("p-b-x"),
                ClaimName::Awaited,
                ClaimName::NotNeeded
            ]
        );
    }

    #[test]
    fn membership_is_read_from_either_version() {
        let group = |spec: Value| read(spec).group;
        let key = |part| {
            Some(GroupKey {
                namespace: "ns".into(),
                name: "g".into(),
                part,
            })
        };
        assert_eq!(
            group(json!({"schedulingGroup": {"podGroupName": "g"}})),
            key(None)
        );
        let part = Some(("w".to_owned(), "0".to_owned()));
        assert_eq!(
            group(json!({"workloadRef": {"name": "g", "podGroup": "w", "podGroupReplicaKey": "0"}})),
            key(part)
        );
        assert_eq!(group(json!({})), None);
    }

    #[test]
    fn ports_clash_where_they_share_an_address() {
        let port = |port: i64, address: &str| HostPort {
            port,
            protocol: "TCP".into(),
            address: address.into(),
        };
        assert!(port(1, "").clashes(&port(1, "10.0.0.1")));
        assert!(!port(1, "10.0.0.2").clashes(&port(1, "10.0.0.1")));
        assert!(!port(1, "").clashes(&port(2, "")));
        let pod = read(json!({"hostNetwork": true, "containers": [{"ports": [{"containerPort": 80}]}]}));
        assert_eq!(pod.ports, [port(80, "")]);
    }
}
