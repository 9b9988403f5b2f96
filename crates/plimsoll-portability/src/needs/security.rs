//! Rights over the host, by the levels of the Pod Security Standards.

use super::{Case, Demand, Subject};
use crate::{
    need::{Fit, Need, NeedKind, look},
    node::{Node, Step},
    pods::PodSet,
};

/// The level that pods need.
#[derive(Clone, Debug)]
pub struct Security {
    level: Level,
    set: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Baseline,
    Privileged,
}

/// Capabilities that the baseline level lets containers have.
const BASELINE: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    for (index, set) in subject.workload.pods.iter().enumerate() {
        if let Some((level, why, path)) = level(subject.root(), set) {
            let name = if level == Level::Privileged {
                "privileged"
            } else {
                "baseline"
            };
            let what = format!("a namespace at the {name} level of Pod Security: {why}");
            let demand = Demand::Security(Security { level, set: index });
            needs.push(subject.need(NeedKind::Security, what, set.document, &path, demand));
        }
    }
}

/// The level above `restricted` that pods need, and the first thing that needs it.
fn level(root: &Node, set: &PodSet) -> Option<(Level, String, Vec<Step>)> {
    let below = |key: &str| {
        let mut path = set.spec.clone();
        path.push(Step::Key(key.to_owned()));
        path
    };
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if set.spec_at(root, key).is_some_and(Node::is_true) {
            return Some((Level::Privileged, format!("`{key}`"), below(key)));
        }
    }
    let volumes = set.spec_at(root, "volumes").map(Node::items).unwrap_or_default();
    for (number, volume) in volumes.iter().enumerate() {
        if !volume.get("hostPath").is_null() {
            let mut path = below("volumes");
            path.push(Step::Index(number));
            let host = volume.at("hostPath.path").text().unwrap_or_default();
            return Some((Level::Privileged, format!("the host's `{host}`"), path));
        }
    }
    let mut baseline = None;
    for container in &set.containers {
        let Some(node) = look(root, &container.path) else {
            continue;
        };
        let context = node.get("securityContext");
        let mut path = container.path.clone();
        path.push(Step::Key("securityContext".to_owned()));
        if context.get("privileged").is_true() {
            return Some((Level::Privileged, "a privileged container".to_owned(), path));
        }
        let added = context.at("capabilities.add").items();
        if let Some(capability) = added
            .iter()
            .filter_map(Node::text)
            .find(|name| !BASELINE.contains(name))
        {
            return Some((Level::Privileged, format!("the capability {capability}"), path));
        }
        let pod = set.spec_at(root, "securityContext");
        let non_root = context.get("runAsNonRoot").is_true()
            || pod.is_some_and(|context| context.get("runAsNonRoot").is_true());
        if !non_root && baseline.is_none() {
            baseline = Some((
                Level::Baseline,
                "containers may run as root".to_owned(),
                container.path.clone(),
            ));
        }
    }
    baseline
}

pub(super) fn fit(case: Case<'_>, rights: &Security) -> Fit {
    if let Some(admission) = case
        .platform
        .admission(case.subject.workload.pods[rights.set].document)
    {
        return match admission {
            Ok(()) => Fit::Surveyed("admission took it in a dry run".to_owned()),
            Err(refusal) => Fit::Unmet(refusal.clone()),
        };
    }
    match rights.level {
        Level::Baseline => Fit::Surveyed("as long as the namespace is not held to the restricted level".to_owned()),
        Level::Privileged => Fit::Unknown(
            "whether the platform lets a namespace have privileged pods is not in the record: ask it with --context"
                .to_owned(),
        ),
    }
}
