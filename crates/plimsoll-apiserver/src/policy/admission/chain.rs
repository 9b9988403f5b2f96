//! The plugins in the order of the real server.

use std::sync::Arc;

use serde_json::Value;

use super::{Request, Webhooks};
use crate::{
    Clock, GroupResource, Seed, Status,
    policy::{View, Write},
};

/// The admission chain.
pub struct Admission {
    minor: u32,
    clock: Clock,
    seed: Seed,
    webhooks: Arc<dyn Webhooks>,
}

impl Admission {
    /// The chain of a server of Kubernetes 1.`minor`.
    #[must_use]
    pub fn new(minor: u32, clock: Clock, seed: Seed, webhooks: Arc<dyn Webhooks>) -> Self {
        Self {
            minor,
            clock,
            seed,
            webhooks,
        }
    }

    /// Completes what is brought: `request.object` changes. Warnings are collected in the request.
    ///
    /// # Errors
    /// The first plugin's refusal.
    pub async fn mutate(&self, view: &dyn View, request: &mut Request) -> Result<(), Status> {
        let _ = (view, request, self.minor, &self.clock, &self.seed, &self.webhooks);
        Ok(())
    }

    /// Judges what is to be stored, quotas apart.
    ///
    /// # Errors
    /// The first plugin's refusal.
    pub async fn validate(&self, view: &dyn View, request: &mut Request) -> Result<(), Status> {
        let _ = (view, request);
        Ok(())
    }

    /// Judges what is to be stored by the quotas of its namespace. Nothing may be stored between this and the write.
    ///
    /// # Errors
    /// `Forbidden` where a quota has no room.
    pub fn within_quota(&self, view: &dyn View, request: &Request) -> Result<(), Status> {
        let _ = (view, request);
        Ok(())
    }

    /// What follows from a change that was stored, whoever made it: quotas count it, new quotas are counted, aggregating
    /// roles gather. To be called after every change, bulk loads included; cheap where nothing follows.
    #[must_use]
    pub fn settle(
        &self,
        view: &dyn View,
        of: &GroupResource,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Vec<Write> {
        let _ = (view, of, old, new);
        Vec::new()
    }
}
