//! `dra_support`: dynamic resource allocation works from the API to the container.
//!
//! One trial per driver that publishes devices. `api` and [`pools`] decide from what is served and published
//! alone (D1, D2); all other controls run pods on a [`bench::Bench`], on one node with one or two devices
//! borrowed from the budget, and compare what the claim was allocated with what the probe found in the pod:
//! see [`crate::probe_pod::delivered`].
//!
//! The refusals (D5, D6) are watched side by side, for one window, while D7 and D8 show that the scheduler is
//! alive; the release of the one device then ends D6 and begins D9.

mod api;
mod bench;
mod claims;
mod declaration;
mod driver;
pub(crate) mod hardware;
mod pools;
mod refusal;
mod release;
mod select;
mod shapes;
mod sharing;

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;
use kube::core::DynamicObject;
use plimsoll_platform::{Grace, dra::Slice};
use plimsoll_vendors::Vendor;
use serde_json::json;

use crate::{Check, CheckError, Conclusion, Context, Declaration, probe_pod::LivePod};
use bench::Bench;

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct DraSupport;

#[async_trait(?Send)]
impl Check for DraSupport {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let served = api::served(&context.platform).await?;
        context.observe(
            "discovery of resource.k8s.io",
            json!({"api": if served.is_right() { "proven" } else { "not proven" }, "found": served.detail()}),
        );
        if served.is_wrong() {
            served.tell(&context.trial("resource.k8s.io"), "D1");
            return Ok(Conclusion::Controls);
        }
        let slices = pools::read(context).await?;
        let mut drivers = drivers(&slices);
        drivers.retain(|driver| context.settings.wants_driver(driver));
        if drivers.is_empty() {
            let reason = "the API is served, but no driver publishes devices; a DRA driver for the platform's \
                          accelerators would be tried";
            return Ok(Conclusion::Absent {
                reason: reason.to_owned(),
            });
        }
        try_join_all(
            drivers
                .into_iter()
                .map(|driver| driver::run(context, driver, &served)),
        )
        .await?;
        Ok(Conclusion::Controls)
    }
}

/// The drivers to try: all that publish, except those that a vendor's profile knows to publish no whole device.
fn drivers(slices: &[Slice]) -> BTreeSet<String> {
    let whole = |driver: &str| {
        let dra = Vendor::by_driver(driver).and_then(|vendor| vendor.dra.as_ref());
        dra.is_none_or(|dra| dra.driver == driver)
    };
    slices
        .iter()
        .map(|slice| slice.driver.clone())
        .filter(|driver| whole(driver))
        .collect()
}

/// Takes a pod away, and waits until it is gone.
async fn remove(bench: &Bench<'_>, pod: &LivePod) -> Result<(), CheckError> {
    pod.remove(&bench.context.patience)
        .await
        .map_err(CheckError::from)
}

/// Takes another object away.
async fn delete(bench: &Bench<'_>, object: &DynamicObject) -> Result<(), CheckError> {
    bench
        .namespace()
        .delete(object, Grace::SHORT)
        .await
        .map_err(|error| CheckError::Api {
            what: format!("delete {}", error.what),
            source: error.source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(driver: &str) -> Slice {
        let object = json!({
            "metadata": {"name": driver},
            "spec": {"driver": driver, "pool": {"name": "p"}, "devices": [{"name": "d"}]},
        });
        Slice::read(&object).unwrap()
    }

    #[test]
    fn each_driver_is_tried_once_and_one_without_whole_devices_not_at_all() {
        let slices = [
            slice("gpu.nvidia.com"),
            slice("gpu.nvidia.com"),
            slice("compute-domain.nvidia.com"),
            slice("npu.acme.com"),
        ];
        assert_eq!(
            drivers(&slices).into_iter().collect::<Vec<_>>(),
            ["gpu.nvidia.com", "npu.acme.com"]
        );
    }

    #[test]
    fn nothing_published_is_nothing_to_try() {
        assert!(drivers(&[]).is_empty());
    }
}
