//! What the API states of a node's driver.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use plimsoll_vendors::{Stating, Vendor};
use serde_json::{Value, json};

use super::fleet::{Fleet, Site};
use crate::{CheckError, Context};

/// One statement of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Where it stands.
    pub(super) source: Source,
    /// What is stated.
    pub(super) version: String,
    /// Who wrote it, where that is known.
    pub(super) owner: Option<String>,
}

/// Where versions are stated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// An attribute of the node's devices, by the driver's name.
    Attribute(String),
    /// A label of the node.
    Label(String),
    /// An operator's object.
    Object(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(driver) => write!(f, "the devices of {driver}"),
            Self::Label(name) => write!(f, "label {name}"),
            Self::Object(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.version)?;
        match &self.owner {
            Some(owner) => write!(f, " (written by {owner})"),
            None => Ok(()),
        }
    }
}

/// Objects of operators, by vendor.
pub(super) type Resources = BTreeMap<&'static str, Vec<(&'static Stating, DynamicObject)>>;

/// Reads the objects by which vendors' operators state versions, where their kinds are served.
pub(super) async fn resources(context: &Context) -> Result<Resources, CheckError> {
    let mut found = Resources::new();
    for vendor in Vendor::all() {
        for stating in vendor.driver.iter().flat_map(|driver| &driver.resources) {
            let kind = GroupVersionKind::gvk(&stating.group, &stating.version, &stating.kind);
            let kind = ApiResource::from_gvk_with_plural(&kind, &stating.plural);
            let api: Api<DynamicObject> = Api::all_with(context.platform.client(), &kind);
            let objects = match api.list(&ListParams::default()).await {
                Ok(list) => list.items,
                Err(kube::Error::Api(status)) if status.is_not_found() || status.code == 404 => continue,
                Err(error) => {
                    context.observe(
                        format!("list {}.{}", stating.plural, stating.group),
                        error.to_string().into(),
                    );
                    continue;
                }
            };
            found
                .entry(&vendor.id)
                .or_default()
                .extend(objects.into_iter().map(|object| (stating, object)));
        }
    }
    Ok(found)
}

/// What is stated of a node: by its devices, by its labels, by operators' objects that are about it.
pub(super) fn of_node(
    fleet: &Fleet,
    site: &Site,
    node: Option<&Node>,
    resources: &Resources,
) -> Vec<Statement> {
    let mut statements: Vec<Statement> = site
        .versions
        .iter()
        .map(|version| Statement {
            source: Source::Attribute(site.path.to_string()),
            version: version.clone(),
            owner: None,
        })
        .collect();
    let empty = BTreeMap::new();
    let labels = node
        .and_then(|node| node.metadata.labels.as_ref())
        .unwrap_or(&empty);
    for name in fleet.driver().iter().flat_map(|driver| &driver.labels) {
        if let Some(version) = labels.get(name) {
            statements.push(Statement {
                source: Source::Label(name.clone()),
                version: version.clone(),
                owner: node.and_then(|node| owner(node, name)),
            });
        }
    }
    let objects = resources.get(fleet.name.as_str()).into_iter().flatten();
    statements.extend(objects.filter_map(|(stating, object)| of_object(stating, object, labels)));
    statements
}

/// Who wrote a label of a node last.
fn owner(node: &Node, label: &str) -> Option<String> {
    let key = format!("f:{label}");
    let managed = node.metadata.managed_fields.as_ref()?;
    managed
        .iter()
        .find(|entry| {
            entry
                .fields_v1
                .as_ref()
                .and_then(|fields| fields.0.pointer("/f:metadata/f:labels"))
                .is_some_and(|labels| labels.get(&key).is_some())
        })
        .and_then(|entry| entry.manager.clone())
}

fn of_object(
    stating: &Stating,
    object: &DynamicObject,
    labels: &BTreeMap<String, String>,
) -> Option<Statement> {
    let value = json!({"spec": object.data["spec"], "status": object.data["status"]});
    if let Some(enabled) = &stating.enabled
        && value.pointer(enabled).and_then(Value::as_bool) == Some(false)
    {
        return None;
    }
    let selector = stating
        .nodes
        .as_deref()
        .and_then(|nodes| value.pointer(nodes)?.as_object());
    let is_about = selector.is_none_or(|selector| {
        selector
            .iter()
            .all(|(key, wanted)| labels.get(key).map(String::as_str) == wanted.as_str())
    });
    let version = value
        .pointer(&stating.states)?
        .as_str()
        .filter(|version| !version.is_empty())?;
    is_about.then(|| Statement {
        source: Source::Object(format!("{} {}", stating.kind, object.name_any())),
        version: version.to_owned(),
        owner: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(spec: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "nvidia.com/v1", "kind": "ClusterPolicy", "metadata": {"name": "cluster-policy"}, "spec": spec,
        }))
        .unwrap()
    }

    fn stating(kind: &str) -> &'static Stating {
        let driver = Vendor::by_id("nvidia").unwrap().driver.as_ref().unwrap();
        driver
            .resources
            .iter()
            .find(|stating| stating.kind == kind)
            .unwrap()
    }

    #[test]
    fn an_operators_object_states_a_version_if_it_manages_the_driver() {
        let states = |spec| {
            of_object(stating("ClusterPolicy"), &policy(spec), &BTreeMap::new())
                .map(|statement| statement.version)
        };
        assert_eq!(
            states(json!({"driver": {"enabled": true, "version": "580.95.05"}})).as_deref(),
            Some("580.95.05")
        );
        assert_eq!(
            states(json!({"driver": {"enabled": false, "version": "580.95.05"}})),
            None
        );
        assert_eq!(states(json!({"driver": {"enabled": true}})), None);
    }

    #[test]
    fn an_object_is_about_the_nodes_that_it_selects() {
        let object = policy(json!({"version": "580.1.2", "nodeSelector": {"pool": "a"}}));
        let on = |pool: &str| {
            let labels = BTreeMap::from([("pool".to_owned(), pool.to_owned())]);
            of_object(stating("NVIDIADriver"), &object, &labels).is_some()
        };
        assert!(on("a") && !on("b"));
    }

    #[test]
    fn the_owner_of_a_label_is_who_manages_its_field() {
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "n", "managedFields": [
            {"manager": "kubelet", "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}}},
            {"manager": "gfd", "fieldsV1": {"f:metadata": {"f:labels": {"f:x/y": {}}}}},
        ]}}))
        .unwrap();
        assert_eq!(owner(&node, "x/y").as_deref(), Some("gfd"));
        assert_eq!(owner(&node, "z"), None);
    }
}
