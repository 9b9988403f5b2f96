//! What the kubelet calls.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_apiserver::{Direct, elapse, resources};
use plimsoll_vendors::Dra;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{
    allocation::{self, Grant},
    prepare::{Answer, Claims, PrepareError},
    slices::{Pool, slices},
};
use crate::{
    Faults,
    drivers::{Accelerator, CdiRegistry},
};

/// Namespaces with this label may use devices for administration.
const ADMIN_LABEL: &str = "resource.kubernetes.io/admin-access";

/// How long a device's last holder may take to leave; well below what the kubelet waits for an answer.
const PATIENCE_WITH_HOLDER: Duration = Duration::from_secs(15);

/// A claim as the kubelet names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// A device that was prepared, as the kubelet remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) driver: String,
    pub(crate) pool: String,
    pub(crate) device: String,
    pub(crate) request: String,
    pub(crate) cdi_ids: Vec<String>,
    pub(crate) healthy: bool,
}

/// One vendor's driver on one node.
#[derive(Debug)]
pub(crate) struct Driver {
    dra: &'static Dra,
    node: String,
    devices: Vec<Accelerator>,
    registry: Arc<Mutex<CdiRegistry>>,
    state: Mutex<State>,
    /// Says that a claim was unprepared.
    released: watch::Sender<()>,
    faults: Faults,
}

#[derive(Debug)]
struct State {
    claims: Claims,
    unhealthy: BTreeSet<String>,
    generation: i64,
    /// Its devices as they are offered at present, where that is otherwise than at first.
    laid_out: Option<Vec<Accelerator>>,
}

impl Driver {
    /// A driver of these devices, all healthy and free.
    pub(crate) fn new(
        dra: &'static Dra,
        node: &str,
        devices: Vec<Accelerator>,
        registry: Arc<Mutex<CdiRegistry>>,
        faults: &Faults,
    ) -> Self {
        let claims = Claims::new(dra, &devices, faults.clone());
        Self {
            dra,
            node: node.to_owned(),
            devices,
            registry,
            state: Mutex::new(State {
                claims,
                unhealthy: BTreeSet::new(),
                generation: 1,
                laid_out: None,
            }),
            released: watch::Sender::new(()),
            faults: faults.clone(),
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        &self.dra.driver
    }

    /// Whether the kubelet heard of it.
    pub(crate) fn is_registered(&self) -> bool {
        !self.faults.has("dra.api-only")
    }

    /// What it publishes now.
    pub(crate) fn slices(&self, node_uid: &str, minor: u32) -> Vec<Value> {
        let state = self.state();
        let pool = Pool {
            node: &self.node,
            node_uid,
            dra: self.dra,
            minor,
            faults: &self.faults,
        };
        let devices = state.laid_out.as_ref().unwrap_or(&self.devices);
        slices(&pool, devices, &state.unhealthy, state.generation)
    }

    /// Takes note that devices are offered otherwise, to be published in a new generation; those of other drivers among
    /// them are none of its business.
    pub(crate) fn lay_out(&self, devices: &[Accelerator]) {
        let own = devices
            .iter()
            .filter(|device| self.devices.iter().any(|known| known.uuid == device.uuid));
        let mut state = self.state();
        state.laid_out = Some(own.cloned().collect());
        state.generation += 1;
    }

    /// Takes note of a device's health. True if that is news, to be published in a new generation.
    pub(crate) fn set_health(&self, uuid: &str, healthy: bool) -> bool {
        if !self.devices.iter().any(|device| device.uuid == uuid) {
            return false;
        }
        let mut state = self.state();
        let news = if healthy {
            state.unhealthy.remove(uuid)
        } else {
            state.unhealthy.insert(uuid.to_owned())
        };
        state.generation += i64::from(news);
        news
    }

    /// Prepares a claim: reads what it was granted, and waits for a device's last holder to leave.
    pub(crate) async fn prepare(
        &self,
        api: &Direct,
        claim: &ClaimName,
        takes: Duration,
    ) -> Result<Vec<Prepared>, String> {
        elapse(takes).await;
        let known = self.state().claims.prepared(&claim.uid);
        let answers = match known {
            Some(answers) => answers,
            None => {
                let grants = self.grants(api, claim)?;
                self.prepare_in_turn(claim, &grants)
                    .await
                    .map_err(|error| error.to_string())?
            }
        };
        Ok(answers.into_iter().map(|answer| self.told(answer)).collect())
    }

    /// What a claim that was prepared earlier holds; nothing where it was not.
    pub(crate) fn adopt(&self, api: &Direct, claim: &ClaimName) -> Vec<Prepared> {
        let grants = self.grants(api, claim).unwrap_or_default();
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = self.state().claims.prepare(claim, grants, &mut registry);
        let answers = answers.unwrap_or_default();
        answers.into_iter().map(|answer| self.told(answer)).collect()
    }

    /// Takes back what a claim holds, and says which devices that were.
    pub(crate) async fn unprepare(&self, claim: &ClaimName, takes: Duration) -> Vec<Accelerator> {
        elapse(takes).await;
        let given_back = {
            let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            self.state().claims.unprepare(&claim.uid, &mut registry)
        };
        self.released.send_replace(());
        given_back
    }

    /// Writes its specifications anew, as after a reboot of its node.
    pub(crate) fn restart(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.state().claims.rebuild(&mut registry);
    }

    fn grants(&self, api: &Direct, claim: &ClaimName) -> Result<Vec<Grant>, String> {
        let object = api
            .get(&resources::RESOURCE_CLAIMS, Some(&claim.namespace), &claim.name)
            .ok_or_else(|| {
                format!(
                    "could not read ResourceClaim `{}/{}`",
                    claim.namespace, claim.name
                )
            })?;
        let grants = allocation::grants(&object, &claim.uid, self.name(), &self.node)
            .map_err(|error| format!("claim `{}/{}`: {error}", claim.namespace, claim.name))?;
        // The API server refuses such claims too; a driver that relies on that alone is open to a server that does
        // not yet.
        if grants.iter().any(|grant| grant.admin) && !allows_admin_access(api, &claim.namespace) {
            return Err(format!(
                "namespace `{}` is not labelled `{ADMIN_LABEL}=true`: administrative access refused",
                claim.namespace
            ));
        }
        Ok(grants)
    }

    /// A pod that is deleted without grace is gone from the API before its kubelet unprepares, so the next holder may
    /// ask while the last one is still leaving. A kubelet that is refused asks again after a minute; waiting for the
    /// last one to leave is faster.
    async fn prepare_in_turn(
        &self,
        claim: &ClaimName,
        grants: &[Grant],
    ) -> Result<Vec<Answer>, PrepareError> {
        let deadline = Instant::now() + PATIENCE_WITH_HOLDER;
        let mut released = self.released.subscribe();
        loop {
            let prepared = {
                let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
                self.state().claims.prepare(claim, grants.to_vec(), &mut registry)
            };
            let Err(PrepareError::Busy { .. }) = &prepared else {
                return prepared;
            };
            if timeout_at(deadline, released.changed()).await.is_err() {
                return prepared;
            }
        }
    }

    fn told(&self, answer: Answer) -> Prepared {
        let state = self.state();
        let device = state.claims.device(&answer.device);
        Prepared {
            driver: self.name().to_owned(),
            pool: self.node.clone(),
            healthy: device.is_some_and(|device| !state.unhealthy.contains(&device.uuid)),
            device: answer.device,
            request: answer.request,
            cdi_ids: answer.cdi_ids,
        }
    }

    /// Whether a device of the pool is healthy.
    pub(crate) fn is_healthy(&self, device: &str) -> bool {
        let state = self.state();
        state
            .claims
            .device(device)
            .is_some_and(|device| !state.unhealthy.contains(&device.uuid))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn allows_admin_access(api: &Direct, namespace: &str) -> bool {
    api.get(&resources::NAMESPACES, None, namespace)
        .is_some_and(|namespace| namespace["metadata"]["labels"][ADMIN_LABEL] == "true")
}
