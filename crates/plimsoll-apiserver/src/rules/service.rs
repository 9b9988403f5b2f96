//! Services: ports, and an address that stays.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use super::{formed, metadata, names, one_of, printed, read};
use crate::schema::{Cause, CauseReason, path::Path};

/// What is wrong with a service, or with what it is changed to.
pub(super) fn check(object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let kind = read::text(spec, "type");
    let address = read::text(spec, "clusterIP");
    let is_headless = address == "None" && kind == "ClusterIP";
    let ports = read::list(spec, "ports");
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        causes.push(Cause::required(path.child("ports"), ""));
    }
    if kind == "ExternalName" {
        match read::text(spec, "externalName").trim_end_matches('.') {
            "" => causes.push(Cause::required(path.child("externalName"), "")),
            name => formed(
                name,
                names::dns1123_subdomain(name),
                &path.child("externalName"),
                causes,
            ),
        }
    }
    if address == "None" && matches!(kind, "NodePort" | "LoadBalancer") {
        let detail = format!("may not be set to 'None' for {kind} services");
        causes.push(Cause::invalid(
            path.child("clusterIPs").index(0),
            &"None".into(),
            &detail,
        ));
    }
    check_ports(spec, kind, &path, causes);
    metadata::check_labels(&spec["selector"], &path.child("selector"), causes);
    one_of(spec, "sessionAffinity", &["ClientIP", "None"], &path, causes);
    one_of(
        spec,
        "type",
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
        &path,
        causes,
    );
    if !matches!(address, "" | "None") && address.parse::<IpAddr>().is_err() {
        let at = path.child("clusterIPs").index(0);
        causes.push(Cause::invalid(
            at,
            &address.into(),
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ));
    }
    if let Some(old) = old {
        let before = read::text(&old["spec"], "clusterIP");
        let was_external = read::text(&old["spec"], "type") == "ExternalName";
        if !before.is_empty() && !was_external && kind != "ExternalName" && before != address {
            let at = path.child("clusterIPs").index(0);
            let detail = "may not change once set";
            causes.push(Cause::invalid(at, &spec["clusterIPs"], detail));
        }
    }
}

fn check_ports(spec: &Value, kind: &str, path: &Path, causes: &mut Vec<Cause>) {
    let ports = read::list(spec, "ports");
    let (mut named, mut numbered) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let path = path.child("ports").index(index);
        match read::text(port, "name") {
            "" if ports.len() > 1 => causes.push(Cause::required(path.child("name"), "")),
            "" => {}
            name => {
                formed(name, names::dns1123_label(name), &path.child("name"), causes);
                if !named.insert(name) {
                    causes.push(Cause::duplicate(path.child("name"), &name.into()));
                }
            }
        }
        let number = read::whole(port, "port").unwrap_or_default();
        if !(1..=65535).contains(&number) {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(Cause::invalid(path.child("port"), &number.into(), detail));
        }
        one_of(port, "protocol", &["SCTP", "TCP", "UDP"], &path, causes);
        match &port["targetPort"] {
            Value::String(name) => formed(name, names::port_name(name), &path.child("targetPort"), causes),
            Value::Number(number)
                if !number
                    .as_i64()
                    .is_some_and(|number| (1..=65535).contains(&number)) =>
            {
                let detail = "must be between 1 and 65535, inclusive";
                causes.push(Cause::invalid(
                    path.child("targetPort"),
                    &port["targetPort"],
                    detail,
                ));
            }
            _ => {}
        }
        if kind == "ClusterIP" && read::whole(port, "nodePort").unwrap_or_default() != 0 {
            let detail = "may not be used when `type` is 'ClusterIP'";
            causes.push(Cause::forbidden(path.child("nodePort"), detail));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let number = read::whole(port, "port").unwrap_or_default();
        if !numbered.insert((read::text(port, "protocol"), number)) {
            let own = json!({"protocol": port["protocol"], "port": number});
            let own = printed::printed(&printed::SERVICE_PORT, &own);
            let path = path.child("ports").index(index);
            causes.push(Cause::quoting(CauseReason::Duplicate, path, &own, ""));
        }
    }
}
