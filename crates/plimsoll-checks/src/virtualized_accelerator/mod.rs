//! `virtualized_accelerator`: virtual functions are asked for, accounted and kept apart like physical accelerators.
//!
//! One trial per DRA driver and per vendor's device plugin that offers virtual functions, on its best node, which is borrowed
//! whole. Where the physical device is offered as well, it is held first, and its virtual function must wait (U5); then pods
//! take virtual functions until none is left (U1 to U4, U7). [`judge`] decides from what the probes report.

mod declaration;
mod judge;
mod trial;

use async_trait::async_trait;
use futures::future::try_join_all;
use plimsoll_platform::Path;
use plimsoll_vendors::Vendor;

use crate::{
    Check, CheckError, Conclusion, Context, Declaration,
    parts::{Kind, none_offered, offers, slices},
};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct VirtualizedAccelerator;

#[async_trait(?Send)]
impl Check for VirtualizedAccelerator {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let slices = slices(context).await?;
        let offers = offers(&context.inventory, &slices, Kind::Virtual);
        if offers.is_empty() {
            return Ok(none_offered(
                &context.inventory,
                "virtual accelerator",
                is_virtual,
                "no node offers virtual accelerators: no extended resource of a vGPU type, and no published device that is a \
                 virtual function",
            ));
        }
        try_join_all(offers.into_iter().map(|offer| trial::run(context, offer))).await?;
        Ok(Conclusion::Controls)
    }
}

fn is_virtual(path: &Path) -> bool {
    match path {
        Path::Dra { driver, class, .. } => Vendor::by_driver(driver)
            .and_then(|vendor| vendor.virtual_functions.as_ref()?.class.as_ref())
            .is_some_and(|virtuals| virtuals == class),
        Path::DevicePlugin { resource } => {
            Vendor::by_resource(resource).is_some_and(|vendor| vendor.is_virtual_resource(resource))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_resources_are_told_from_physical_ones() {
        let resource = |name: &str| Path::DevicePlugin {
            resource: name.to_owned(),
        };
        assert!(is_virtual(&resource("nvidia.com/GRID_A100-4C")));
        assert!(!is_virtual(&resource("nvidia.com/gpu")));
    }
}
