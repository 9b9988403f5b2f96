//! The rules of the level `baseline`: no known ways to take over the node.

use std::collections::BTreeSet;

use serde_json::Value;

use super::checks::{Check, Finding, Subject, containers_named, number, quoted, setters};
use crate::policy::fields::{items, strings, text};

const fn check(id: &'static str, since: u32, judge: fn(&Subject<'_>, u32) -> Option<Finding>) -> Check {
    Check {
        id,
        since,
        instead_of: "",
        judge,
    }
}

/// Sorted by id, as they speak.
pub(super) const CHECKS: &[Check] = &[
    check("appArmorProfile", 0, app_armor),
    check("capabilities_baseline", 0, capabilities),
    check("hostNamespaces", 0, host_namespaces),
    check("hostPathVolumes", 0, host_path_volumes),
    check("hostPorts", 0, host_ports),
    check("hostProbesAndHostLifecycle", 34, hosts_of_probes),
    check("privileged", 0, privileged),
    check("procMount", 0, proc_mount),
    check("seLinuxOptions", 0, se_linux),
    check("seccompProfile_baseline", 0, seccomp),
    check("sysctls", 0, sysctls),
    check("windowsHostProcess", 0, windows_host_process),
];

const CAPABILITIES: &[&str] = &[
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

/// Sysctls that stay within a pod, and since when they are known to.
const SYSCTLS: &[(&str, u32)] = &[
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn app_armor(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let bad = |context: &Value| {
        let kind = context["appArmorProfile"]["type"].as_str();
        kind.filter(|kind| !matches!(*kind, "RuntimeDefault" | "Localhost"))
            .map(str::to_owned)
    };
    let pod = bad(subject.context());
    let containers = subject.which(|container| bad(&container["securityContext"]).is_some());
    let values: BTreeSet<String> = subject
        .containers()
        .filter_map(|container| bad(&container["securityContext"]))
        .chain(pod.clone())
        .collect();
    let mut values: Vec<String> = values.into_iter().collect();
    let annotations: Vec<String> = subject
        .annotations()
        .filter(|(key, value)| {
            let allowed = value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(APP_ARMOR_ANNOTATION) && !allowed
        })
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let mut who: Vec<String> = setters(pod.is_some(), &containers).into_iter().collect();
    if !annotations.is_empty() {
        who.push(number(annotations.len(), "annotation", "annotations").to_owned());
        values.extend(annotations);
    }
    if who.is_empty() {
        return None;
    }
    Some(Finding::new(
        number(
            values.len(),
            "forbidden AppArmor profile",
            "forbidden AppArmor profiles",
        ),
        format!(
            "{} must not set AppArmor profile type to {}",
            who.join(" and "),
            quoted(&values)
        ),
    ))
}

fn capabilities(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let added = |container: &Value| -> Vec<String> {
        strings(&container["securityContext"]["capabilities"], "add")
            .into_iter()
            .filter(|name| !CAPABILITIES.contains(&name.as_str()))
            .collect()
    };
    let containers = subject.which(|container| !added(container).is_empty());
    let names: BTreeSet<String> = subject.containers().flat_map(added).collect();
    let names: Vec<String> = names.into_iter().collect();
    (!containers.is_empty()).then(|| {
        Finding::new(
            "non-default capabilities",
            format!(
                "{} must not include {} in securityContext.capabilities.add",
                containers_named(&containers),
                quoted(&names)
            ),
        )
    })
}

fn host_namespaces(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|field| subject.spec[*field] == true)
        .map(|field| format!("{field}=true"))
        .collect();
    (!shared.is_empty()).then(|| Finding::new("host namespaces", shared.join(", ")))
}

fn host_path_volumes(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let names: Vec<&str> = subject
        .volumes()
        .filter(|volume| !volume["hostPath"].is_null())
        .map(|volume| text(volume, "name"))
        .collect();
    (!names.is_empty()).then(|| {
        let detail = format!("{} {}", number(names.len(), "volume", "volumes"), quoted(&names));
        Finding::new("hostPath volumes", detail)
    })
}

fn host_ports(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let ports = |container: &Value| -> Vec<String> {
        items(container, "ports")
            .filter_map(|port| port["hostPort"].as_i64())
            .filter(|port| *port != 0)
            .map(|port| port.to_string())
            .collect()
    };
    let containers = subject.which(|container| !ports(container).is_empty());
    let all: BTreeSet<String> = subject.containers().flat_map(ports).collect();
    let all: Vec<String> = all.into_iter().collect();
    (!containers.is_empty()).then(|| {
        Finding::new(
            "hostPort",
            format!(
                "{} {} {} {}",
                containers_named(&containers),
                number(containers.len(), "uses", "use"),
                number(all.len(), "hostPort", "hostPorts"),
                all.join(", ")
            ),
        )
    })
}

fn hosts_of_probes(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let hosts = |container: &Value| -> Vec<String> {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
        let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
        probes
            .into_iter()
            .chain(hooks)
            .flat_map(|of| ["httpGet", "tcpSocket"].map(|how| text(&of[how], "host").to_owned()))
            .filter(|host| !host.is_empty())
            .collect()
    };
    let containers: BTreeSet<&str> = subject
        .which(|container| !hosts(container).is_empty())
        .into_iter()
        .collect();
    let containers: Vec<&str> = containers.into_iter().collect();
    let all: BTreeSet<String> = subject.containers().flat_map(hosts).collect();
    let all: Vec<String> = all.into_iter().collect();
    (!containers.is_empty()).then(|| {
        Finding::new(
            "probe or lifecycle host",
            format!(
                "{} {} {} {}",
                containers_named(&containers),
                number(containers.len(), "uses", "use"),
                number(all.len(), "probe or lifecycle host", "probe or lifecycle hosts"),
                quoted(&all)
            ),
        )
    })
}

fn privileged(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let containers = subject.which(|container| container["securityContext"]["privileged"] == true);
    (!containers.is_empty()).then(|| {
        Finding::new(
            "privileged",
            format!(
                "{} must not set securityContext.privileged=true",
                containers_named(&containers)
            ),
        )
    })
}

fn proc_mount(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= 35 && subject.has_own_users() {
        return None;
    }
    unmasked_proc(subject, version)
}

pub(super) fn unmasked_proc(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let bad = |container: &Value| {
        container["securityContext"]["procMount"]
            .as_str()
            .filter(|kind| *kind != "Default")
            .map(str::to_owned)
    };
    let containers = subject.which(|container| bad(container).is_some());
    let kinds: BTreeSet<String> = subject.containers().filter_map(bad).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    (!containers.is_empty()).then(|| {
        Finding::new(
            "procMount",
            format!(
                "{} must not set securityContext.procMount to {}",
                containers_named(&containers),
                quoted(&kinds)
            ),
        )
    })
}

fn se_linux(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    let kind = |options: &Value| text(options, "type").to_owned();
    let allowed = |kind: &str| {
        matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (version >= 31 && kind == "container_engine_t")
    };
    let sets = |options: &Value, field: &str| !text(options, field).is_empty();
    let bad = |options: &Value| !allowed(&kind(options)) || sets(options, "user") || sets(options, "role");
    let pod = bad(&subject.context()["seLinuxOptions"]);
    let containers = subject.which(|container| bad(&container["securityContext"]["seLinuxOptions"]));
    let who = setters(pod, &containers)?;
    let all: Vec<&Value> = subject
        .containers()
        .map(|container| &container["securityContext"]["seLinuxOptions"])
        .chain([&subject.context()["seLinuxOptions"]])
        .collect();
    let kinds: BTreeSet<String> = all
        .iter()
        .map(|options| kind(options))
        .filter(|kind| !allowed(kind))
        .collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    let mut what = Vec::new();
    if !kinds.is_empty() {
        what.push(format!(
            "{} {}",
            number(kinds.len(), "type", "types"),
            quoted(&kinds)
        ));
    }
    for field in ["user", "role"] {
        if all.iter().any(|options| sets(options, field)) {
            what.push(format!("{field} may not be set"));
        }
    }
    let detail = format!(
        "{who} set forbidden securityContext.seLinuxOptions: {}",
        what.join("; ")
    );
    Some(Finding::new("seLinuxOptions", detail))
}

/// The type of a seccomp profile that is none of the confining ones.
pub(super) fn bad_seccomp(context: &Value) -> Option<String> {
    let profile = &context["seccompProfile"];
    let kind = text(profile, "type");
    (!profile.is_null() && !matches!(kind, "RuntimeDefault" | "Localhost")).then(|| kind.to_owned())
}

/// Whoever sets a profile that does not confine.
pub(super) fn unconfined(subject: &Subject<'_>) -> Option<Finding> {
    let pod = bad_seccomp(subject.context());
    let containers = subject.which(|container| bad_seccomp(&container["securityContext"]).is_some());
    let who = setters(pod.is_some(), &containers)?;
    let kinds: BTreeSet<String> = subject
        .containers()
        .filter_map(|container| bad_seccomp(&container["securityContext"]))
        .chain(pod)
        .collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    Some(Finding::new(
        "seccompProfile",
        format!(
            "{who} must not set securityContext.seccompProfile.type to {}",
            quoted(&kinds)
        ),
    ))
}

fn seccomp(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    if version >= 19 {
        return unconfined(subject);
    }
    let confines = |value: &str| {
        matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
    };
    let names: Vec<String> = subject
        .containers()
        .map(|container| {
            let name = text(container, "name");
            format!("container.seccomp.security.alpha.kubernetes.io/{name}")
        })
        .chain(["seccomp.security.alpha.kubernetes.io/pod".to_owned()])
        .collect();
    let forbidden: BTreeSet<String> = subject
        .annotations()
        .filter(|(key, value)| names.iter().any(|name| name == key) && !confines(value))
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let forbidden: Vec<String> = forbidden.into_iter().collect();
    (!forbidden.is_empty()).then(|| {
        let word = number(forbidden.len(), "annotation", "annotations");
        Finding::new(
            "seccompProfile",
            format!("forbidden {word} {}", forbidden.join(", ")),
        )
    })
}

fn sysctls(subject: &Subject<'_>, version: u32) -> Option<Finding> {
    let forbidden: Vec<&str> = items(subject.context(), "sysctls")
        .map(|sysctl| text(sysctl, "name"))
        .filter(|name| {
            !SYSCTLS
                .iter()
                .any(|(own, since)| own == name && *since <= version)
        })
        .collect();
    (!forbidden.is_empty()).then(|| Finding::new("forbidden sysctls", forbidden.join(", ")))
}

fn windows_host_process(subject: &Subject<'_>, _: u32) -> Option<Finding> {
    let set = |context: &Value| context["windowsOptions"]["hostProcess"] == true;
    let containers = subject.which(|container| set(&container["securityContext"]));
    let who = setters(set(subject.context()), &containers)?;
    let detail = format!("{who} must not set securityContext.windowsOptions.hostProcess=true");
    Some(Finding::new("hostProcess", detail))
}
