//! Addresses and ports of Services, which the API server hands out itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Inner, refusal};
use crate::{Status, resources};

/// The first two numbers of every cluster IP.
const NETWORK: &str = "10.96";
/// Node ports are in this range.
const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

impl Inner {
    /// Gives a Service what it needs and lacks; what it had it keeps.
    pub(super) fn allocate_addresses(&self, old: Option<&Value>, service: &mut Value) -> Result<(), Status> {
        let kind = service["spec"]["type"].as_str().unwrap_or("ClusterIP").to_owned();
        if !service["spec"].is_object() {
            return Ok(());
        }
        if kind == "ExternalName" {
            return Ok(());
        }
        self.allocate_cluster_ip(old, service)?;
        if kind != "ClusterIP" {
            self.allocate_node_ports(old, service);
        }
        Ok(())
    }

    fn allocate_cluster_ip(&self, old: Option<&Value>, service: &mut Value) -> Result<(), Status> {
        let name = service["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let present = old
            .and_then(|old| old["spec"]["clusterIP"].as_str())
            .unwrap_or_default();
        let spec = &mut service["spec"];
        let wanted = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
        let address = if !wanted.is_empty() {
            wanted
        } else if !present.is_empty() {
            present.to_owned()
        } else {
            String::new()
        };
        let taken = || -> BTreeSet<String> {
            self.store
                .lock()
                .list(&resources::SERVICES, None)
                .filter_map(|(_, item)| item.object()["spec"]["clusterIP"].as_str().map(str::to_owned))
                .collect()
        };
        let address = match address.as_str() {
            "None" => address,
            "" => {
                let taken = taken();
                // The first address is the API server's, the tenth DNS's.
                (0_u32..65_535)
                    .map(|at| (at + 16) % 65_535)
                    .map(|at| format!("{NETWORK}.{}.{}", at / 256, at % 256))
                    .find(|address| !address.ends_with(".0") && !taken.contains(address))
                    .unwrap_or_default()
            }
            address if old.is_none() && taken().contains(address) => {
                let message = format!(
                    "Invalid value: [\"{address}\"]: failed to allocate IP {address}: provided IP is already allocated"
                );
                return Err(refusal::invalid(
                    "Service",
                    "",
                    &name,
                    "spec.clusterIPs",
                    "FieldValueInvalid",
                    &message,
                ));
            }
            _ => address,
        };
        spec["clusterIP"] = address.clone().into();
        spec["clusterIPs"] = json!([address]);
        // Where nothing is selected, whoever writes the endpoints may use what they like.
        let is_open = address == "None" && spec["selector"].is_null();
        let (families, policy) = match is_open {
            true => (json!(["IPv4", "IPv6"]), "RequireDualStack"),
            false => (json!(["IPv4"]), "SingleStack"),
        };
        for (field, value) in [("ipFamilies", families), ("ipFamilyPolicy", policy.into())] {
            if spec[field].is_null() {
                spec[field] = value;
            }
        }
        Ok(())
    }

    fn allocate_node_ports(&self, old: Option<&Value>, service: &mut Value) {
        let mut taken: BTreeSet<u64> = self
            .store
            .lock()
            .list(&resources::SERVICES, None)
            .flat_map(|(_, item)| node_ports(&item.object()))
            .collect();
        taken.extend(node_ports(service));
        let before: Vec<Value> = old
            .and_then(|old| old["spec"]["ports"].as_array().cloned())
            .unwrap_or_default();
        for port in service["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if port["nodePort"].as_u64().is_some_and(|port| port > 0) {
                continue;
            }
            let kept = before
                .iter()
                .find(|own| own["port"] == port["port"] && own["protocol"] == port["protocol"])
                .and_then(|own| own["nodePort"].as_u64());
            let number = kept.or_else(|| NODE_PORTS.clone().find(|number| !taken.contains(number)));
            if let Some(number) = number {
                taken.insert(number);
                port["nodePort"] = number.into();
            }
        }
    }
}

fn node_ports(service: &Value) -> Vec<u64> {
    service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|port| port["nodePort"].as_u64())
        .collect()
}
