//! What an object uses, by the names that quotas bound.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    GroupResource, Quantity,
    policy::{
        View,
        admission::tolerations::is_extended,
        cached::Cached,
        fields::{items, meta, text},
        pods::{self, Amounts, Side},
    },
    resources,
};

const PER_CLASS: &str = ".deviceclass.resource.k8s.io/devices";
const IMPLICIT: &str = "requests.deviceclass.resource.kubernetes.io/";
const PER_STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// How many devices a request for all of them is taken for.
const ALL_DEVICES: i64 = 32;

/// The minor version since which devices behind an extended resource's name count as such.
const EXTENDED_SINCE: u32 = 36;

const OF_PODS: &[&str] = &[
    "count/pods",
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// Kinds that were counted under a name of their own before others were.
const OLD_NAMES: &[GroupResource] = &[
    resources::CONFIG_MAPS,
    resources::RESOURCE_QUOTAS,
    resources::REPLICATION_CONTROLLERS,
    resources::SECRETS,
];

/// How a kind is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracked {
    Pods,
    Services,
    Storage,
    Devices,
    /// By how many there are.
    Count,
}

impl Tracked {
    pub(super) fn of(of: &GroupResource) -> Self {
        if *of == resources::PODS {
            Self::Pods
        } else if *of == resources::SERVICES {
            Self::Services
        } else if *of == resources::PERSISTENT_VOLUME_CLAIMS {
            Self::Storage
        } else if *of == resources::RESOURCE_CLAIMS {
            Self::Devices
        } else {
            Self::Count
        }
    }
}

/// Which DeviceClass has which extended resource.
#[derive(Debug, Default)]
struct Classes {
    resource_of: BTreeMap<String, String>,
    resources: BTreeSet<String>,
}

/// Measures objects.
#[derive(Debug)]
pub(super) struct Meter {
    minor: u32,
    classes: Cached<Classes>,
}

impl Meter {
    pub(super) fn new(minor: u32) -> Self {
        Self {
            minor,
            classes: Cached::of(vec![resources::DEVICE_CLASSES]),
        }
    }

    /// Those of the names that objects of a collection can use, sorted.
    pub(super) fn tracked_by<'a>(
        &self,
        view: &dyn View,
        of: &GroupResource,
        names: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let tracked = Tracked::of(of);
        let count = count_name(of);
        let names: BTreeSet<&str> = names
            .filter(|name| *name == count || self.has(view, tracked, of, name))
            .collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn has(&self, view: &dyn View, tracked: Tracked, of: &GroupResource, name: &str) -> bool {
        match tracked {
            Tracked::Pods => {
                OF_PODS.contains(&name)
                    || name.starts_with("hugepages-")
                    || name.starts_with("requests.hugepages-")
                    || name.starts_with(IMPLICIT)
                    || name.strip_prefix("requests.").is_some_and(is_extended)
            }
            Tracked::Services => matches!(name, "services" | "services.nodeports" | "services.loadbalancers"),
            Tracked::Storage => {
                let plain = |name: &str| matches!(name, "persistentvolumeclaims" | "requests.storage");
                plain(name)
                    || name
                        .split_once(PER_STORAGE_CLASS)
                        .is_some_and(|(_, name)| plain(name))
            }
            Tracked::Devices => {
                if name.ends_with(PER_CLASS) {
                    return true;
                }
                if self.minor < EXTENDED_SINCE {
                    return false;
                }
                let classes = self.classes(view);
                name.strip_prefix(IMPLICIT)
                    .is_some_and(|class| classes.resource_of.contains_key(class))
                    || name
                        .strip_prefix("requests.")
                        .is_some_and(|name| classes.resources.contains(name))
            }
            Tracked::Count => OLD_NAMES.contains(of) && name == of.resource,
        }
    }

    /// The collections that use one of the names.
    pub(super) fn collections<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeSet<GroupResource> {
        let mut all: BTreeSet<GroupResource> = [
            resources::PODS,
            resources::SERVICES,
            resources::PERSISTENT_VOLUME_CLAIMS,
            resources::RESOURCE_CLAIMS,
        ]
        .into();
        all.extend(OLD_NAMES.iter().cloned());
        all.extend(names.filter_map(|name| {
            let name = name.strip_prefix("count/")?;
            let (resource, group) = name.split_once('.').unwrap_or((name, ""));
            Some(GroupResource {
                group: group.to_owned().into(),
                resource: resource.to_owned().into(),
            })
        }));
        all
    }

    /// Whether what objects of that collection use depends on other objects, so that only counting anew is right.
    pub(super) fn depends_on_others<'a>(
        &self,
        of: &GroupResource,
        mut names: impl Iterator<Item = &'a str>,
    ) -> bool {
        let concerned = *of == resources::PODS || *of == resources::RESOURCE_CLAIMS;
        self.minor >= EXTENDED_SINCE
            && concerned
            && names.any(|name| {
                name.starts_with(IMPLICIT) || name.strip_prefix("requests.").is_some_and(is_extended)
            })
    }

    /// What an object uses.
    pub(super) fn usage(&self, view: &dyn View, of: &GroupResource, object: &Value) -> Amounts {
        let mut usage = match Tracked::of(of) {
            Tracked::Pods => of_pod(object),
            Tracked::Services => of_service(object),
            Tracked::Storage => of_storage(object),
            Tracked::Devices => self.of_claim(view, object),
            Tracked::Count if OLD_NAMES.contains(of) => {
                Amounts::from([(of.resource.to_string(), Quantity::whole(1))])
            }
            Tracked::Count => Amounts::new(),
        };
        usage.insert(count_name(of), Quantity::whole(1));
        usage
    }

    fn classes(&self, view: &dyn View) -> std::sync::Arc<Classes> {
        self.classes.get(view, || {
            let mut classes = Classes::default();
            for class in view.list(&resources::DEVICE_CLASSES, None) {
                if let Some(resource) = class["spec"]["extendedResourceName"].as_str() {
                    classes.resources.insert(resource.to_owned());
                    classes
                        .resource_of
                        .insert(meta(&class, "name").to_owned(), resource.to_owned());
                }
            }
            classes
        })
    }

    fn of_claim(&self, view: &dyn View, claim: &Value) -> Amounts {
        let mut devices: BTreeMap<String, i64> = BTreeMap::new();
        for request in items(&claim["spec"]["devices"], "requests") {
            let mut most: BTreeMap<&str, i64> = BTreeMap::new();
            let alternatives: Vec<&Value> = match request["exactly"].is_object() {
                true => vec![&request["exactly"]],
                // Of alternatives, whichever takes most of a class.
                false => items(request, "firstAvailable").collect(),
            };
            for part in alternatives {
                let count = match part["allocationMode"].as_str() {
                    None | Some("ExactCount") => part["count"].as_i64().unwrap_or(1),
                    Some("All") => ALL_DEVICES,
                    Some(_) => 0,
                };
                let own = most.entry(text(part, "deviceClassName")).or_default();
                *own = (*own).max(count);
            }
            for (class, count) in most {
                *devices.entry(class.to_owned()).or_default() += count;
            }
        }
        let mut usage: Amounts = devices
            .iter()
            .map(|(class, count)| (format!("{class}{PER_CLASS}"), Quantity::whole(*count)))
            .collect();
        if self.minor >= EXTENDED_SINCE {
            let paid = paid_by_pod(view, claim);
            let classes = self.classes(view);
            for (class, count) in devices {
                let names = [
                    Some(format!("{IMPLICIT}{class}")),
                    classes
                        .resource_of
                        .get(&class)
                        .map(|name| format!("requests.{name}")),
                ];
                for name in names.into_iter().flatten() {
                    let left = Quantity::whole(count) - paid.get(&name).copied().unwrap_or_default();
                    if left > Quantity::ZERO {
                        usage.insert(name, left);
                    }
                }
            }
        }
        usage
    }
}

fn count_name(of: &GroupResource) -> String {
    format!("count/{of}")
}

fn of_pod(pod: &Value) -> Amounts {
    let mut usage = Amounts::new();
    if matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
        return usage;
    }
    usage.insert("pods".to_owned(), Quantity::whole(1));
    for (name, amount) in pods::of_pod(&pod["spec"], Side::Requests) {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-") {
            usage.insert(format!("requests.{name}"), amount);
            usage.insert(name, amount);
        } else if is_extended(&name) || name.starts_with("deviceclass.resource.kubernetes.io/") {
            usage.insert(format!("requests.{name}"), amount);
        }
    }
    for (name, amount) in pods::of_pod(&pod["spec"], Side::Limits) {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            usage.insert(format!("limits.{name}"), amount);
        }
    }
    usage
}

fn of_service(service: &Value) -> Amounts {
    let spec = &service["spec"];
    let ports = items(spec, "ports").count();
    let explicit = items(spec, "ports")
        .filter(|port| port["nodePort"].as_i64().is_some_and(|port| port != 0))
        .count();
    let (node_ports, balancers) = match text(spec, "type") {
        "NodePort" => (ports, 0),
        "LoadBalancer" if spec["allocateLoadBalancerNodePorts"] == false => (explicit, 1),
        "LoadBalancer" => (ports, 1),
        _ => (0, 0),
    };
    let whole = |count: usize| Quantity::whole(i64::try_from(count).unwrap_or(i64::MAX));
    Amounts::from([
        ("services".to_owned(), whole(1)),
        ("services.nodeports".to_owned(), whole(node_ports)),
        ("services.loadbalancers".to_owned(), whole(balancers)),
    ])
}

fn of_storage(claim: &Value) -> Amounts {
    let mut usage = Amounts::from([("persistentvolumeclaims".to_owned(), Quantity::whole(1))]);
    if let Some(asked) = Quantity::read(&claim["spec"]["resources"]["requests"]["storage"]) {
        let allocated = Quantity::read(&claim["status"]["allocatedResources"]["storage"]);
        let most = asked.max(allocated.unwrap_or_default());
        usage.insert("requests.storage".to_owned(), most.rounded_up());
    }
    let old_name = claim["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].as_str();
    let class = old_name
        .or(claim["spec"]["storageClassName"].as_str())
        .unwrap_or_default();
    if !class.is_empty() {
        let of_class: Vec<(String, Quantity)> = usage
            .iter()
            .map(|(name, amount)| (format!("{class}{PER_STORAGE_CLASS}{name}"), *amount))
            .collect();
        usage.extend(of_class);
    }
    usage
}

/// What the pod has paid for, if the claim was made for the extended resources that it asks for.
fn paid_by_pod(view: &dyn View, claim: &Value) -> Amounts {
    pod_of(view, claim).map(|pod| of_pod(&pod)).unwrap_or_default()
}

fn pod_of(view: &dyn View, claim: &Value) -> Option<std::sync::Arc<Value>> {
    const MADE_FOR_POD: &str = "resource.kubernetes.io/extended-resource-claim";
    let marked = |claim: &Value| claim["metadata"]["annotations"][MADE_FOR_POD] == "true";
    if !marked(claim) {
        return None;
    }
    let controller = |claim: &Value| {
        items(&claim["metadata"], "ownerReferences")
            .find(|owner| owner["controller"] == true)
            .cloned()
    };
    let owner = controller(claim)?;
    if text(&owner, "kind") != "Pod" || text(&owner, "apiVersion") != "v1" {
        return None;
    }
    let namespace = Some(meta(claim, "namespace"));
    let pod = view.get(&resources::PODS, namespace, text(&owner, "name"))?;
    if pod["metadata"]["uid"] != owner["uid"] {
        return None;
    }
    let named = &pod["status"]["extendedResourceClaimStatus"]["resourceClaimName"];
    if !named.is_null() {
        return (*named == meta(claim, "name")).then_some(pod);
    }
    // The pod doesn't say which: it pays for its first one.
    let age = |claim: &Value| {
        let created = match meta(claim, "creationTimestamp") {
            // One that is being made is younger than all that are there.
            "" => "~".to_owned(),
            created => created.to_owned(),
        };
        (created, meta(claim, "name").to_owned())
    };
    let own = age(claim);
    let earlier = view
        .list(&resources::RESOURCE_CLAIMS, namespace)
        .iter()
        .any(|other| {
            marked(other)
                && controller(other).is_some_and(|other| other["uid"] == owner["uid"])
                && age(other) < own
        });
    (!earlier).then_some(pod)
}
