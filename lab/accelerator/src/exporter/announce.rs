//! The Service in front of a vendor's exporters, and this node's place behind it.

use std::{fmt::Debug, net::IpAddr};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{core::v1::Service, discovery::v1::EndpointSlice},
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
};
use plimsoll_vendors::Metrics;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::dra::publish::MANAGER;

/// Where exporters are, as far as the API is concerned.
const NAMESPACE: &str = "kube-system";

/// Nobody would find an exporter.
#[derive(Debug, thiserror::Error)]
#[error("could not apply the {kind} `{name}` of an exporter")]
pub struct AnnounceError {
    kind: &'static str,
    name: String,
    #[source]
    source: Box<kube::Error>,
}

/// Applies both. Every node applies the same Service.
pub(super) async fn announce(
    client: Client,
    metrics: &Metrics,
    node: &str,
    node_uid: &str,
    address: IpAddr,
) -> Result<(), AnnounceError> {
    let (service, slice) = objects(metrics, node, node_uid, address);
    apply::<Service>(client.clone(), "Service", &service).await?;
    apply::<EndpointSlice>(client, "EndpointSlice", &slice).await
}

async fn apply<K>(client: Client, kind: &'static str, object: &Value) -> Result<(), AnnounceError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply(MANAGER).force();
    Api::<K>::namespaced(client, NAMESPACE)
        .patch(name, &params, &Patch::Apply(object))
        .await
        .map(drop)
        .map_err(|source| AnnounceError {
            kind,
            name: name.to_owned(),
            source: Box::new(source),
        })
}

fn objects(metrics: &Metrics, node: &str, node_uid: &str, address: IpAddr) -> (Value, Value) {
    let label = metrics.found_by.first().map_or("app=exporter", String::as_str);
    let (key, name) = label.split_once('=').unwrap_or(("app", label));
    let port = json!({"name": "metrics", "protocol": "TCP", "port": metrics.port});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {key: name}},
        "spec": {"clusterIP": "None", "ports": [port]},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-{node}"), "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": MANAGER},
            // It goes when the node does.
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node_uid}],
        },
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "ports": [port],
        "endpoints": [{"addresses": [address], "nodeName": node, "conditions": {"ready": true}}],
    });
    (service, slice)
}

#[cfg(test)]
mod tests {
    use plimsoll_vendors::Vendor;

    use super::*;

    #[test]
    fn objects_are_what_the_api_takes_and_belong_together() {
        let metrics = Vendor::by_id("nvidia").unwrap().metrics.as_ref().unwrap();
        let (service, slice) = objects(metrics, "n1", "uid", "198.18.0.11".parse().unwrap());
        let service: Service = serde_json::from_value(service).unwrap();
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        let name = service.metadata.name.unwrap();
        assert_eq!(name, "dcgm-exporter");
        assert_eq!(slice.metadata.labels.unwrap()["kubernetes.io/service-name"], name);
        assert_eq!(slice.ports.unwrap()[0].port, Some(9400));
    }
}
