//! The plugins in the order of the real server.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Request, Webhooks, admin_access, limit_ranger, namespace_lifecycle, pod_group, pod_security, policies,
    priority, quota::Quotas, reinvocation::Rounds, runtime_class, service_account, storage_class,
    tolerations, topology_labels, webhooks,
};
use crate::{
    GroupResource, Seed, Status,
    policy::{View, Write, rbac},
    resources,
};

/// The minor version in which PodGroups were held against the workloads that they name.
const POD_GROUPS_NEED_WORKLOADS: u32 = 36;

/// Plugins that the real server has and that are off unless somebody turns them on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plugins {
    /// Pods bear taints that are called like the extended resources they ask for.
    pub extended_resource_toleration: bool,
}

/// The admission chain.
pub struct Admission {
    minor: u32,
    seed: Seed,
    webhooks: Arc<dyn Webhooks>,
    plugins: Plugins,
    mutating_policies: policies::Mutating,
    mutating_webhooks: webhooks::Mutating,
    validating_policies: policies::Validating,
    validating_webhooks: webhooks::Validating,
    quotas: Quotas,
}

impl Admission {
    /// The chain of a server of Kubernetes 1.`minor`.
    #[must_use]
    pub fn new(minor: u32, seed: Seed, webhooks: Arc<dyn Webhooks>, plugins: Plugins) -> Self {
        Self {
            minor,
            seed,
            webhooks,
            plugins,
            mutating_policies: policies::Mutating::new(minor),
            mutating_webhooks: webhooks::Mutating::new(minor),
            validating_policies: policies::Validating::default(),
            validating_webhooks: webhooks::Validating::default(),
            quotas: Quotas::new(minor),
        }
    }

    /// Completes what is brought: `request.object` changes. Warnings are collected in the request.
    ///
    /// # Errors
    /// The first plugin's refusal.
    pub async fn mutate(&self, view: &dyn View, request: &mut Request) -> Result<(), Status> {
        let (mut policies, mut webhooks) = (Rounds::default(), Rounds::default());
        self.round(view, request, &mut policies, &mut webhooks).await?;
        // What policies or webhooks changed is shown to everybody once more.
        if policies.changed || webhooks.changed {
            (policies.again, webhooks.again) = (true, true);
            self.round(view, request, &mut policies, &mut webhooks).await?;
        }
        Ok(())
    }

    async fn round(
        &self,
        view: &dyn View,
        request: &mut Request,
        policies: &mut Rounds,
        webhooks: &mut Rounds,
    ) -> Result<(), Status> {
        namespace_lifecycle::admit(view, request)?;
        limit_ranger::mutate(view, request);
        service_account::mutate(view, &self.seed, request).await?;
        tolerations::taint_new_node(request);
        priority::mutate(view, request)?;
        tolerations::default_seconds(request);
        if self.plugins.extended_resource_toleration {
            tolerations::extended_resources(request);
        }
        storage_class::mutate(view, request);
        runtime_class::mutate(view, request)?;
        topology_labels::mutate(view, self.minor, request);
        self.mutating_policies.mutate(view, request, policies)?;
        let caller = (view, self.webhooks.as_ref(), &self.seed);
        self.mutating_webhooks.mutate(caller, request, webhooks).await
    }

    /// Judges what is to be stored, quotas apart.
    ///
    /// # Errors
    /// The first plugin's refusal.
    pub async fn validate(&self, view: &dyn View, request: &mut Request) -> Result<(), Status> {
        admin_access::validate(view, self.minor, request)?;
        limit_ranger::validate(view, request)?;
        service_account::validate(view, request)?;
        pod_security::validate(view, self.minor, request)?;
        priority::validate(view, request)?;
        storage_class::validate(view, request)?;
        runtime_class::validate(view, request)?;
        if self.minor == POD_GROUPS_NEED_WORKLOADS {
            pod_group::validate(view, request)?;
        }
        self.validating_policies.validate(view, request)?;
        let caller = (view, self.webhooks.as_ref(), &self.seed);
        self.validating_webhooks.validate(caller, request).await
    }

    /// Judges what is to be stored by the quotas of its namespace. Nothing may be stored between this and the write.
    ///
    /// # Errors
    /// `Forbidden` where a quota has no room.
    pub fn within_quota(&self, view: &dyn View, request: &Request) -> Result<(), Status> {
        self.quotas.allow(view, request)
    }

    /// What follows from a change that was stored, whoever made it: quotas count it, new quotas are counted, aggregating
    /// roles gather. To be called after every change, bulk loads included; cheap where nothing follows.
    ///
    /// What comes back is to be stored as it is, without asking here again.
    #[must_use]
    pub fn settle(
        &self,
        view: &dyn View,
        of: &GroupResource,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<Write> {
        if *of == resources::CLUSTER_ROLES {
            return rbac::gather(view);
        }
        self.quotas.settle(view, of, old, new)
    }
}
