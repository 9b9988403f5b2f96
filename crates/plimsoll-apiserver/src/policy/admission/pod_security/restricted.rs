//! The rules that the level `restricted` adds: what well-behaved workloads do without.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    baseline::{unconfined, unmasked_proc},
    checks::{Check, Finding, Subject, containers_named, number, quoted, setters},
};
use crate::policy::fields::{strings, text};

const fn check(
    id: &'static str,
    since: u32,
    instead_of: &'static str,
    judge: fn(&Subject<'_>, u32) -> Option<Finding>,
) -> Check {
    Check {
        id,
        since,
        instead_of,
        judge,
    }
}

/// Sorted by id, as they speak.
pub(super) const CHECKS: &[Check] = &[
    check("allowPrivilegeEscalation", 8, "", privilege_escalation),
    check(
        "capabilities_restricted",
        22,
        "capabilities_baseline",
        capabilities,
    ),
    check("procMount_restricted", 35, "procMount", unmasked_proc),
    check("restrictedVolumes", 0, "hostPathVolumes", volumes),
    check("runAsNonRoot", 0, "", run_as_non_root),
    check("runAsUser", 23, "", run_as_user),
    check(
        "seccompProfile_restricted",
        19,
        "seccompProfile_baseline",
        seccomp,
    ),
];

/// Sources of volumes that are fine.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Those that are not, and how they are called.
const RESTRICTED_VOLUMES: &[(&str, &str)] = &[
    ("hostPath", "hostPath"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("gitRepo", "gitRepo"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("rbd", "rbd"),
    ("flexVolume", "flexVolume"),
    ("cinder", "cinder"),
    ("cephfs", "cephfs"),
    ("flocker", "flocker"),
    ("fc", "fc"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("quobyte", "quobyte"),
    ("azureDisk", "azureDisk"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("scaleIO", "scaleIO"),
    ("storageos", "storageos"),
];

/// The version since which pods for Windows need not say what has no meaning there.
const WINDOWS_EXEMPT: u32 = 25;

fn privilege_escalation(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= WINDOWS_EXEMPT && subject.is_windows() {
        return None;
    }
    let containers =
        subject.which(|container| container["securityContext"]["allowPrivilegeEscalation"] != false);
    (!containers.is_empty()).then(|| {
        Finding::new(
            "allowPrivilegeEscalation != false",
            format!(
                "{} must set securityContext.allowPrivilegeEscalation=false",
                containers_named(&containers)
            ),
        )
    })
}

fn capabilities(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= WINDOWS_EXEMPT && subject.is_windows() {
        return None;
    }
    let lists = |container: &Value, list: &str| strings(&container["securityContext"]["capabilities"], list);
    let keeping = subject.which(|container| !lists(container, "drop").iter().any(|name| name == "ALL"));
    let added = |container: &Value| -> Vec<String> {
        lists(container, "add")
            .into_iter()
            .filter(|name| name != "NET_BIND_SERVICE")
            .collect()
    };
    let adding = subject.which(|container| !added(container).is_empty());
    let names: BTreeSet<String> = subject.containers().flat_map(added).collect();
    let names: Vec<String> = names.into_iter().collect();
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!(
            "{} must set securityContext.capabilities.drop=[\"ALL\"]",
            containers_named(&keeping)
        ));
    }
    if !adding.is_empty() {
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            containers_named(&adding),
            quoted(&names)
        ));
    }
    (!details.is_empty()).then(|| Finding::new("unrestricted capabilities", details.join("; ")))
}

fn volumes(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let bad: Vec<&Value> = subject
        .volumes()
        .filter(|volume| !VOLUMES.iter().any(|source| !volume[*source].is_null()))
        .collect();
    let names: Vec<&str> = bad.iter().map(|volume| text(volume, "name")).collect();
    let kinds: BTreeSet<&str> = bad
        .iter()
        .map(|volume| {
            RESTRICTED_VOLUMES
                .iter()
                .find(|(field, _)| !volume[*field].is_null())
                .map_or("unknown", |(_, name)| name)
        })
        .collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    (!names.is_empty()).then(|| {
        Finding::new(
            "restricted volume types",
            format!(
                "{} {} {} {} {}",
                number(names.len(), "volume", "volumes"),
                quoted(&names),
                number(names.len(), "uses", "use"),
                number(kinds.len(), "restricted volume type", "restricted volume types"),
                quoted(&kinds)
            ),
        )
    })
}

fn run_as_non_root(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= 35 && subject.has_own_users() {
        return None;
    }
    let set = |context: &Value| context["runAsNonRoot"].as_bool();
    let pod = set(subject.context());
    let against = subject.which(|container| set(&container["securityContext"]) == Some(false));
    let reason = "runAsNonRoot != true";
    if let Some(who) = setters(pod == Some(false), &against) {
        let detail = format!("{who} must not set securityContext.runAsNonRoot=false");
        return Some(Finding::new(reason, detail));
    }
    let silent = subject.which(|container| set(&container["securityContext"]).is_none() && pod != Some(true));
    (!silent.is_empty()).then(|| {
        let who = containers_named(&silent);
        Finding::new(
            reason,
            format!("pod or {who} must set securityContext.runAsNonRoot=true"),
        )
    })
}

fn run_as_user(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= 35 && subject.has_own_users() {
        return None;
    }
    let root = |context: &Value| context["runAsUser"] == 0;
    let containers = subject.which(|container| root(&container["securityContext"]));
    let who = setters(root(subject.context()), &containers)?;
    Some(Finding::new(
        "runAsUser=0",
        format!("{who} must not set runAsUser=0"),
    ))
}

fn seccomp(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= WINDOWS_EXEMPT && subject.is_windows() {
        return None;
    }
    if let Some(finding) = unconfined(subject) {
        return Some(finding);
    }
    if !subject.context()["seccompProfile"].is_null() {
        return None;
    }
    let silent = subject.which(|container| container["securityContext"]["seccompProfile"].is_null());
    (!silent.is_empty()).then(|| {
        Finding::new(
            "seccompProfile",
            format!(
                "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
                containers_named(&silent)
            ),
        )
    })
}
