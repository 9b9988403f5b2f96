//! Which kinds are served, in which versions, by which minor version of Kubernetes.
//!
//! [`builtin`] is the table of what is built in; custom resources are added while the server runs. A [`Served`] is one
//! collection as it is seen through one group: Events are seen through two.

mod builtin;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{GroupResource, schema::Schema};

/// Switches that an operator of the platform sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gates {
    /// `GenericWorkload`: gang scheduling's API is served and pods keep the field.
    pub generic_workload: bool,
    /// `TopologyAwareWorkloadScheduling`: groups of pods keep what they say of their domain. From 1.36 on.
    pub topology_aware: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            generic_workload: true,
            topology_aware: false,
        }
    }
}

/// A collection as it is served in one group.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// The group and plural under which it is served.
    pub(crate) of: GroupResource,
    /// Where its objects are kept; another one only for Events of `events.k8s.io`.
    pub(crate) stored_as: GroupResource,
    /// The kind of one object.
    pub(crate) kind: String,
    /// The kind of a list of them.
    pub(crate) list_kind: String,
    /// The name of one of them, in lower case.
    pub(crate) singular: String,
    /// Short names that `kubectl` expands.
    pub(crate) short_names: Vec<String>,
    /// Groups of resources such as `all`.
    pub(crate) categories: Vec<String>,
    /// Whether its objects are in namespaces.
    pub(crate) namespaced: bool,
    /// The served versions, best first.
    pub(crate) versions: Vec<String>,
    /// The version in which objects are kept.
    pub(crate) hub: String,
    /// Its subresources.
    pub(crate) subresources: Vec<String>,
    /// What may be done with it.
    pub(crate) verbs: Verbs,
    /// What a CustomResourceDefinition says of it, if it comes from one.
    pub(crate) custom: Option<Arc<Custom>>,
}

/// What only custom resources have.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    /// The schema of each version.
    pub(crate) schemas: BTreeMap<String, Schema>,
    /// Paths of fields by which a version's objects can be selected.
    pub(crate) selectable_fields: BTreeMap<String, Vec<String>>,
    /// `additionalPrinterColumns` of each version.
    pub(crate) columns: BTreeMap<String, Vec<Value>>,
    /// `subresources` of each version.
    pub(crate) subresources: BTreeMap<String, Value>,
}

/// What may be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbs {
    /// Everything that objects can be.
    All,
    /// It is only ever created and never kept: reviews, bindings.
    Create,
}

impl Verbs {
    /// The names, as discovery lists them.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ],
            Self::Create => &["create"],
        }
    }
}

impl Served {
    /// The apiVersion of its objects in that version.
    pub(crate) fn api_version(&self, version: &str) -> String {
        api_version(&self.of.group, version)
    }

    /// The apiVersion in which objects are kept.
    pub(crate) fn hub_api_version(&self) -> String {
        api_version(&self.stored_as.group, &self.hub)
    }

    /// The schema of its objects in that version.
    pub(crate) fn schema(&self, minor: u32, version: &str) -> Option<Schema> {
        match &self.custom {
            Some(custom) => custom.schemas.get(version).cloned(),
            None => Schema::builtin(minor, &self.api_version(version), &self.kind),
        }
    }

    /// Whether it has that subresource.
    pub(crate) fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|own| own == subresource)
    }

    /// Whether its objects are kept, and not only ever created.
    pub(crate) fn is_kept(&self) -> bool {
        self.verbs == Verbs::All
    }

    /// The subresources of a version.
    pub(crate) fn subresources_in(&self, version: &str) -> impl Iterator<Item = &str> {
        let custom = self
            .custom
            .as_ref()
            .map(|custom| custom.subresources.get(version));
        self.subresources
            .iter()
            .map(String::as_str)
            .filter(move |subresource| {
                custom.is_none_or(|own| own.is_some_and(|own| own[*subresource].is_object()))
            })
    }

    /// Whether it has that subresource in that version.
    pub(crate) fn has_in(&self, subresource: &str, version: &str) -> bool {
        self.subresources_in(version).any(|own| own == subresource)
    }

    /// Whether writes of the object leave its status alone.
    pub(crate) fn has_status(&self) -> bool {
        self.has("status")
    }
}

/// `group/version`, or only the version for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// The group and the version of an apiVersion.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Everything that is served.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    by_resource: BTreeMap<GroupResource, Arc<Served>>,
}

impl Catalog {
    /// What that minor version of Kubernetes serves by itself.
    pub(crate) fn builtin(minor: u32, gates: Gates) -> Self {
        Self {
            by_resource: builtin::served(minor, gates)
                .into_iter()
                .map(|served| (served.of.clone(), Arc::new(served)))
                .collect(),
        }
    }

    /// What is served under that group and plural.
    pub(crate) fn get(&self, of: &GroupResource) -> Option<&Arc<Served>> {
        self.by_resource.get(of)
    }

    /// What is served under that group, version and plural.
    pub(crate) fn find(&self, group: &str, version: &str, resource: &str) -> Option<&Arc<Served>> {
        let of = GroupResource {
            group: group.to_owned().into(),
            resource: resource.to_owned().into(),
        };
        self.get(&of)
            .filter(|served| served.versions.iter().any(|own| own == version))
    }

    /// What is served as that kind. In process the hub version is understood also where it is not served.
    pub(crate) fn by_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<Served>> {
        let (group, version) = split_api_version(api_version);
        self.by_resource.values().find(|served| {
            served.of.group == group
                && served.kind == kind
                && (served.hub == version || served.versions.iter().any(|own| own == version))
                && served.verbs == Verbs::All
        })
    }

    /// All of it, sorted by group and plural.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.by_resource.values()
    }

    /// Serves a custom resource from now on.
    pub(crate) fn insert(&mut self, served: Served) {
        self.by_resource.insert(served.of.clone(), Arc::new(served));
    }

    /// Ends serving a custom resource.
    pub(crate) fn remove(&mut self, of: &GroupResource) {
        self.by_resource.remove(of);
    }
}
