//! Services and their endpoints.

use jiff::Timestamp;
use serde_json::Value;

use super::{Always, Column, View, Wide, array, labels, name, number, or_none, own_age, string};

pub(super) const VIEWS: &[View] = &[
    View {
        group: "",
        resource: "services",
        columns: &[
            Column("Name", Always),
            Column("Type", Always),
            Column("Cluster-IP", Always),
            Column("External-IP", Always),
            Column("Port(s)", Always),
            Column("Age", Always),
            Column("Selector", Wide),
        ],
        cells: service,
    },
    View {
        group: "",
        resource: "endpoints",
        columns: &[
            Column("Name", Always),
            Column("Endpoints", Always),
            Column("Age", Always),
        ],
        cells: endpoints,
    },
    View {
        group: "discovery.k8s.io",
        resource: "endpointslices",
        columns: &[
            Column("Name", Always),
            Column("AddressType", Always),
            Column("Ports", Always),
            Column("Endpoints", Always),
            Column("Age", Always),
        ],
        cells: endpoint_slice,
    },
    View {
        group: "networking.k8s.io",
        resource: "ingresses",
        columns: &[
            Column("Name", Always),
            Column("Class", Always),
            Column("Hosts", Always),
            Column("Address", Always),
            Column("Ports", Always),
            Column("Age", Always),
        ],
        cells: ingress,
    },
];

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &object["spec"];
    let kind = string(&spec["type"]);
    let balancer: Vec<&str> = array(&object["status"]["loadBalancer"]["ingress"])
        .iter()
        .map(|ingress| match string(&ingress["ip"]) {
            "" => string(&ingress["hostname"]),
            ip => ip,
        })
        .collect();
    let mut external: Vec<&str> = array(&spec["externalIPs"]).iter().map(string).collect();
    let outside = match kind {
        "ExternalName" => string(&spec["externalName"]).to_owned(),
        "LoadBalancer" => {
            external.splice(0..0, balancer);
            if external.is_empty() {
                "<pending>".to_owned()
            } else {
                external.join(",")
            }
        }
        _ if external.is_empty() => "<none>".to_owned(),
        _ => external.join(","),
    };
    let ports: Vec<String> = array(&spec["ports"])
        .iter()
        .map(|port| match number(&port["nodePort"]) {
            0 => format!("{}/{}", number(&port["port"]), string(&port["protocol"])),
            node => format!("{}:{node}/{}", number(&port["port"]), string(&port["protocol"])),
        })
        .collect();
    vec![
        name(object),
        kind.into(),
        or_none(string(&spec["clusterIP"])),
        outside.into(),
        or_none(&ports.join(",")),
        own_age(object, now),
        labels(&spec["selector"]),
    ]
}

/// At most three, and how many more there are.
fn few(all: &[String]) -> Value {
    match all {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a},{b},{c} + {} more...", rest.len()).into(),
        all => or_none(&all.join(",")),
    }
}

fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in array(&object["subsets"]) {
        for address in array(&subset["addresses"]) {
            let ip = string(&address["ip"]);
            let ports = array(&subset["ports"]);
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            all.extend(ports.iter().map(|port| format!("{ip}:{}", number(&port["port"]))));
        }
    }
    vec![name(object), few(&all), own_age(object, now)]
}

fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = array(&object["ports"])
        .iter()
        .map(|port| number(&port["port"]).to_string())
        .collect();
    let addresses: Vec<String> = array(&object["endpoints"])
        .iter()
        .flat_map(|endpoint| array(&endpoint["addresses"]))
        .map(|address| string(address).to_owned())
        .collect();
    let unset = |shown: Value| {
        if shown == "<none>" {
            "<unset>".into()
        } else {
            shown
        }
    };
    vec![
        name(object),
        object["addressType"].clone(),
        unset(few(&ports)),
        unset(few(&addresses)),
        own_age(object, now),
    ]
}

fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &object["spec"];
    let hosts: Vec<&str> = array(&spec["rules"])
        .iter()
        .map(|rule| string(&rule["host"]))
        .filter(|host| !host.is_empty())
        .collect();
    let addresses: Vec<&str> = array(&object["status"]["loadBalancer"]["ingress"])
        .iter()
        .map(|ingress| string(&ingress["ip"]))
        .collect();
    let ports = if array(&spec["tls"]).is_empty() {
        "80"
    } else {
        "80, 443"
    };
    vec![
        name(object),
        or_none(string(&spec["ingressClassName"])),
        if hosts.is_empty() {
            "*".into()
        } else {
            hosts.join(",").into()
        },
        addresses.join(",").into(),
        ports.into(),
        own_age(object, now),
    ]
}
