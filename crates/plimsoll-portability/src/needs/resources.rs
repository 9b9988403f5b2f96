//! Accelerators asked for by the name of a resource.

use std::sync::Arc;

use plimsoll_vendors::Vendor;

use super::{Case, Demand, Outcome, Subject, vendors};
use crate::{
    change::Edit,
    devices::{self, Offer},
    need::{Fit, Need, NeedKind, look},
    node::Step,
    pods::PodSet,
};

/// Devices by the name of a resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Which pods.
    pub(super) set: usize,
    /// The resource.
    name: String,
    /// How many a pod.
    pub(super) count: u64,
    /// The ways to the resources of containers that ask for it, each with how many.
    containers: Vec<(Vec<Step>, u64)>,
}

/// The resource that stands for a class itself.
const OF_CLASS: &str = "deviceclass.resource.kubernetes.io/";

/// Whether a resource is one that nodes offer beyond what Kubernetes knows.
pub(super) fn is_extended(name: &str) -> bool {
    let Some((domain, _)) = name.split_once('/') else {
        return false;
    };
    name.starts_with(OF_CLASS) || !(domain == "kubernetes.io" || domain.ends_with(".kubernetes.io"))
}

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    for (index, set) in subject.workload.pods.iter().enumerate() {
        for (name, asked) in set.resources(root) {
            if !is_extended(&name) || super::networks::is_network(&name) || asked.milli == 0 {
                continue;
            }
            let count = asked.milli.div_ceil(1000);
            let containers = set
                .containers
                .iter()
                .filter_map(|container| {
                    let resources = look(root, &container.path)?.get(container.resources);
                    let count = ["limits", "requests"]
                        .iter()
                        .find_map(|list| resources.get(list).get(&name).whole())?;
                    let mut path = container.path.clone();
                    path.push(Step::Key(container.resources.to_owned()));
                    Some((path, count))
                })
                .collect();
            let vendor = Vendor::by_resource(&name).map_or("unknown vendor", |vendor| vendor.name.as_str());
            let kind = if is_part(&name) {
                NeedKind::Partition
            } else {
                NeedKind::Accelerator
            };
            let demand = Demand::Resource(Resource {
                set: index,
                name: name.clone(),
                count,
                containers,
            });
            let what = format!("{}{count} × `{name}` a pod ({vendor})", pods(set));
            needs.push(subject.need(kind, what, set.document, &asked.path, demand));
        }
    }
}

/// `4 pods of worker: `, where there is something to tell apart.
pub(super) fn pods(set: &PodSet) -> String {
    match (set.role.as_str(), set.count) {
        ("", 1) => String::new(),
        ("", count) => format!("{count} pods: "),
        (role, count) => format!("{count} × {role}: "),
    }
}

/// Whether a resource is a part of a device, or a device that others use, too.
fn is_part(name: &str) -> bool {
    let own = name.rsplit('/').next().unwrap_or_default();
    own.starts_with("mig-") || own.ends_with(".shared") || own.contains("_nps")
}

pub(super) fn fit(case: Case<'_>, need: &Need, resource: &Resource) -> Outcome {
    let platform = case.platform;
    let plugin = devices::by_resource(platform, &resource.name);
    if plugin.most() >= resource.count {
        let proof = platform.proof(
            "secure_accelerator_access",
            &["X1"],
            &format!("device-plugin/{}", resource.name),
        );
        let because = told(&plugin, &format!("`{}` of a device plugin", resource.name));
        return Outcome {
            fit: Fit::Surveyed(because).judged(proof),
            offer: Some(plugin),
        };
    }
    let class = resource.name.strip_prefix(OF_CLASS).or_else(|| {
        let classes = &platform.facts.device_classes;
        classes
            .iter()
            .find(|class| class.extended_resource.as_deref() == Some(&resource.name))
            .map(|class| class.name.as_str())
    });
    if let Some(class) = class {
        let offer = devices::by_class(platform, Some(class), &[]);
        if offer.most() >= resource.count {
            let proof = platform.proof("dra_support", &["D3"], &format!("dra/{class}"));
            let because = told(
                &offer,
                &format!("DeviceClass `{class}` behind `{}`", resource.name),
            );
            return Outcome {
                fit: Fit::Surveyed(because).judged(proof),
                offer: Some(offer),
            };
        }
    }
    let most = plugin.most();
    if most > 0 {
        return lacking(
            case,
            format!(
                "no node has {} × `{}`: at most {most}",
                resource.count, resource.name
            ),
        );
    }
    otherwise(case, need, resource)
}

/// Other ways to the same, or to the like.
fn otherwise(case: Case<'_>, need: &Need, resource: &Resource) -> Outcome {
    let vendor = Vendor::by_resource(&resource.name);
    let found = &case.platform.facts.accelerators;
    let mut reasons = Vec::new();
    let mut told_apart: Vec<(Option<&'static Vendor>, &str)> = found
        .iter()
        .map(|found| {
            let vendor = found.vendor.as_deref().and_then(|id| Vendor::by_id(id).ok());
            (vendor, found.path.as_str())
        })
        .collect();
    told_apart.sort_by_key(|(of, path)| (of.map(|of| &of.id) != vendor.map(|vendor| &vendor.id), *path));
    told_apart.dedup_by_key(|(_, path)| *path);
    let mut unknown = None;
    for (of, path) in told_apart {
        let Some(of) = of else { continue };
        let same = vendor.is_some_and(|vendor| vendor.id == of.id);
        if !same {
            let set = &case.subject.workload.pods[resource.set];
            match vendors::portable(case.subject, set, of) {
                vendors::Portable::Yes => {}
                vendors::Portable::No(why) => {
                    reasons.push(format!("it has {}, but {why}", of.name));
                    continue;
                }
                vendors::Portable::Unknown => {
                    unknown.get_or_insert_with(|| vendors::undeclared(of));
                    continue;
                }
            }
        }
        let outcome = match path.split_once('/') {
            Some(("dra", class)) => by_claim(case, need, resource, of, class),
            Some(("device-plugin", name)) => by_other_name(case, need, resource, name),
            _ => None,
        };
        match outcome {
            Some(outcome) if matches!(outcome.fit, Fit::Unknown(_)) => {
                unknown = Some(outcome.fit.because().to_owned())
            }
            Some(outcome) => return outcome,
            None => {}
        }
    }
    if let Some(why) = unknown {
        return Fit::Unknown(format!("`{}` is not there; {why}", resource.name)).into();
    }
    if let Some(why) = case.platform.blind("resource.k8s.io") {
        return Fit::Unknown(format!(
            "`{}` is not there as a device plugin's, and {why}",
            resource.name
        ))
        .into();
    }
    reasons.sort();
    reasons.dedup();
    let reasons: String = reasons.iter().map(|reason| format!("; {reason}")).collect();
    lacking(case, format!("no node has `{}`{reasons}", resource.name))
}

/// What is not there may still come with a new node.
pub(super) fn lacking(case: Case<'_>, what: String) -> Outcome {
    match case.platform.scales_nodes() {
        Some(scaler) => Fit::Unknown(format!(
            "{what}; {scaler} may add nodes, but a survey does not see which"
        ))
        .into(),
        None => Fit::Unmet(what).into(),
    }
}

fn by_other_name(case: Case<'_>, need: &Need, resource: &Resource, name: &str) -> Option<Outcome> {
    // A part is never as much as what was asked for.
    if is_part(name) && !is_part(&resource.name) {
        return None;
    }
    let offer = devices::by_resource(case.platform, name);
    if offer.most() < resource.count {
        return None;
    }
    let edit = Edit::RenameResource {
        document: need.place.document,
        containers: resource.containers.iter().map(|(path, _)| path.clone()).collect(),
        from: resource.name.clone(),
        to: name.to_owned(),
    };
    let what = format!("ask for `{name}` instead of `{}`", resource.name);
    let change = case
        .subject
        .change(what, need.place.document, &resource.containers.first()?.0, edit);
    Some(Outcome {
        fit: Fit::Changed(
            vec![change],
            told(&offer, &format!("`{name}` of a device plugin")),
        ),
        offer: Some(offer),
    })
}

fn by_claim(
    case: Case<'_>,
    need: &Need,
    resource: &Resource,
    vendor: &Vendor,
    class: &str,
) -> Option<Outcome> {
    let dra = vendor.dra.as_ref()?;
    let own = resource.name.rsplit('/').next().unwrap_or_default();
    let is_partition_class = dra.partition_class.as_deref() == Some(class);
    let selectors = match own.strip_prefix("mig-") {
        Some(profile) if is_partition_class => {
            vec![format!(
                "device.attributes[\"{}\"].profile == \"{profile}\"",
                dra.driver
            )]
        }
        Some(_) => return None,
        None if is_partition_class => return None,
        None => Vec::new(),
    };
    let offer = devices::by_class(case.platform, Some(class), &selectors);
    if offer.most() < resource.count {
        return None;
    }
    let set = &case.subject.workload.pods[resource.set];
    if !set.exact {
        return Some(
            Fit::Unknown(format!(
                "{} has them by DeviceClass `{class}`, but whether the API of {} keeps `resourceClaims` in its pods can't be told",
                case.platform.name,
                case.subject.main().kind()
            ))
            .into(),
        );
    }
    let version = ["v1", "v1beta2", "v1beta1"].into_iter().find(|version| {
        case.platform
            .facts
            .dra_versions
            .iter()
            .any(|served| served == version)
    })?;
    let short: String = own
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let role = if set.role.is_empty() {
        String::new()
    } else {
        format!("-{}", set.role)
    };
    let edit = Edit::ResourceToClaim {
        document: need.place.document,
        spec: set.spec.clone(),
        containers: resource.containers.clone(),
        resource: resource.name.clone(),
        class: class.to_owned(),
        selectors,
        version: version.to_owned(),
        template: format!("{}{role}-{short}", case.subject.main().name()),
    };
    let what = format!(
        "claim {} from DeviceClass `{class}` by a ResourceClaimTemplate ({version}) instead of asking for `{}`",
        resource.count, resource.name
    );
    let change = case
        .subject
        .change(what, need.place.document, &resource.containers.first()?.0, edit);
    Some(Outcome {
        fit: Fit::Changed(vec![change], told(&offer, &format!("DeviceClass `{class}`"))),
        offer: Some(offer),
    })
}

/// What is offered, in words.
pub(super) fn told(offer: &Arc<Offer>, by: &str) -> String {
    let total = offer.total();
    let used = total.saturating_sub(offer.free);
    let used = if used > 0 {
        format!(", {used} in use now")
    } else {
        String::new()
    };
    format!("{total} on {} nodes by {by}{used}", offer.nodes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_resources_are_told_from_kubernetes_own() {
        assert!(is_extended("nvidia.com/gpu") && is_extended("deviceclass.resource.kubernetes.io/x"));
        assert!(!is_extended("cpu") && !is_extended("hugepages-2Mi") && !is_extended("kubernetes.io/x"));
        assert!(is_part("nvidia.com/mig-1g.10gb") && is_part("amd.com/cpx_nps1") && !is_part("amd.com/gpu"));
    }
}
