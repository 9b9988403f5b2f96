//! Tells where a Service's pods are: EndpointSlices, and Endpoints as they were before.
//!
//! [`members`] knows which pods a Service selects, [`address`] what is said of one, [`slices`] and [`legacy`] pack them;
//! the loop is here.

mod address;
mod legacy;
mod members;
mod slices;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use plimsoll_apiserver::{Change, DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use self::{members::Members, slices::Packing};
use super::{
    facts::meta::{self, Key},
    pods::{adoption, control::namespace_is_going},
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    let endpoints = Endpoints {
        api: api.clone(),
        members: Members::default(),
    };
    drive(&api, latencies, endpoints).await;
}

struct Endpoints {
    api: Direct,
    members: Members,
}

impl Reconcile for Endpoints {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::SERVICES,
            resources::PODS,
            resources::ENDPOINT_SLICES,
            resources::ENDPOINTS,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let object = change.object();
        let of = change.of();
        if *of == resources::PODS {
            self.members.pod_changed(&self.api, change, look_at);
        } else if *of == resources::SERVICES {
            self.members.service_changed(&self.api, change);
            look_at(Key::of(object));
        } else if *of == resources::ENDPOINT_SLICES {
            if meta::label(object, slices::MANAGED_BY) == Some(slices::MANAGER)
                && let Some(service) = meta::label(object, slices::SERVICE)
            {
                look_at(Key::new(meta::namespace(object), service));
            }
        } else {
            look_at(Key::of(object));
        }
    }

    async fn reconcile(&mut self, key: &Key) -> Next {
        match self.tell(key).await {
            Ok(()) => Next::Done,
            Err(refusal) if namespace_is_going(&refusal) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Endpoints {
    async fn tell(&mut self, key: &Key) -> Result<(), Status> {
        let Some(service) = self.api.get(&resources::SERVICES, key.space(), &key.name) else {
            return self.forget_legacy(key).await;
        };
        if service["spec"]["type"] == "ExternalName" || !service["spec"]["selector"].is_object() {
            return Ok(());
        }
        if meta::deleting(&service) {
            return Ok(());
        }
        let pods = self.members.of(&self.api, key);
        self.write_slices(&service, &pods).await?;
        self.write_legacy(key, &service, &pods).await
    }

    async fn write_slices(&self, service: &Object, pods: &[Object]) -> Result<(), Status> {
        let mut zones: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut zone = |node: &str| {
            zones
                .entry(node.to_owned())
                .or_insert_with(|| {
                    let node = self.api.get(&resources::NODES, None, node)?;
                    meta::label(&node, "topology.kubernetes.io/zone").map(str::to_owned)
                })
                .clone()
        };
        let wanted = slices::wanted(service, pods, &mut zone);
        let present: Vec<Object> = adoption::controlled(&self.api, service, &resources::ENDPOINT_SLICES)
            .into_iter()
            .filter(|slice| meta::label(slice, slices::MANAGED_BY) == Some(slices::MANAGER))
            .collect();
        let now = self.api.now();
        for packing in slices::pack(service, &present, wanted, &now) {
            match packing {
                Packing::Create(slice) => {
                    self.api.create(slice).await?;
                }
                Packing::Update(slice) => {
                    self.api.update(slice).await?;
                }
                Packing::Delete(name) => {
                    let namespace = Some(meta::namespace(service));
                    let gone = self
                        .api
                        .delete(
                            &resources::ENDPOINT_SLICES,
                            namespace,
                            &name,
                            DeleteOptions::default(),
                        )
                        .await;
                    ignore_missing(gone)?;
                }
            }
        }
        Ok(())
    }

    async fn write_legacy(&self, key: &Key, service: &Object, pods: &[Object]) -> Result<(), Status> {
        let present = self.api.get(&resources::ENDPOINTS, key.space(), &key.name);
        let mut wanted = legacy::endpoints(service, pods);
        if let Some(present) = present {
            if present["subsets"] == wanted["subsets"]
                && present["metadata"]["labels"] == wanted["metadata"]["labels"]
            {
                return Ok(());
            }
            let mut next = (*present).clone();
            next["metadata"]["labels"] = wanted["metadata"]["labels"].take();
            next["metadata"]["annotations"][legacy::TRIGGER] = json!(self.api.now());
            next["subsets"] = wanted["subsets"].take();
            self.api.update(next).await?;
        } else {
            wanted["metadata"]["annotations"] = json!({legacy::TRIGGER: self.api.now()});
            self.api.create(wanted).await?;
        }
        Ok(())
    }

    /// The Endpoints of a Service that is gone.
    async fn forget_legacy(&self, key: &Key) -> Result<(), Status> {
        let ours = self
            .api
            .get(&resources::ENDPOINTS, key.space(), &key.name)
            .is_some_and(|endpoints: Object| {
                meta::label(&endpoints, legacy::MANAGED_BY) == Some(legacy::MANAGER)
            });
        if ours {
            let options = DeleteOptions::default();
            ignore_missing(
                self.api
                    .delete(&resources::ENDPOINTS, key.space(), &key.name, options)
                    .await,
            )?;
        }
        Ok(())
    }
}

fn ignore_missing(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(refusal) if refusal.reason != Reason::NotFound => Err(refusal),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a Service has no address of its own.
fn is_headless(service: &Value) -> bool {
    let address = service["spec"]["clusterIP"].as_str().unwrap_or_default();
    address.is_empty() || address == "None"
}
