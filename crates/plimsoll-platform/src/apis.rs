//! What the API server serves.

use std::collections::BTreeMap;

use kube::{Client, core::ApiResource};

use crate::platform::ApiError;

/// The served groups, versions and kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apis {
    groups: BTreeMap<String, Vec<Version>>,
}

/// One version of a group, in the server's order of preference.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    name: String,
    stale: bool,
    kinds: Vec<Kind>,
}

/// One kind of a version.
#[derive(Clone, Debug, PartialEq)]
struct Kind {
    resource: ApiResource,
    namespaced: bool,
    verbs: Vec<String>,
}

impl Apis {
    pub(crate) async fn discover(client: &Client) -> Result<Self, ApiError> {
        let failed = |source| ApiError::new("discover what is served", source);
        let (core, groups) = tokio::try_join!(
            client.list_core_api_versions_aggregated(),
            client.list_api_groups_aggregated()
        )
        .map_err(failed)?;
        let mut apis = Self::default();
        for group in core.items.into_iter().chain(groups.items) {
            let name = group.metadata.and_then(|meta| meta.name).unwrap_or_default();
            let versions = group
                .versions
                .into_iter()
                .map(|version| Version::new(&name, version))
                .collect();
            apis.groups.insert(name, versions);
        }
        Ok(apis)
    }

    /// The kind in the first of the preferred versions that serves it; without preferences, in the server's.
    #[must_use]
    pub fn resource(&self, group: &str, kind: &str, versions_preferred: &[&str]) -> Option<ApiResource> {
        let versions = self.groups.get(group)?;
        let find = |version: &Version| {
            version
                .kinds
                .iter()
                .find(|served| served.resource.kind == kind)
                .map(|served| served.resource.clone())
        };
        if versions_preferred.is_empty() {
            return versions.iter().find_map(find);
        }
        versions_preferred.iter().find_map(|wanted| {
            versions
                .iter()
                .filter(|version| version.name == *wanted)
                .find_map(find)
        })
    }

    /// The versions of a group, the server's preferred one first; empty when it is not served.
    #[must_use]
    pub fn versions(&self, group: &str) -> Vec<&str> {
        self.groups
            .get(group)
            .into_iter()
            .flatten()
            .map(|version| version.name.as_str())
            .collect()
    }

    /// The served groups, by name; the core group is empty.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The kinds of a version of a group, by name.
    #[must_use]
    pub fn kinds(&self, group: &str, version: &str) -> Vec<&str> {
        self.groups
            .get(group)
            .into_iter()
            .flatten()
            .filter(|served| served.name == version)
            .flat_map(|served| &served.kinds)
            .map(|kind| kind.resource.kind.as_str())
            .collect()
    }

    /// Whether objects of this kind live in a namespace; `None` when it is not served.
    #[must_use]
    pub fn is_namespaced(&self, api_version: &str, kind: &str) -> Option<bool> {
        self.all()
            .find(|served| served.resource.api_version == api_version && served.resource.kind == kind)
            .map(|served| served.namespaced)
    }

    /// The kind as a manifest names it.
    #[must_use]
    pub fn named(&self, api_version: &str, kind: &str) -> Option<ApiResource> {
        self.all()
            .find(|served| served.resource.api_version == api_version && served.resource.kind == kind)
            .map(|served| served.resource.clone())
    }

    /// The kind of that plural in the group's preferred version, and whether its objects live in a namespace.
    #[must_use]
    pub fn plural(&self, group: &str, plural: &str) -> Option<(ApiResource, bool)> {
        let versions = self.groups.get(group)?;
        versions
            .iter()
            .flat_map(|version| &version.kinds)
            .find(|served| served.resource.plural == plural)
            .map(|served| (served.resource.clone(), served.namespaced))
    }

    /// Group versions whose server does not answer at present (a dead APIService).
    #[must_use]
    pub fn stale(&self) -> Vec<String> {
        self.groups
            .iter()
            .flat_map(|(group, versions)| {
                versions
                    .iter()
                    .filter(|version| version.stale)
                    .map(move |version| format!("{group}/{}", version.name))
            })
            .collect()
    }

    /// Kinds outside of namespaces that can be listed and deleted, in each group's preferred version.
    pub(crate) fn cluster_scoped(&self) -> Vec<ApiResource> {
        let mut kinds: BTreeMap<(&str, &str), &ApiResource> = BTreeMap::new();
        for (group, versions) in &self.groups {
            for kind in versions
                .iter()
                .filter(|version| !version.stale)
                .flat_map(|version| &version.kinds)
            {
                let can = |verb: &str| kind.verbs.iter().any(|can| can == verb);
                if !kind.namespaced && can("list") && can("delete") {
                    kinds
                        .entry((group, &kind.resource.plural))
                        .or_insert(&kind.resource);
                }
            }
        }
        kinds.into_values().cloned().collect()
    }

    fn all(&self) -> impl Iterator<Item = &Kind> {
        self.groups.values().flatten().flat_map(|version| &version.kinds)
    }
}

impl Version {
    fn new(group: &str, version: kube::client::APIVersionDiscovery) -> Self {
        let name = version.version.unwrap_or_default();
        let api_version = if group.is_empty() {
            name.clone()
        } else {
            format!("{group}/{name}")
        };
        let kinds = version
            .resources
            .into_iter()
            .filter_map(|resource| {
                Some(Kind {
                    resource: ApiResource {
                        group: group.to_owned(),
                        version: name.clone(),
                        api_version: api_version.clone(),
                        kind: resource.response_kind?.kind?,
                        plural: resource.resource?,
                    },
                    namespaced: resource.scope.as_deref() == Some("Namespaced"),
                    verbs: resource.verbs,
                })
            })
            .collect();
        Self {
            name,
            stale: version.freshness.as_deref() == Some("Stale"),
            kinds,
        }
    }
}
