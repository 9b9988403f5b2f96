//! Containers: names, images, ports, environment, mounts, probes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{formed, names, not_negative, one_of, printed, quoting, read},
    resources,
};
use crate::schema::{Cause, path::Path};

/// What containers may refer to.
pub(super) struct Known<'a> {
    pub(super) volumes: &'a BTreeSet<&'a str>,
    pub(super) claims: &'a BTreeSet<&'a str>,
}

/// What is wrong with a pod's containers.
pub(super) fn check_all(spec: &Value, known: &Known<'_>, path: &Path, causes: &mut Vec<Cause>) {
    let containers = read::list(spec, "containers");
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let list = path.child("containers");
    if containers.is_empty() {
        causes.push(Cause::required(&list, ""));
    }
    for (index, container) in containers.iter().enumerate() {
        let path = list.index(index);
        check(container, known, &path, causes);
        check_name(container, &mut seen, &path, causes);
        check_lifecycle(container, &path, causes);
    }
    check_host_ports(containers, &list, causes);
    let list = path.child("initContainers");
    for (index, container) in read::list(spec, "initContainers").iter().enumerate() {
        let path = list.index(index);
        check(container, known, &path, causes);
        let policy = read::text(container, "restartPolicy");
        if !matches!(policy, "" | "Always" | "OnFailure" | "Never") {
            causes.push(Cause::not_supported(
                path.child("restartPolicy"),
                &policy.into(),
                &["Always"],
            ));
        }
        check_name(container, &mut seen, &path, causes);
        check_host_ports(std::slice::from_ref(container), &list, causes);
        if policy == "Always" {
            check_lifecycle(container, &path, causes);
            continue;
        }
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if read::has(container, field) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                causes.push(Cause::forbidden(path.child(field), detail));
            }
        }
    }
    let list = path.child("ephemeralContainers");
    for (index, container) in read::list(spec, "ephemeralContainers").iter().enumerate() {
        let path = list.index(index);
        check(container, known, &path, causes);
        check_name(container, &mut seen, &path, causes);
        for field in [
            "ports",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
        ] {
            if read::has(container, field) {
                causes.push(Cause::forbidden(
                    path.child(field),
                    "cannot be set for an Ephemeral Container",
                ));
            }
        }
    }
}

fn check_name<'a>(container: &'a Value, seen: &mut BTreeSet<&'a str>, path: &Path, causes: &mut Vec<Cause>) {
    let name = read::text(container, "name");
    if !name.is_empty() && !seen.insert(name) {
        causes.push(Cause::duplicate(path.child("name"), &name.into()));
    }
}

fn check(container: &Value, known: &Known<'_>, path: &Path, causes: &mut Vec<Cause>) {
    match read::text(container, "name") {
        "" => causes.push(Cause::required(path.child("name"), "")),
        name => formed(name, names::dns1123_label(name), &path.child("name"), causes),
    }
    if read::text(container, "image").is_empty() {
        causes.push(Cause::required(path.child("image"), ""));
    }
    one_of(
        container,
        "terminationMessagePolicy",
        &["File", "FallbackToLogsOnError"],
        path,
        causes,
    );
    check_ports(container, &path.child("ports"), causes);
    check_environment(container, path, causes);
    check_mounts(container, known.volumes, path, causes);
    one_of(
        container,
        "imagePullPolicy",
        &["Always", "IfNotPresent", "Never"],
        path,
        causes,
    );
    resources::check(
        &container["resources"],
        known.claims,
        &path.child("resources"),
        causes,
    );
    check_security(
        &container["securityContext"],
        &path.child("securityContext"),
        causes,
    );
}

/// What is wrong with a port's number.
fn check_port(port: &Value, name: &str, path: &Path, causes: &mut Vec<Cause>) {
    let number = read::whole(port, name).unwrap_or_default();
    if !(1..=65535).contains(&number) {
        causes.push(Cause::invalid(
            path.child(name),
            &number.into(),
            "must be between 1 and 65535, inclusive",
        ));
    }
}

fn check_ports(container: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, port) in read::list(container, "ports").iter().enumerate() {
        let path = path.index(index);
        let name = read::text(port, "name");
        if !name.is_empty() {
            let wrong = names::port_name(name);
            if !wrong.is_empty() {
                formed(name, wrong, &path.child("name"), causes);
            } else if !seen.insert(name) {
                causes.push(Cause::duplicate(path.child("name"), &name.into()));
            }
        }
        match read::whole(port, "containerPort").unwrap_or_default() {
            0 => causes.push(Cause::required(path.child("containerPort"), "")),
            _ => check_port(port, "containerPort", &path, causes),
        }
        if read::whole(port, "hostPort").unwrap_or_default() != 0 {
            check_port(port, "hostPort", &path, causes);
        }
        one_of(port, "protocol", &["SCTP", "TCP", "UDP"], &path, causes);
    }
}

fn check_host_ports(containers: &[Value], path: &Path, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        for (number, port) in read::list(container, "ports").iter().enumerate() {
            let host = read::whole(port, "hostPort").unwrap_or_default();
            let text = format!(
                "{}/{}/{host}",
                read::text(port, "protocol"),
                read::text(port, "hostIP")
            );
            if host != 0 && !seen.insert(text.clone()) {
                let path = path.index(index).child("ports").index(number).child("hostPort");
                causes.push(Cause::duplicate(path, &text.into()));
            }
        }
    }
}

fn check_environment(container: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for (index, variable) in read::list(container, "env").iter().enumerate() {
        let path = path.child("env").index(index);
        let name = read::text(variable, "name");
        if name.is_empty() {
            causes.push(Cause::required(path.child("name"), ""));
        } else if !name
            .chars()
            .all(|c| c.is_ascii() && !c.is_ascii_control() && c != '=')
        {
            let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            causes.push(Cause::invalid(path.child("name"), &name.into(), detail));
        }
        let source = &variable["valueFrom"];
        if !read::has(variable, "valueFrom") {
            continue;
        }
        let path = path.child("valueFrom");
        let count = source.as_object().map_or(0, serde_json::Map::len);
        if count == 0 {
            let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
            causes.push(Cause::invalid(&path, &"".into(), detail));
        } else if !read::text(variable, "value").is_empty() {
            causes.push(Cause::invalid(
                &path,
                &"".into(),
                "may not be specified when `value` is not empty",
            ));
        } else if count > 1 {
            causes.push(Cause::invalid(
                &path,
                &"".into(),
                "may not have more than one field specified at a time",
            ));
        }
        for reference in ["configMapKeyRef", "secretKeyRef"] {
            if read::has(source, reference) {
                let path = path.child(reference);
                let name = read::text(&source[reference], "name");
                formed(name, names::dns1123_subdomain(name), &path.child("name"), causes);
                match read::text(&source[reference], "key") {
                    "" => causes.push(Cause::required(path.child("key"), "")),
                    key => formed(key, names::config_key(key), &path.child("key"), causes),
                }
            }
        }
        if read::has(source, "fieldRef") && read::text(&source["fieldRef"], "fieldPath").is_empty() {
            causes.push(Cause::required(path.child("fieldRef").child("fieldPath"), ""));
        }
        if read::has(source, "resourceFieldRef")
            && read::text(&source["resourceFieldRef"], "resource").is_empty()
        {
            causes.push(Cause::required(
                path.child("resourceFieldRef").child("resource"),
                "",
            ));
        }
    }
    for (index, source) in read::list(container, "envFrom").iter().enumerate() {
        let path = path.child("envFrom").index(index);
        let references: Vec<&str> = ["configMapRef", "secretRef"]
            .into_iter()
            .filter(|name| read::has(source, name))
            .collect();
        match references.as_slice() {
            [] => {
                let detail = "must specify one of: `configMapRef` or `secretRef`";
                causes.push(Cause::invalid(&path, &"".into(), detail));
            }
            [one] if read::text(&source[*one], "name").is_empty() => {
                causes.push(Cause::required(path.child(one).child("name"), ""));
            }
            [_] => {}
            _ => {
                let detail = "may not have more than one field specified at a time";
                causes.push(Cause::invalid(&path, &"".into(), detail));
            }
        }
    }
}

fn check_mounts(container: &Value, volumes: &BTreeSet<&str>, path: &Path, causes: &mut Vec<Cause>) {
    let mut seen = BTreeSet::new();
    let list = path.child("volumeMounts");
    for (index, mount) in read::list(container, "volumeMounts").iter().enumerate() {
        let path = list.index(index);
        let (name, place) = (read::text(mount, "name"), read::text(mount, "mountPath"));
        if name.is_empty() {
            causes.push(Cause::required(path.child("name"), ""));
        }
        if !volumes.contains(name) {
            causes.push(Cause::not_found(path.child("name"), &name.into()));
        }
        if place.is_empty() {
            causes.push(Cause::required(path.child("mountPath"), ""));
        }
        if !seen.insert(place) {
            causes.push(Cause::invalid(
                path.child("mountPath"),
                &place.into(),
                "must be unique",
            ));
        }
        for field in ["subPath", "subPathExpr"] {
            let inner = read::text(mount, field);
            if inner.starts_with('/') {
                causes.push(Cause::invalid(
                    list.child(field),
                    &inner.into(),
                    "must be a relative path",
                ));
            }
            if inner.split('/').any(|part| part == "..") {
                causes.push(Cause::invalid(
                    list.child(field),
                    &inner.into(),
                    "must not contain '..'",
                ));
            }
        }
    }
    for (index, device) in read::list(container, "volumeDevices").iter().enumerate() {
        let path = path.child("volumeDevices").index(index);
        let name = read::text(device, "name");
        if !volumes.contains(name) {
            causes.push(Cause::not_found(path.child("name"), &name.into()));
        }
        if read::text(device, "devicePath").is_empty() {
            causes.push(Cause::required(path.child("devicePath"), ""));
        }
    }
}

fn check_security(context: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for field in ["runAsUser", "runAsGroup"] {
        if let Some(id) = read::whole(context, field).filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
            let detail = format!("must be between 0 and {}, inclusive", i32::MAX);
            causes.push(Cause::invalid(path.child(field), &id.into(), &detail));
        }
    }
    if context.get("allowPrivilegeEscalation").and_then(Value::as_bool) == Some(false) {
        if read::is(context, "privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            causes.push(quoting(&printed::SECURITY_CONTEXT, context, path, detail));
        }
        let added = read::list(&context["capabilities"], "add");
        if added
            .iter()
            .any(|capability| matches!(capability.as_str(), Some("SYS_ADMIN" | "CAP_SYS_ADMIN")))
        {
            let detail =
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            causes.push(quoting(&printed::SECURITY_CONTEXT, context, path, detail));
        }
    }
}

fn check_lifecycle(container: &Value, path: &Path, causes: &mut Vec<Cause>) {
    for name in ["postStart", "preStop"] {
        let handler = &container["lifecycle"][name];
        if handler.is_object() {
            check_handler(handler, &path.child("lifecycle").child(name), causes);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = &container[name];
        if !probe.is_object() {
            continue;
        }
        let path = path.child(name);
        check_handler(probe, &path, causes);
        for field in [
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ] {
            not_negative(probe, field, &path, causes);
        }
        let successes = read::whole(probe, "successThreshold");
        if name != "readinessProbe" && successes.is_some_and(|successes| successes != 1) {
            causes.push(Cause::invalid(
                path.child("successThreshold"),
                &probe["successThreshold"],
                "must be 1",
            ));
        }
    }
}

fn check_handler(handler: &Value, path: &Path, causes: &mut Vec<Cause>) {
    let kinds: Vec<&str> = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"]
        .into_iter()
        .filter(|kind| read::has(handler, kind))
        .collect();
    let Some((first, others)) = kinds.split_first() else {
        causes.push(Cause::required(path, "must specify a handler type"));
        return;
    };
    for other in others {
        causes.push(Cause::forbidden(
            path.child(other),
            "may not specify more than 1 handler type",
        ));
    }
    if *first == "exec" && read::list(&handler["exec"], "command").is_empty() {
        causes.push(Cause::required(path.child("exec").child("command"), ""));
    }
    if matches!(*first, "httpGet" | "tcpSocket") {
        match &handler[*first]["port"] {
            Value::String(name) => formed(
                name,
                names::port_name(name),
                &path.child(first).child("port"),
                causes,
            ),
            _ => check_port(&handler[*first], "port", &path.child(first), causes),
        }
    }
}
