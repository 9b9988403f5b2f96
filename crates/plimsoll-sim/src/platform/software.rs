//! What can be installed on a simulated platform beside Kubernetes: one TOML file each under `software/`.
//!
//! What is installed shows, to a survey and to `kubectl`: the APIs it brings and the workload it runs as.

use std::sync::LazyLock;

use plimsoll_vendors::Vendor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Faults;

macro_rules! software {
    ($($id:literal)*) => {
        /// Ids and embedded files, sorted by id.
        const FILES: &[(&str, &str)] = &[
            $(($id, include_str!(concat!("../../software/", $id, ".toml")))),*
        ];
    };
}

software! {
    "cilium"
    "gateway-api"
    "gpu-operator"
    "inference-extension"
    "jobset"
    "keda"
    "kueue"
    "leaderworkerset"
    "metrics-server"
    "node-feature-discovery"
    "prometheus-operator"
    "volcano"
}

static ALL: LazyLock<Vec<Software>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(id, text)| match toml::from_str(text) {
            Ok(software) => software,
            // Embedded at build time and parsed by a test: a fault here is a bug of this crate.
            Err(error) => panic!("software/{id}.toml: {error}"),
        })
        .collect()
});

/// Something that can be installed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Software {
    /// Its name in a platform file.
    pub id: String,
    /// What it is.
    pub section: Section,
    /// The namespace it runs in.
    pub namespace: String,
    /// The image that it runs; none for what is an API only.
    pub image: Option<String>,
    /// Whether it runs on every node.
    #[serde(default)]
    pub everywhere: bool,
    /// The kinds that it brings.
    #[serde(default)]
    pub kinds: Vec<CustomKind>,
    /// The vendor that it is the operator of: its object states which driver nodes have.
    pub states_driver_of: Option<String>,
    /// Objects of those kinds that are there from the beginning.
    #[serde(default)]
    pub objects: Vec<Value>,
}

/// What something is, and under which key a platform file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Scales nodes or pods.
    Autoscalers,
    /// Lets requests in.
    Gateways,
    /// Measures.
    Monitoring,
    /// Connects pods.
    Networks,
    /// Runs workloads, or looks after nodes.
    Operators,
    /// Places pods.
    Schedulers,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Autoscalers,
        Self::Gateways,
        Self::Monitoring,
        Self::Networks,
        Self::Operators,
        Self::Schedulers,
    ];

    /// Its key in a platform file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Autoscalers => "autoscalers",
            Self::Gateways => "gateways",
            Self::Monitoring => "monitoring",
            Self::Networks => "networks",
            Self::Operators => "operators",
            Self::Schedulers => "schedulers",
        }
    }

    /// What one of them is called.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Autoscalers => "autoscaler that can be installed",
            Self::Gateways => "gateway that can be installed",
            Self::Monitoring => "monitoring that can be installed",
            Self::Networks => "network that can be installed",
            Self::Operators => "operator that can be installed",
            Self::Schedulers => "scheduler that can be installed",
        }
    }
}

/// A custom resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustomKind {
    /// Its API group.
    pub group: String,
    /// Its versions, the stored one first.
    pub versions: Vec<String>,
    /// Its kind.
    pub kind: String,
    /// Its plural.
    pub plural: String,
    /// Whether its objects live outside of namespaces.
    #[serde(default)]
    pub cluster_scoped: bool,
}

impl CustomKind {
    fn definition(&self) -> Value {
        let versions: Vec<Value> = self
            .versions
            .iter()
            .enumerate()
            .map(|(index, name)| {
                json!({
                    "name": name, "served": true, "storage": index == 0,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    }},
                })
            })
            .collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{}", self.plural, self.group)},
            "spec": {
                "group": self.group,
                "scope": if self.cluster_scoped { "Cluster" } else { "Namespaced" },
                "names": {
                    "kind": self.kind, "listKind": format!("{}List", self.kind),
                    "plural": self.plural, "singular": self.kind.to_lowercase(),
                },
                "versions": versions,
            },
        })
    }
}

impl Software {
    /// All of it, sorted by id.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// What belongs to a section.
    pub fn of(section: Section) -> impl Iterator<Item = &'static Self> + Clone {
        Self::all()
            .iter()
            .filter(move |software| software.section == section)
    }

    /// What is created to install it, in order.
    #[must_use]
    pub(crate) fn objects(&self, faults: &Faults) -> Vec<Value> {
        let mut objects: Vec<Value> = self.kinds.iter().map(CustomKind::definition).collect();
        let vendor = self.states_driver_of.as_deref();
        let vendor = vendor.and_then(|vendor| Vendor::by_id(vendor).ok());
        let stated = vendor.and_then(|vendor| vendor.operator_objects(faults.has("drv.operator-ahead")));
        objects.extend(stated.into_iter().flatten());
        if let Some(image) = &self.image {
            if self.namespace != "kube-system" {
                objects.push(
                    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}),
                );
            }
            objects.push(self.workload(image));
        }
        objects.extend(self.objects.iter().cloned());
        objects
    }

    fn workload(&self, image: &str) -> Value {
        let labels = json!({"app.kubernetes.io/name": self.id});
        let mut workload = json!({
            "apiVersion": "apps/v1", "kind": if self.everywhere { "DaemonSet" } else { "Deployment" },
            "metadata": {"name": self.id, "namespace": self.namespace, "labels": labels},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": self.id, "image": image}]},
                },
            },
        });
        if self.everywhere {
            workload["spec"]["template"]["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
        }
        workload
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn the_list_is_sorted_and_equals_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("software");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".toml", ""))
            .collect();
        let listed: Vec<String> = FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            listed,
            "software/ and the list disagree"
        );
    }

    #[test]
    fn every_file_parses_and_brings_something_that_shows() {
        for (id, text) in FILES {
            let software: Software = toml::from_str(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(software.id, *id);
            assert!(
                !software.objects(&Faults::default()).is_empty(),
                "{id} installs nothing"
            );
        }
    }

    #[test]
    fn a_custom_kind_is_stored_in_its_first_version() {
        let kueue = Software::all()
            .iter()
            .find(|software| software.id == "kueue")
            .unwrap();
        let definition = &kueue.objects(&Faults::default())[0];
        assert_eq!(definition.pointer("/spec/versions/0/storage"), Some(&json!(true)));
        assert_eq!(
            definition.pointer("/spec/versions/0/name"),
            Some(&json!(kueue.kinds[0].versions[0]))
        );
    }
}
