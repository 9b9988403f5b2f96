//! Gives each namespace its default ServiceAccount and the cluster's CA.

use plimsoll_apiserver::{Change, Direct, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    facts::meta::{self, Key},
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

const ACCOUNT: &str = "default";
const CA: &str = "kube-root-ca.crt";
/// Where a platform that is served publishes the CA that clients verify it with.
const CLUSTER_CA: (&str, &str) = ("kube-system", "extension-apiserver-authentication");
/// Stands for a CA where nobody connects over TLS.
const NO_CA: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Accounts { api: api.clone() }).await;
}

struct Accounts {
    api: Direct,
}

impl Reconcile for Accounts {
    type Key = String;

    fn watches(&self) -> Watched {
        Watched::Only(vec![
            resources::NAMESPACES,
            resources::SERVICE_ACCOUNTS,
            resources::CONFIG_MAPS,
        ])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(String)) {
        let object = change.object();
        let is_namespace = *change.of() == resources::NAMESPACES;
        match change {
            Change::Added(..) if is_namespace => look_at(meta::name(object).to_owned()),
            Change::Deleted(..) if !is_namespace && [ACCOUNT, CA].contains(&meta::name(object)) => {
                look_at(meta::namespace(object).to_owned());
            }
            Change::Modified { old, new, .. } if meta::name(new) == CA && old["data"] != new["data"] => {
                look_at(meta::namespace(object).to_owned());
            }
            Change::Added(..) | Change::Modified { .. } | Change::Deleted(..) => {}
        }
    }

    async fn reconcile(&mut self, namespace: &String) -> Next {
        match self.provide(namespace).await {
            Ok(()) => Next::Done,
            Err(refusal) if matches!(refusal.reason, Reason::NotFound | Reason::AlreadyExists) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}

impl Accounts {
    async fn provide(&self, namespace: &str) -> Result<(), Status> {
        let object = self.api.get(&resources::NAMESPACES, None, namespace);
        if object.is_none_or(|object| meta::deleting(&object)) {
            return Ok(());
        }
        let key = Key::new(namespace, ACCOUNT);
        if self
            .api
            .get(&resources::SERVICE_ACCOUNTS, key.space(), &key.name)
            .is_none()
        {
            self.api
                .create(json!({
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": ACCOUNT, "namespace": namespace},
                }))
                .await?;
        }
        let data = json!({"ca.crt": self.ca()});
        match self.api.get(&resources::CONFIG_MAPS, Some(namespace), CA) {
            None => {
                self.api
                    .create(json!({
                        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                        "metadata": {"name": CA, "namespace": namespace, "annotations": {
                            "kubernetes.io/description": "The CA by which clients within the cluster know its API server."}},
                    }))
                    .await?;
            }
            Some(own) if own["data"] != data => {
                let mut next = (*own).clone();
                next["data"] = data;
                self.api.update(next).await?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn ca(&self) -> Value {
        let (namespace, name) = CLUSTER_CA;
        let published = self.api.get(&resources::CONFIG_MAPS, Some(namespace), name);
        published.map_or(
            json!(NO_CA),
            |published| match &published["data"]["client-ca-file"] {
                Value::String(ca) => json!(ca),
                _ => json!(NO_CA),
            },
        )
    }
}
