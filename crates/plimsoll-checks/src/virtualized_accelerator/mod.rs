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
use plimsoll_platform::{Inventory, Path};
use plimsoll_vendors::Vendor;

use crate::{
    Check, CheckError, Conclusion, Context, Declaration,
    parts::{Kind, offers, slices},
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
            return Ok(none_offered(&context.inventory));
        }
        try_join_all(offers.into_iter().map(|offer| trial::run(context, offer))).await?;
        Ok(Conclusion::Controls)
    }
}

/// Nothing to try: nothing is virtual here, or all that is belongs to somebody else.
fn none_offered(inventory: &Inventory) -> Conclusion {
    let busy: Vec<&str> = inventory
        .accelerators
        .iter()
        .filter(|accelerator| accelerator.total > 0 && is_virtual(&accelerator.path))
        .map(|accelerator| accelerator.because.as_str())
        .collect();
    if busy.is_empty() {
        Conclusion::NotApplicable {
            reason: "no node offers virtual accelerators: no extended resource of a vGPU type, and no published device that \
                     is a virtual function"
                .to_owned(),
        }
    } else {
        Conclusion::Absent {
            reason: format!("no virtual accelerator is free to be tried: {}", busy.join("; ")),
        }
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
    use plimsoll_platform::Accelerator;

    use super::*;

    fn held(resource: &str) -> Inventory {
        Inventory {
            accelerators: vec![Accelerator {
                path: Path::DevicePlugin {
                    resource: resource.to_owned(),
                },
                vendor: None,
                node: "n1".to_owned(),
                devices: Vec::new(),
                total: 2,
                free: 0,
                because: "2 allocatable, 2 in use by pods".to_owned(),
            }],
            ..Inventory::default()
        }
    }

    #[test]
    fn a_platform_without_virtual_accelerators_need_not_have_any() {
        for inventory in [Inventory::default(), held("nvidia.com/gpu")] {
            assert!(matches!(
                none_offered(&inventory),
                Conclusion::NotApplicable { .. }
            ));
        }
    }

    #[test]
    fn virtual_accelerators_that_others_hold_are_not_judged() {
        let conclusion = none_offered(&held("nvidia.com/GRID_A100-4C"));
        assert!(matches!(conclusion, Conclusion::Absent { reason } if reason.contains("in use")));
    }
}
