//! RuntimeClasses.

use serde_json::json;

use plimsoll_vendors::Vendor;

use super::{Case, Demand, Subject};
use crate::{
    change::Edit,
    need::{Fit, Need, NeedKind},
    node::{Node, Step},
    platform::Found,
};

/// A RuntimeClass.
#[derive(Clone, Debug)]
pub struct Runtime {
    class: String,
    path: Vec<Step>,
}

/// What classes are usually called, and the handlers that do the same.
const HANDLERS: &[(&str, &[&str])] = &[
    ("gvisor", &["runsc", "gvisor"]),
    ("runsc", &["runsc", "gvisor"]),
    ("kata", &["kata", "kata-qemu", "kata-clh"]),
    ("kata-qemu", &["kata-qemu", "kata"]),
    ("kata-clh", &["kata-clh", "kata"]),
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    for set in &subject.workload.pods {
        let Some(class) = set.spec_at(root, "runtimeClassName").and_then(Node::text) else {
            continue;
        };
        let mut path = set.spec.clone();
        path.push(Step::Key("runtimeClassName".to_owned()));
        let demand = Demand::Runtime(Runtime {
            class: class.to_owned(),
            path: path.clone(),
        });
        needs.push(subject.need(
            NeedKind::Runtime,
            format!("the RuntimeClass `{class}`"),
            set.document,
            &path,
            demand,
        ));
    }
}

pub(super) fn fit(case: Case<'_>, need: &Need, runtime: &Runtime) -> Fit {
    let platform = case.platform;
    let classes = &platform.facts.runtime_classes;
    let told = |found: &Found| format!("RuntimeClass `{}` with handler {}", found.name, handler(found));
    if let Some(found) = classes.iter().find(|found| found.name == runtime.class) {
        let proof = platform.proof(
            "workload_sandboxing",
            &["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8"],
            &runtime.class,
        );
        return Fit::Surveyed(told(found)).judged(proof);
    }
    if case.subject.of_kind("RuntimeClass").next().is_some() {
        return Fit::Unknown(format!(
            "the RuntimeClass `{}` is among the manifests, but whether nodes have its handler is not known",
            runtime.class
        ));
    }
    let document = need.place.document;
    let same = HANDLERS
        .iter()
        .find(|(name, _)| *name == runtime.class)
        .and_then(|(_, handlers)| classes.iter().find(|found| handlers.contains(&handler(found))));
    if let Some(found) = same {
        let edit = Edit::Set {
            document,
            path: runtime.path.clone(),
            value: json!(found.name),
        };
        let what = format!(
            "take RuntimeClass `{}` instead of `{}`",
            found.name, runtime.class
        );
        let change = case.subject.change(what, document, &runtime.path, edit);
        return Fit::Changed(vec![change], told(found));
    }
    // A vendor's runtime hands devices over; so do device plugins and DRA drivers by CDI, which needs no class.
    let vendors = Vendor::all()
        .iter()
        .filter(|vendor| vendor.selectors.runtime_class.as_deref() == Some(&runtime.class));
    for vendor in vendors {
        let by_claim = platform
            .facts
            .accelerators
            .iter()
            .any(|found| found.vendor.as_deref() == Some(&vendor.id) && found.path.starts_with("dra/"));
        if by_claim {
            let edit = Edit::Remove {
                document,
                path: runtime.path.clone(),
            };
            let what = format!(
                "name no RuntimeClass: the DRA driver of {} hands devices over without `{}`",
                vendor.name, runtime.class
            );
            let change = case.subject.change(what, document, &runtime.path, edit);
            return Fit::Changed(vec![change], format!("{} are handed over by DRA", vendor.name));
        }
    }
    match platform.blind("runtimeclasses") {
        Some(why) => Fit::Unknown(why.to_owned()),
        None => Fit::Unmet(format!("there is no RuntimeClass `{}`", runtime.class)),
    }
}

fn handler(found: &Found) -> &str {
    found.told("handler ").unwrap_or_default()
}
