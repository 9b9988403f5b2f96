//! Pods that start together or not at all.

use super::{Case, Demand, Subject};
use crate::{
    change::{Change, Edit},
    need::{Fit, Need, NeedKind},
    node::{Node, Step, steps},
    platform::Proof,
    pods::PodSet,
};

/// Pods as a group.
#[derive(Clone, Debug)]
pub struct Gang {
    adapter: &'static str,
    /// The version it is written for, where that matters.
    version: Option<String>,
    /// The manifest of the group, if there is one.
    group: Option<usize>,
    /// How many pods.
    count: u64,
}

/// The controls that show a gang scheduler at work: what fits starts whole, what doesn't starts not at all.
const CONTROLS: &[&str] = &["G1", "G2", "G3"];

/// The label by which an object is queued with Kueue.
pub(crate) const QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// Names of schedulers, and the adapter whose they are.
const SCHEDULERS: &[(&str, &str)] = &[
    ("volcano", "volcano"),
    ("kai-scheduler", "kai"),
    ("yunikorn", "yunikorn"),
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let root = subject.root();
    let main = subject.workload.main;
    let total: u64 = subject.workload.pods.iter().map(|set| set.count).sum();
    let need = |what: String, path: &[Step], gang: Gang| {
        subject.need(NeedKind::Gang, what, main, path, Demand::Gang(gang))
    };
    let mut named = false;
    for set in &subject.workload.pods {
        if let Some(found) = native(subject, set, total) {
            let path = [set.spec.clone(), steps("schedulingGroup")].concat();
            needs.push(need(
                format!(
                    "a gang of {} by scheduling.k8s.io/{}",
                    found.count,
                    found.version.as_deref().unwrap_or("any version")
                ),
                &path,
                found,
            ));
            named = true;
            break;
        }
    }
    let on_object = root.at("metadata.labels").get(QUEUE).text();
    let on_pods = || {
        subject
            .workload
            .pods
            .iter()
            .find_map(|set| set.label(root, QUEUE))
    };
    if let Some(queue) = on_object.or_else(on_pods) {
        let path = [steps("metadata.labels"), vec![Step::Key(QUEUE.to_owned())]].concat();
        needs.push(need(
            format!("a gang of {total} by Kueue's queue `{queue}`"),
            &path,
            gang("kueue", total),
        ));
        named = true;
    }
    for set in &subject.workload.pods {
        let coscheduled = [
            "scheduling.x-k8s.io/pod-group",
            "pod-group.scheduling.sigs.k8s.io",
        ]
        .iter()
        .any(|label| set.label(root, label).is_some());
        if coscheduled {
            needs.push(need(
                format!("a gang of {total} by the coscheduling plugin"),
                &set.metadata,
                gang("coscheduling", total),
            ));
            return;
        }
    }
    let scheduler = scheduler(subject);
    if let Some((name, path)) = scheduler {
        let adapter = SCHEDULERS.iter().find(|(known, _)| *known == name);
        match adapter {
            Some((_, adapter)) => needs.push(need(
                format!("a gang of {total} by the scheduler `{name}`"),
                &path,
                gang(adapter, total),
            )),
            None if name != "default-scheduler" => needs.push(subject.need(
                NeedKind::Gang,
                format!("the scheduler `{name}`"),
                main,
                &path,
                Demand::Unknown(format!(
                    "whether a scheduler `{name}` runs, and what it does, is not known"
                )),
            )),
            None => {}
        }
    } else if !named && !root.at("spec.runPolicy.schedulingPolicy").is_null() {
        needs.push(need(
            format!("a gang of {total} as the training operator is set up"),
            &steps("spec.runPolicy.schedulingPolicy"),
            gang("", total),
        ));
    }
}

fn gang(adapter: &'static str, count: u64) -> Gang {
    Gang {
        adapter,
        version: None,
        group: None,
        count,
    }
}

/// A group that Kubernetes itself knows.
fn native(subject: Subject<'_>, set: &PodSet, total: u64) -> Option<Gang> {
    let root = subject.root();
    if let Some(name) = set
        .spec_at(root, "schedulingGroup.podGroupName")
        .and_then(Node::text)
    {
        let group = subject
            .of_kind("PodGroup")
            .find(|(_, group)| group.group() == "scheduling.k8s.io" && group.name() == name);
        return Some(Gang {
            adapter: "native",
            version: group.map(|(_, group)| group.version().to_owned()),
            count: group
                .and_then(|(_, group)| group.node.at("spec.schedulingPolicy.gang.minCount").whole())
                .unwrap_or(total),
            group: group.map(|(index, _)| index),
        });
    }
    set.spec_at(root, "workloadRef")?;
    Some(Gang {
        adapter: "native",
        version: Some("v1alpha1".to_owned()),
        group: None,
        count: total,
    })
}

fn scheduler(subject: Subject<'_>) -> Option<(&str, Vec<Step>)> {
    let root = subject.root();
    if subject.main().group() == "batch.volcano.sh" {
        return Some(("volcano", steps("spec.minAvailable")));
    }
    subject.workload.pods.iter().find_map(|set| {
        let name = set.spec_at(root, "schedulerName")?.text()?;
        let mut path = set.spec.clone();
        path.push(Step::Key("schedulerName".to_owned()));
        Some((name, path))
    })
}

pub(super) fn fit(case: Case<'_>, need: &Need, gang: &Gang) -> Fit {
    let apis = &case.platform.facts.gang_apis;
    if gang.adapter.is_empty() {
        let proven = apis
            .iter()
            .find(|api| case.platform.proof("gang_scheduling", CONTROLS, &api.adapter) == Proof::Right);
        return match proven {
            Some(api) => Fit::Unknown(format!(
                "gangs by {} work, but whether the training operator is set up to use it is not known",
                api.adapter
            )),
            None => Fit::Unknown(
                "which gang scheduler the training operator is set up to use is not known".to_owned(),
            ),
        };
    }
    let Some(api) = apis.iter().find(|api| api.adapter == gang.adapter) else {
        return elsewhere(case, need, gang, None);
    };
    if let Some(version) = &gang.version
        && *version != api.version
    {
        return other_version(case, gang, version, &api.version);
    }
    let name = format!("{}/{} {}", api.group, api.version, api.kind);
    let main = case.subject.main();
    if gang.adapter == "native"
        && !["", "apps", "batch"].contains(&main.group())
        && case.platform.admission(case.subject.workload.main).is_none()
    {
        return Fit::Unknown(format!(
            "whether the API of {} keeps `schedulingGroup` in its pods is not in the record: ask it with --context",
            main.kind()
        ));
    }
    match case.platform.proof("gang_scheduling", CONTROLS, gang.adapter) {
        Proof::Right => Fit::Proven(format!("gangs by {name} start whole or not at all")),
        Proof::Wrong(seen) => elsewhere(case, need, gang, Some(seen)),
        Proof::Undecided(why) => Fit::Unknown(why),
        Proof::NotRun => match elsewhere(case, need, gang, None) {
            changed @ Fit::Changed(..) => changed,
            _ => Fit::Unknown(format!(
                "{name} is served, but no run shows that it does anything: run gang_scheduling"
            )),
        },
    }
}

fn other_version(case: Case<'_>, gang: &Gang, from: &str, to: &str) -> Fit {
    let pod_groups = |version: &str| version != "v1alpha1";
    let not_there = format!("scheduling.k8s.io/{from} is not served: {to} is, and versions do not mix");
    let Some(document) = gang.group.filter(|_| pod_groups(from) && pod_groups(to)) else {
        return Fit::Unmet(not_there);
    };
    match case.platform.proof("gang_scheduling", CONTROLS, "native") {
        Proof::Right => {
            let edit = Edit::GangVersion {
                document,
                to: to.to_owned(),
            };
            let what = format!("write the PodGroup for scheduling.k8s.io/{to} instead of {from}");
            let change = case.subject.change(what, document, &steps("apiVersion"), edit);
            Fit::Changed(
                vec![change],
                format!("gangs by scheduling.k8s.io/{to} start whole or not at all"),
            )
        }
        Proof::Wrong(seen) => Fit::Unmet(seen),
        Proof::Undecided(why) => Fit::Unknown(why),
        Proof::NotRun => Fit::Unknown(format!("{not_there}; no run shows that {to} does anything")),
    }
}

/// The scheduler's own gangs instead of a queue's, where they are known to work.
fn elsewhere(case: Case<'_>, need: &Need, gang: &Gang, wrong: Option<String>) -> Fit {
    let apis = &case.platform.facts.gang_apis;
    let missing = wrong.unwrap_or_else(|| {
        let others: Vec<&str> = apis.iter().map(|api| api.adapter.as_str()).collect();
        let others = if others.is_empty() {
            "nothing".to_owned()
        } else {
            others.join(", ")
        };
        format!("there is no {}; for gangs there is {others}", gang.adapter)
    });
    let subject = case.subject;
    let main = subject.main();
    let convertible = gang.adapter == "kueue"
        && ["", "apps", "batch"].contains(&main.group())
        && main.kind() != "CronJob"
        && subject.workload.pods.len() == 1;
    let native = apis
        .iter()
        .find(|api| api.adapter == "native" && api.kind == "PodGroup");
    let Some(native) = native.filter(|_| convertible) else {
        return Fit::Unmet(missing);
    };
    match case.platform.proof("gang_scheduling", CONTROLS, "native") {
        Proof::Right => {
            let set = &subject.workload.pods[0];
            let template = set.spec[..set.spec.len().saturating_sub(1)].to_vec();
            let edit = Edit::QueueToGang {
                document: subject.workload.main,
                template,
                version: native.version.clone(),
                group: main.name().to_owned(),
                count: gang.count,
            };
            let what = format!(
                "make the {} pods a PodGroup of scheduling.k8s.io/{} instead of queueing them with Kueue",
                gang.count, native.version
            );
            let change = Change {
                what,
                place: need.place.clone(),
                edit,
            };
            Fit::Changed(
                vec![change],
                format!(
                    "gangs by scheduling.k8s.io/{} start whole or not at all",
                    native.version
                ),
            )
        }
        Proof::Wrong(seen) => Fit::Unmet(format!("{missing}; {seen}")),
        Proof::Undecided(why) => Fit::Unknown(why),
        Proof::NotRun => Fit::Unknown(format!(
            "{missing}; scheduling.k8s.io/{} is served, but no run shows that it does anything",
            native.version
        )),
    }
}
