//! `gpu_sharing`: several pods on one accelerator, by a static strategy.
//!
//! [`strategy`] finds how devices can be shared; [`software`] tries shares that a device plugin offers, [`parts`] two
//! parts of one device, [`capacity`] shares of a device's memory by claims, and [`claim`] one ResourceClaim for two pods,
//! all on a borrowed [`ground`]. [`judge`] alone decides, from what probes report.

mod capacity;
mod claim;
mod declaration;
mod ground;
mod judge;
mod parts;
mod software;
mod strategy;

use async_trait::async_trait;
use futures::future::try_join_all;

use crate::{Check, CheckError, Conclusion, Context, Declaration};
use strategy::{Absence, Strategy};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct GpuSharing;

#[async_trait(?Send)]
impl Check for GpuSharing {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let strategies = strategy::strategies(&context.inventory);
        if strategies.is_empty() {
            return Ok(match strategy::absence(&context.inventory) {
                Absence::Unknown(reason) => Conclusion::Absent { reason },
                Absence::Lacking(reason) => {
                    context.trial("platform").wrong("H1", reason);
                    Conclusion::Controls
                }
            });
        }
        let is_software = |strategy: &Strategy| matches!(strategy, Strategy::Software { .. });
        if !strategies.iter().any(is_software) {
            let offers = capacity::offers(context).await?;
            if !offers.is_empty() {
                try_join_all(offers.into_iter().map(|offer| capacity::run(context, offer))).await?;
                return Ok(Conclusion::Controls);
            }
        }
        try_join_all(strategies.into_iter().map(|strategy| run(context, strategy))).await?;
        Ok(Conclusion::Controls)
    }
}

async fn run(context: &Context, strategy: Strategy) -> Result<(), CheckError> {
    match strategy {
        Strategy::Software { resource, nodes } => software::run(context, resource, nodes).await,
        Strategy::Parts { path } => parts::run(context, path).await,
        Strategy::PluginParts { resource } => parts::run_plugin(context, resource).await,
        Strategy::Claim { path } => claim::run(context, path).await,
    }
}
