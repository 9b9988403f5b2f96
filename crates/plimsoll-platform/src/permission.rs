//! What a run may do on the cluster: declared by checks, asked for before anything is created, and printed as
//! the least ClusterRole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::{Api, Client, api::PostParams};
use serde::Serialize;
use serde_json::{Value, json};

use crate::platform::ApiError;

/// One thing a check does on the cluster. Made in constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Permission {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, in the plural.
    pub resource: &'static str,
    /// The subresource, such as `log`.
    pub subresource: Option<&'static str>,
    /// What is done with it.
    pub verbs: &'static [Verb],
    /// Where.
    pub scope: Scope,
    /// The only names it is done with; empty for any.
    pub names: &'static [&'static str],
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the API's own verbs")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

/// Where something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// On cluster-scoped objects, or across all namespaces.
    Cluster,
    /// In namespaces that the run created.
    OwnNamespaces,
}

const READ: &[Verb] = &[Verb::Get, Verb::List, Verb::Watch];
const WRITE: &[Verb] = &[
    Verb::Get,
    Verb::List,
    Verb::Watch,
    Verb::Create,
    Verb::Patch,
    Verb::Delete,
];

impl Permission {
    /// Reading a resource everywhere.
    #[must_use]
    pub const fn read(group: &'static str, resource: &'static str) -> Self {
        Self {
            group,
            resource,
            subresource: None,
            verbs: READ,
            scope: Scope::Cluster,
            names: &[],
        }
    }

    /// Reading a resource in own namespaces.
    #[must_use]
    pub const fn read_own(group: &'static str, resource: &'static str) -> Self {
        Self {
            group,
            resource,
            subresource: None,
            verbs: READ,
            scope: Scope::OwnNamespaces,
            names: &[],
        }
    }

    /// Creating, changing, watching and deleting a resource in own namespaces.
    #[must_use]
    pub const fn own(group: &'static str, resource: &'static str) -> Self {
        Self {
            group,
            resource,
            subresource: None,
            verbs: WRITE,
            scope: Scope::OwnNamespaces,
            names: &[],
        }
    }

    /// Creating, watching and deleting cluster-scoped objects of the run.
    #[must_use]
    pub const fn own_cluster_scoped(group: &'static str, resource: &'static str) -> Self {
        Self {
            group,
            resource,
            subresource: None,
            verbs: WRITE,
            scope: Scope::Cluster,
            names: &[],
        }
    }

    /// The same on a subresource.
    #[must_use]
    pub const fn subresource(self, subresource: &'static str) -> Self {
        Self {
            subresource: Some(subresource),
            ..self
        }
    }

    /// The same with exactly these verbs.
    #[must_use]
    pub const fn verbs(self, verbs: &'static [Verb]) -> Self {
        Self { verbs, ..self }
    }

    /// The same on these names only.
    #[must_use]
    pub const fn names(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    /// The resource as rules name it, such as `pods/log`.
    #[must_use]
    pub fn full_resource(&self) -> String {
        match self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource),
            None => self.resource.to_owned(),
        }
    }
}

/// As one would grant it: verbs, resource with its group, and where.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs: Vec<&str> = self.verbs.iter().map(|verb| verb.as_str()).collect();
        write!(f, "{} {}", verbs.join(","), self.full_resource())?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        f.write_str(match self.scope {
            Scope::Cluster => " in the whole cluster",
            Scope::OwnNamespaces => " in own namespaces",
        })
    }
}

/// What every run needs, whatever its checks.
pub const EVERY_RUN: &[Permission] = &[
    Permission::own_cluster_scoped("", "namespaces"),
    Permission::own("", "pods").verbs(&[
        Verb::Get,
        Verb::List,
        Verb::Watch,
        Verb::Create,
        Verb::Patch,
        Verb::Delete,
        Verb::DeleteCollection,
    ]),
    Permission::own("", "pods").subresource("log").verbs(&[Verb::Get]),
    Permission::own("", "configmaps"),
    Permission::own("", "services"),
    Permission::own("", "serviceaccounts"),
    Permission::own("batch", "jobs"),
    Permission::own("coordination.k8s.io", "leases"),
    Permission::read_own("", "events"),
    Permission::read_own("discovery.k8s.io", "endpointslices"),
    Permission::read("", "nodes"),
    Permission::read("", "pods").verbs(&[Verb::List]),
    Permission::read("apps", "deployments").verbs(&[Verb::List]),
    Permission::read("apps", "daemonsets").verbs(&[Verb::List]),
    Permission::read("apps", "statefulsets").verbs(&[Verb::List]),
    Permission::read("node.k8s.io", "runtimeclasses"),
    Permission::read("storage.k8s.io", "storageclasses"),
    Permission::read("gateway.networking.k8s.io", "gatewayclasses").verbs(&[Verb::List]),
    Permission::read("apiregistration.k8s.io", "apiservices"),
    Permission::read("resource.k8s.io", "deviceclasses"),
    Permission::read("resource.k8s.io", "resourceslices"),
    Permission::read("resource.k8s.io", "resourceclaims").verbs(&[Verb::List]),
];

impl Verb {
    /// The verb as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// This verb alone.
    fn alone(self) -> &'static [Self] {
        match self {
            Self::Get => &[Self::Get],
            Self::List => &[Self::List],
            Self::Watch => &[Self::Watch],
            Self::Create => &[Self::Create],
            Self::Update => &[Self::Update],
            Self::Patch => &[Self::Patch],
            Self::Delete => &[Self::Delete],
            Self::DeleteCollection => &[Self::DeleteCollection],
        }
    }
}

/// The least ClusterRole that grants the permissions: merged and sorted, so that equal needs print equal.
#[must_use]
pub fn cluster_role(permissions: &[Permission]) -> Value {
    let mut verbs: BTreeMap<(&str, String, &[&str]), BTreeSet<Verb>> = BTreeMap::new();
    for permission in permissions {
        verbs
            .entry((permission.group, permission.full_resource(), permission.names))
            .or_default()
            .extend(permission.verbs);
    }
    // What is granted for any name need not be granted for some.
    let unnamed: BTreeMap<(&str, String), BTreeSet<Verb>> = verbs
        .iter()
        .filter(|((_, _, names), _)| names.is_empty())
        .map(|((group, resource, _), verbs)| ((*group, resource.clone()), verbs.clone()))
        .collect();
    type Rules<'a> = BTreeMap<(&'a str, &'a [&'a str], BTreeSet<Verb>), Vec<String>>;
    let mut rules: Rules<'_> = BTreeMap::new();
    for ((group, resource, names), mut verbs) in verbs {
        if !names.is_empty()
            && let Some(granted) = unnamed.get(&(group, resource.clone()))
        {
            verbs.retain(|verb| !granted.contains(verb));
        }
        if !verbs.is_empty() {
            rules.entry((group, names, verbs)).or_default().push(resource);
        }
    }
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|((group, names, verbs), resources)| {
            let verbs: Vec<&str> = verbs.into_iter().map(Verb::as_str).collect();
            let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
            if !names.is_empty() {
                rule["resourceNames"] = json!(names);
            }
            rule
        })
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "plimsoll"},
        "rules": rules,
    })
}

/// How many reviews are asked for at a time.
const REVIEWS: usize = 16;

/// Which of the permissions are missing, one verb each.
///
/// One rules review answers most; what it does not show is asked for one by one, since not every authoriser
/// can list its rules.
pub(crate) async fn missing(
    client: &Client,
    permissions: &[Permission],
) -> Result<Vec<Permission>, ApiError> {
    let rules = rules(client).await.unwrap_or_default();
    let doubtful: BTreeSet<Permission> = permissions
        .iter()
        .flat_map(|permission| permission.verbs.iter().map(|verb| permission.verbs(verb.alone())))
        .filter(|permission| !rules.iter().any(|rule| grants(rule, permission)))
        .collect();
    stream::iter(doubtful)
        .map(|permission| async move {
            let allowed = review(client, &permission).await?;
            Ok((!allowed).then_some(permission))
        })
        .buffered(REVIEWS)
        .try_filter_map(|missing| std::future::ready(Ok(missing)))
        .try_collect()
        .await
}

/// The rules that hold in a namespace nobody made for us, so those that hold in any.
async fn rules(client: &Client) -> Result<Vec<ResourceRule>, kube::Error> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec {
            namespace: Some("plimsoll".to_owned()),
        },
        ..SelfSubjectRulesReview::default()
    };
    let answer = Api::all(client.clone())
        .create(&PostParams::default(), &review)
        .await?;
    Ok(answer
        .status
        .map(|status| status.resource_rules)
        .unwrap_or_default())
}

fn grants(rule: &ResourceRule, permission: &Permission) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
    let list =
        |list: &Option<Vec<String>>, wanted: &str| list.as_deref().is_some_and(|list| has(list, wanted));
    let names = rule.resource_names.as_deref().unwrap_or_default();
    let named = names.is_empty()
        || (!permission.names.is_empty() && permission.names.iter().all(|name| has(names, name)));
    let verbs = permission
        .verbs
        .iter()
        .all(|verb| has(&rule.verbs, verb.as_str()));
    verbs
        && named
        && list(&rule.api_groups, permission.group)
        && list(&rule.resources, &permission.full_resource())
}

/// Asks for one verb, in all namespaces.
async fn review(client: &Client, permission: &Permission) -> Result<bool, ApiError> {
    let names: Vec<Option<&str>> = match permission.names {
        [] => vec![None],
        names => names.iter().copied().map(Some).collect(),
    };
    for name in names {
        let attributes = ResourceAttributes {
            group: Some(permission.group.to_owned()),
            resource: Some(permission.resource.to_owned()),
            subresource: permission.subresource.map(str::to_owned),
            verb: permission.verbs.first().map(|verb| verb.as_str().to_owned()),
            name: name.map(str::to_owned),
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = Api::all(client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|source| ApiError::new("ask what we may do", source))?;
        if !answer.status.is_some_and(|status| status.allowed) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
