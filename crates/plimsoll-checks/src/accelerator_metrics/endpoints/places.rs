//! From Services and pods to addresses.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{Pod, Service},
    discovery::v1::{Endpoint as ApiEndpoint, EndpointSlice},
};
use kube::{Api, Client, ResourceExt, api::ListParams};
use plimsoll_vendors::Metrics;

use super::{Endpoint, PATH, PORT};
use crate::accelerator_metrics::subject::Subject;

/// What is wanted of a Service or pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The port by number.
    pub(super) number: Option<u16>,
    /// The port by name.
    pub(super) name: Option<String>,
    /// The path.
    pub(super) path: String,
    /// Whose exporter it is.
    pub(super) of: Option<String>,
}

impl Wanted {
    /// As a vendor's profile says.
    pub(super) fn known(metrics: &Metrics, subject: &Subject) -> Self {
        Self {
            number: Some(metrics.port),
            name: None,
            path: metrics.path.clone(),
            of: Some(subject.name.clone()),
        }
    }

    /// As annotations say.
    pub(super) fn annotated(annotations: &BTreeMap<String, String>) -> Self {
        Self {
            number: annotations.get(PORT).and_then(|port| port.parse().ok()),
            name: None,
            path: annotations
                .get(PATH)
                .cloned()
                .unwrap_or_else(|| "/metrics".to_owned()),
            of: None,
        }
    }

    /// The port of these that is wanted: by name or number, else the only one, else one that is called after metrics.
    fn port<'a>(&self, ports: impl Iterator<Item = (Option<&'a str>, u16)> + Clone) -> Option<u16> {
        let named = |wanted: &str| ports.clone().find(|(name, _)| *name == Some(wanted));
        if let Some(name) = &self.name {
            return named(name).map(|(_, port)| port);
        }
        let numbered = ports.clone().find(|(_, port)| Some(*port) == self.number);
        let mut all = ports.clone();
        let only = all.next().filter(|_| all.next().is_none());
        let called = ports
            .clone()
            .find(|(name, _)| name.is_some_and(|name| name.contains("metrics")));
        numbered.or(only).or(called).map(|(_, port)| port).or(self.number)
    }

    fn endpoint(&self, address: &str, port: u16, node: Option<&str>, because: &str) -> Endpoint {
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let path = if self.path.starts_with('/') {
            self.path.clone()
        } else {
            format!("/{}", self.path)
        };
        Endpoint {
            url: format!("http://{host}:{port}{path}"),
            node: node.map(str::to_owned),
            of: self.of.clone(),
            because: because.to_owned(),
        }
    }
}

/// What is behind a Service and ready.
pub(super) async fn of_service(
    client: &Client,
    service: &Service,
    wanted: &Wanted,
    because: &str,
) -> Result<Vec<Endpoint>, kube::Error> {
    let namespace = service.namespace().unwrap_or_default();
    let selector = format!("kubernetes.io/service-name={}", service.name_any());
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), &namespace)
        .list(&ListParams::default().labels(&selector))
        .await?;
    Ok(slices
        .items
        .iter()
        .flat_map(|slice| of_slice(slice, wanted, because))
        .collect())
}

fn of_slice(slice: &EndpointSlice, wanted: &Wanted, because: &str) -> Vec<Endpoint> {
    let ports = slice.ports.as_deref().unwrap_or_default();
    let ports = ports.iter().filter_map(|port| {
        let number = u16::try_from(port.port?).ok()?;
        Some((port.name.as_deref().filter(|name| !name.is_empty()), number))
    });
    let Some(port) = wanted.port(ports) else {
        return Vec::new();
    };
    let is_ready = |endpoint: &&ApiEndpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.is_none_or(|conditions| conditions.ready.unwrap_or(true))
    };
    let endpoints = slice.endpoints.iter().flatten();
    endpoints
        .filter(is_ready)
        .filter_map(|endpoint| {
            let address = endpoint.addresses.first()?;
            Some(wanted.endpoint(address, port, endpoint.node_name.as_deref(), because))
        })
        .collect()
}

/// A pod that runs.
pub(super) fn of_pod(pod: &Pod, wanted: &Wanted, because: &str) -> Option<Endpoint> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() != Some("Running") {
        return None;
    }
    let spec = pod.spec.as_ref()?;
    let ports = spec
        .containers
        .iter()
        .flat_map(|container| container.ports.as_deref().unwrap_or_default())
        .filter_map(|port| Some((port.name.as_deref(), u16::try_from(port.container_port).ok()?)));
    let port = wanted.port(ports)?;
    let address = status.pod_ip.as_deref()?;
    Some(wanted.endpoint(address, port, spec.node_name.as_deref(), because))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(number: Option<u16>, name: Option<&str>) -> Wanted {
        Wanted {
            number,
            name: name.map(str::to_owned),
            path: "/metrics".to_owned(),
            of: None,
        }
    }

    #[test]
    fn the_port_is_the_one_named_or_numbered_or_the_only_one() {
        let ports = [(Some("web"), 80), (Some("gpu-metrics"), 9400)];
        let port = |wanted: &Wanted, count: usize| wanted.port(ports.iter().take(count).copied());
        assert_eq!(port(&wanted(None, Some("web")), 2), Some(80));
        assert_eq!(port(&wanted(None, Some("missing")), 2), None);
        assert_eq!(port(&wanted(Some(9400), None), 2), Some(9400));
        assert_eq!(port(&wanted(Some(1), None), 1), Some(80));
        assert_eq!(port(&wanted(Some(1), None), 2), Some(9400));
        assert_eq!(port(&wanted(Some(1), None), 0), Some(1));
        assert_eq!(port(&wanted(None, None), 0), None);
    }

    #[test]
    fn only_endpoints_that_are_ready_count_each_with_its_node() {
        let slice: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"name": "s"}, "addressType": "IPv6",
            "ports": [{"port": 9400}],
            "endpoints": [
                {"addresses": ["fd00::1"], "nodeName": "a"},
                {"addresses": ["fd00::2"], "nodeName": "b", "conditions": {"ready": false}},
            ],
        }))
        .unwrap();
        let found = of_slice(&slice, &wanted(Some(9400), None), "x");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].url, "http://[fd00::1]:9400/metrics");
        assert_eq!(found[0].node.as_deref(), Some("a"));
    }

    #[test]
    fn a_pod_without_an_address_is_nowhere() {
        let pod = |status: serde_json::Value| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"name": "p"},
                "spec": {"nodeName": "a", "containers": [{"name": "c", "ports": [{"containerPort": 2112}]}]},
                "status": status,
            }))
            .unwrap()
        };
        let running = pod(json!({"phase": "Running", "podIP": "10.0.0.1"}));
        let found = of_pod(&running, &wanted(None, None), "x").unwrap();
        assert_eq!(found.url, "http://10.0.0.1:2112/metrics");
        assert_eq!(
            of_pod(&pod(json!({"phase": "Running"})), &wanted(None, None), "x"),
            None
        );
        assert_eq!(
            of_pod(
                &pod(json!({"phase": "Pending", "podIP": "10.0.0.1"})),
                &wanted(None, None),
                "x"
            ),
            None
        );
    }
}
