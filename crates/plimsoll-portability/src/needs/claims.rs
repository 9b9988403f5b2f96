//! Accelerators claimed from a DeviceClass.

use std::sync::Arc;

use plimsoll_vendors::Vendor;

use super::{Case, Demand, Outcome, Subject, resources, vendors};
use crate::{
    change::{Change, Edit},
    devices::{self, Offer},
    need::{Fit, Need, NeedKind},
    node::{Node, Step, steps},
    read::Document,
};

/// Devices by a claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which pods.
    pub(super) set: usize,
    /// What the pod calls the claim.
    name: String,
    /// The manifest of the claim or its template.
    document: usize,
    /// The version of `resource.k8s.io` it is written for.
    version: String,
    /// What would do, the best first.
    choices: Vec<Choice>,
    /// How many devices of the first choice.
    pub(super) count: u64,
}

#[derive(Clone, Debug)]
struct Choice {
    class: String,
    count: u64,
    selectors: Vec<String>,
}

/// The `devices` of a claim or of a template for claims.
fn devices_of(document: &Document) -> &Node {
    if document.kind() == "ResourceClaimTemplate" {
        document.node.at("spec.spec.devices")
    } else {
        document.node.at("spec.devices")
    }
}

/// The classes a claim asks for.
pub(crate) fn classes(document: &Document) -> Vec<String> {
    let requests = devices_of(document).get("requests").items();
    requests
        .iter()
        .flat_map(choices)
        .map(|choice| choice.class)
        .collect()
}

/// What would do for a request. `v1beta1` has no `exactly`.
fn choices(request: &Node) -> Vec<Choice> {
    let choice = |facts: &Node| Choice {
        class: facts.get("deviceClassName").text().unwrap_or_default().to_owned(),
        count: facts.get("count").whole().unwrap_or(1),
        selectors: selectors(facts),
    };
    let first = request.get("firstAvailable").items();
    if !first.is_empty() {
        return first.iter().map(choice).collect();
    }
    let exactly = request.get("exactly");
    vec![choice(if exactly.is_null() { request } else { exactly })]
}

fn selectors(facts: &Node) -> Vec<String> {
    let selectors = facts.get("selectors").items();
    selectors
        .iter()
        // One that says nothing, or says it otherwise than in CEL, must not select everything.
        .map(|selector| selector.at("cel.expression").text().unwrap_or_default())
        .map(|expression| expression.trim().to_owned())
        .collect()
}

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    for (index, set) in subject.workload.pods.iter().enumerate() {
        let list = set
            .spec_at(root, "resourceClaims")
            .map(Node::items)
            .unwrap_or_default();
        for (number, claim) in list.iter().enumerate() {
            let mut path = set.spec.clone();
            path.extend([Step::Key("resourceClaims".to_owned()), Step::Index(number)]);
            let (kind, named) = match claim.get("resourceClaimTemplateName").text() {
                Some(name) => ("ResourceClaimTemplate", name),
                None => (
                    "ResourceClaim",
                    claim.get("resourceClaimName").text().unwrap_or_default(),
                ),
            };
            let Some((document, object)) = subject.of_kind(kind).find(|(_, object)| object.name() == named)
            else {
                let why = format!("{kind} `{named}` is not among the manifests: give it with -f");
                needs.push(subject.need(
                    NeedKind::DeviceClaim,
                    format!("devices as {kind} `{named}` says"),
                    set.document,
                    &path,
                    Demand::Unknown(why),
                ));
                continue;
            };
            let way = steps(if kind == "ResourceClaim" {
                "spec.devices.requests"
            } else {
                "spec.spec.devices.requests"
            });
            for (number, request) in devices_of(object).get("requests").items().iter().enumerate() {
                let choices = choices(request);
                let Some(first) = choices.first() else { continue };
                let selected = match first.selectors.as_slice() {
                    [] => String::new(),
                    selectors => format!(" where {}", selectors.join(" && ")),
                };
                let what = format!(
                    "{}{} of DeviceClass `{}` a pod{selected}",
                    resources::pods(set),
                    first.count,
                    first.class
                );
                let mut path = way.clone();
                path.push(Step::Index(number));
                let demand = Demand::Claim(Claim {
                    set: index,
                    name: claim.get("name").text().unwrap_or_default().to_owned(),
                    document,
                    version: object.version().to_owned(),
                    count: first.count,
                    choices,
                });
                needs.push(subject.need(NeedKind::DeviceClaim, what, document, &path, demand));
            }
        }
    }
}

pub(super) fn fit(case: Case<'_>, need: &Need, claim: &Claim) -> Outcome {
    let facts = &case.platform.facts;
    if let Some(why) = case.platform.blind("resource.k8s.io") {
        return Fit::Unknown(why.to_owned()).into();
    }
    let mut short = Vec::new();
    if !facts.dra_versions.is_empty() {
        for choice in &claim.choices {
            let Some(offer) = offer(case, choice) else {
                continue;
            };
            if let Some(fault) = &offer.fault {
                return Fit::Unmet(format!("the selector can't be used: {fault}")).into();
            }
            if offer.most() >= choice.count {
                let because = resources::told(&offer, &format!("DeviceClass `{}`", choice.class));
                let proof = case
                    .platform
                    .proof("dra_support", &["D3"], &format!("dra/{}", choice.class));
                let fit = Fit::Surveyed(because).judged(proof);
                return Outcome {
                    fit: with_version(case, claim, fit),
                    offer: Some(offer),
                };
            }
            short.push(format!(
                "no node has {} matching devices of DeviceClass `{}`: at most {}",
                choice.count,
                choice.class,
                offer.most()
            ));
        }
    }
    if !short.is_empty() {
        return resources::lacking(case, short.join("; "));
    }
    otherwise(case, need, claim)
}

/// What a choice could have; none where the class is unknown there.
fn offer(case: Case<'_>, choice: &Choice) -> Option<Arc<Offer>> {
    let brought = case
        .subject
        .of_kind("DeviceClass")
        .find(|(_, class)| class.name() == choice.class);
    if let Some((_, class)) = brought {
        let mut all = selectors(class.node.get("spec"));
        all.extend(choice.selectors.iter().cloned());
        return Some(devices::by_class(case.platform, None, &all));
    }
    let known = case
        .platform
        .facts
        .device_classes
        .iter()
        .any(|class| class.name == choice.class);
    known.then(|| devices::by_class(case.platform, Some(&choice.class), &choice.selectors))
}

/// The same, written for a version that is served.
fn with_version(case: Case<'_>, claim: &Claim, fit: Fit) -> Fit {
    match (version_change(case, claim), fit) {
        (None, fit) => fit,
        (Some(change), Fit::Surveyed(because) | Fit::Proven(because)) => Fit::Changed(vec![change], because),
        (Some(_), fit) => fit,
    }
}

fn version_change(case: Case<'_>, claim: &Claim) -> Option<Change> {
    let served = &case.platform.facts.dra_versions;
    if served.contains(&claim.version) {
        return None;
    }
    let to = ["v1", "v1beta2", "v1beta1"]
        .into_iter()
        .find(|version| served.iter().any(|served| served == version))?;
    let edit = Edit::ClaimVersion {
        document: claim.document,
        to: to.to_owned(),
    };
    let what = format!(
        "write the claim for resource.k8s.io/{to} instead of resource.k8s.io/{}",
        claim.version
    );
    Some(
        case.subject
            .change(what, claim.document, &steps("apiVersion"), edit),
    )
}

/// The same devices by another class or by a device plugin; others where the images can use them.
fn otherwise(case: Case<'_>, need: &Need, claim: &Claim) -> Outcome {
    let facts = &case.platform.facts;
    let Some(choice) = claim.choices.first() else {
        return Fit::Unknown("the claim requests nothing".to_owned()).into();
    };
    let vendor = vendors::by_class(&choice.class, &choice.selectors);
    let mut unknown = None;
    let mut reasons = Vec::new();
    let mut paths: Vec<(&'static Vendor, &str)> = facts
        .accelerators
        .iter()
        .filter_map(|found| Some((Vendor::by_id(found.vendor.as_deref()?).ok()?, found.path.as_str())))
        .collect();
    let is_same = |of: &Vendor| vendor.is_some_and(|vendor| vendor.id == of.id);
    paths.sort_by_key(|(of, path)| (!is_same(of), *path));
    paths.dedup_by_key(|(_, path)| *path);
    for (of, path) in paths {
        if !is_same(of) {
            let set = &case.subject.workload.pods[claim.set];
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
        if !choice.selectors.is_empty() && (!is_same(of) || path.starts_with("device-plugin/")) {
            unknown = Some(format!(
                "`{path}` can't be asked for devices where {}",
                choice.selectors.join(" && ")
            ));
            continue;
        }
        let outcome = match path.split_once('/') {
            Some(("dra", class)) => of_class(case, claim, choice, class),
            Some(("device-plugin", resource)) => of_plugin(case, need, claim, choice, resource),
            _ => None,
        };
        if let Some(outcome) = outcome {
            return outcome;
        }
    }
    if let Some(why) = unknown {
        return Fit::Unknown(format!("there is no DeviceClass `{}`; {why}", choice.class)).into();
    }
    reasons.sort();
    reasons.dedup();
    let reasons: String = reasons.iter().map(|reason| format!("; {reason}")).collect();
    let what = if facts.dra_versions.is_empty() {
        format!("resource.k8s.io is not served{reasons}")
    } else {
        format!("there is no DeviceClass `{}`{reasons}", choice.class)
    };
    resources::lacking(case, what)
}

fn of_class(case: Case<'_>, claim: &Claim, choice: &Choice, class: &str) -> Option<Outcome> {
    let offer = devices::by_class(case.platform, Some(class), &choice.selectors);
    if offer.most() < choice.count {
        return None;
    }
    let edit = Edit::ClaimClass {
        document: claim.document,
        from: choice.class.clone(),
        to: class.to_owned(),
    };
    let what = format!("claim from DeviceClass `{class}` instead of `{}`", choice.class);
    let mut changes = vec![case.subject.change(what, claim.document, &steps("spec"), edit)];
    changes.extend(version_change(case, claim));
    Some(Outcome {
        fit: Fit::Changed(
            changes,
            resources::told(&offer, &format!("DeviceClass `{class}`")),
        ),
        offer: Some(offer),
    })
}

fn of_plugin(case: Case<'_>, need: &Need, claim: &Claim, choice: &Choice, resource: &str) -> Option<Outcome> {
    let offer = devices::by_resource(case.platform, resource);
    // A claim that several pods share is no amount of anything.
    let shared = case.subject.document(claim.document).kind() == "ResourceClaim";
    if offer.most() < choice.count || shared || claim.choices.len() > 1 {
        return None;
    }
    let set = &case.subject.workload.pods[claim.set];
    let edit = Edit::ClaimToResource {
        document: set.document,
        spec: set.spec.clone(),
        claim: claim.name.clone(),
        template: claim.document,
        resource: resource.to_owned(),
        count: choice.count,
    };
    let what = format!(
        "ask for {} × `{resource}` of a device plugin instead of claiming from DeviceClass `{}`",
        choice.count, choice.class
    );
    let change = Change {
        what,
        place: need.place.clone(),
        edit,
    };
    Some(Outcome {
        fit: Fit::Changed(
            vec![change],
            resources::told(&offer, &format!("`{resource}` of a device plugin")),
        ),
        offer: Some(offer),
    })
}
