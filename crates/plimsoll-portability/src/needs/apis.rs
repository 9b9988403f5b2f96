//! Kinds that an operator brings, at the version the manifest is written for.

use super::{Case, Demand, Subject};
use crate::{
    need::{Fit, Need, NeedKind},
    node::steps,
    platform::{Found, Proof},
};

/// A kind that is served.
#[derive(Clone, Debug)]
pub struct Api {
    group: String,
    version: String,
    kind: String,
    operator: Option<&'static str>,
    /// Whether Kubernetes itself acts on it.
    builtin: bool,
}

/// API groups, and what a survey calls who acts on their objects.
const OPERATORS: &[(&str, &str)] = &[
    ("jobset.x-k8s.io", "jobset"),
    ("leaderworkerset.x-k8s.io", "leaderworkerset"),
    ("ray.io", "kuberay"),
    ("trainer.kubeflow.org", "kubeflow-trainer"),
    ("kubeflow.org", "training-operator"),
    ("serving.kserve.io", "kserve"),
    ("machinelearning.seldon.io", "seldon"),
    ("mlops.seldon.io", "seldon"),
    ("batch.volcano.sh", "volcano"),
    ("scheduling.volcano.sh", "volcano"),
    ("scheduling.run.ai", "kai-scheduler"),
    ("scheduling.x-k8s.io", "scheduler-plugins"),
    ("kueue.x-k8s.io", "kueue"),
    ("agents.x-k8s.io", "agent-sandbox"),
    ("keda.sh", "keda"),
    ("k8s.cni.cncf.io", "multus"),
];

/// Groups that other kinds of needs look after.
const ELSEWHERE: &[&str] = &[
    "gateway.networking.k8s.io",
    "inference.networking.k8s.io",
    "inference.networking.x-k8s.io",
    "monitoring.coreos.com",
    "monitoring.googleapis.com",
];

pub(super) fn derive(subject: Subject<'_>, needs: &mut Vec<Need>) {
    let mut seen = Vec::new();
    for index in &subject.workload.documents {
        let document = subject.document(*index);
        let key = (document.api_version(), document.kind());
        let group = document.group();
        // What comes with Kubernetes is looked at where it stands for itself; else other needs look at its version.
        let builtin = is_builtin(group);
        let aside = builtin && !(subject.workload.pods.is_empty() && *index == subject.workload.main);
        if seen.contains(&key) || ELSEWHERE.contains(&group) || aside {
            continue;
        }
        seen.push(key);
        let operator = OPERATORS
            .iter()
            .find(|(known, _)| *known == group)
            .map(|(_, operator)| *operator);
        let who = match operator {
            Some(name) => format!(" by {name}"),
            None if builtin => String::new(),
            None => " and something that acts on it".to_owned(),
        };
        let what = format!("{} of {}{who}", document.kind(), document.api_version());
        let demand = Demand::Api(Api {
            group: group.to_owned(),
            version: document.version().to_owned(),
            kind: document.kind().to_owned(),
            operator,
            builtin,
        });
        needs.push(subject.need(NeedKind::Api, what, *index, &steps("apiVersion"), demand));
    }
}

/// Whether Kubernetes itself serves a group; in which version, other needs look after where it matters.
fn is_builtin(group: &str) -> bool {
    let domain = group.strip_suffix(".k8s.io");
    matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy")
        || domain.is_some_and(|name| {
            [
                "resource",
                "scheduling",
                "storage",
                "node",
                "networking",
                "rbac.authorization",
                "admissionregistration",
                "apiextensions",
                "coordination",
                "discovery",
                "certificates",
                "authentication",
                "authorization",
                "events",
                "flowcontrol.apiserver",
            ]
            .contains(&name)
        })
}

/// Whether a kind is served at a version: `Ok` with nothing to add, or why not.
pub(super) fn served(
    case: Case<'_>,
    group: &str,
    version: &str,
    kind: &str,
    by: Option<&Found>,
) -> Result<(), Fit> {
    let name = match group {
        "" => format!("{kind} of {version}"),
        group => format!("{kind} of {group}/{version}"),
    };
    if let Some(versions) = case.platform.served(group, kind) {
        return match versions.as_slice() {
            [] => Err(Fit::Unmet(format!("{name} is not served"))),
            versions if versions.contains(&version) => Ok(()),
            versions => Err(Fit::Unmet(format!(
                "{name} is not served: it is as {}",
                versions.join(", ")
            ))),
        };
    }
    // A record of before: what was recognised names one version of each group.
    let told = by.is_some_and(|found| found.because.contains(&format!("{group}/{version} is served")));
    let other = by.is_some_and(|found| found.because.contains(&format!("{group}/")));
    match (told, other) {
        (true, _) => Ok(()),
        (false, true) => Err(Fit::Unknown(format!(
            "the record does not tell whether {name} is served, too"
        ))),
        (false, false) if by.is_none() => Err(Fit::Unmet(format!("nothing that serves {name} was found"))),
        (false, false) => Err(Fit::Unknown(format!(
            "the record does not tell whether {name} is served"
        ))),
    }
}

pub(super) fn fit(case: Case<'_>, api: &Api) -> Fit {
    let facts = &case.platform.facts;
    let found = api.operator.and_then(|operator| {
        facts
            .operators
            .iter()
            .chain(&facts.schedulers)
            .chain(&facts.autoscalers)
            .chain(&facts.networks)
            .find(|found| found.name == operator)
    });
    if let Err(fit) = served(case, &api.group, &api.version, &api.kind, found) {
        return match (fit, api.operator, &facts.apis) {
            (Fit::Unmet(_), None, None) => Fit::Unknown(format!(
                "the record does not tell whether {} of {} is served",
                api.kind, api.group
            )),
            (fit, _, _) => fit,
        };
    }
    let Some(operator) = api.operator else {
        if api.builtin {
            return Fit::Surveyed(format!("{} of {} is served", api.kind, api.group));
        }
        return Fit::Unknown(format!(
            "{} is served, but what it needs and what acts on it is not known here",
            api.kind
        ));
    };
    for (requirement, controls) in NeedKind::Api.carriers() {
        match case.platform.proof(requirement, controls, operator) {
            Proof::Right => return Fit::Proven(format!("{operator} acts on its objects")),
            Proof::Wrong(seen) => return Fit::Unmet(seen),
            Proof::Undecided(_) | Proof::NotRun => {}
        }
    }
    match found {
        Some(found) if found.is_ready() => {
            let version = found
                .version
                .as_deref()
                .map_or(String::new(), |version| format!(" {version}"));
            Fit::Surveyed(format!("{operator}{version}: {}", found.because))
        }
        Some(found) => Fit::Unknown(format!(
            "it is served, but no ready pod of {operator} was found ({})",
            found.because
        )),
        None => Fit::Unknown(format!(
            "it is served, but no {operator} that acts on it was recognised"
        )),
    }
}
