//! `device_plugin_discovery`: what nodes advertise of accelerators is there.
//!
//! One trial per extended resource. On each node tried, all of its free devices are held at once by pods of one device
//! each (L1, L2, L5, L7, L8), one more is asked for (L3), and then one pod asks for all (L4). At last the plugin of one node
//! is restarted ([`restart`], L6), where that is allowed. [`judge`] alone decides, from what the probes report.

mod declaration;
mod judge;
mod labels;
mod restart;
mod trial;

use async_trait::async_trait;
use futures::future::try_join_all;
use plimsoll_platform::{Inventory, Path};
use plimsoll_vendors::Vendor;

use crate::{Check, CheckError, Conclusion, Context, Declaration};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct DevicePluginDiscovery;

#[async_trait(?Send)]
impl Check for DevicePluginDiscovery {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let inventory = &context.inventory;
        let resources = resources(inventory);
        if resources.is_empty() {
            return Ok(without(inventory));
        }
        try_join_all(
            resources
                .into_iter()
                .map(|resource| trial::run(context, resource)),
        )
        .await?;
        Ok(Conclusion::Controls)
    }
}

/// The extended resources that nodes advertise. Those of parts of devices are left to `partitioning_mig` and
/// `virtualized_accelerator`.
fn resources(inventory: &Inventory) -> Vec<String> {
    inventory
        .paths()
        .into_iter()
        .filter_map(|path| match path {
            Path::DevicePlugin { resource } => Some(resource.clone()),
            Path::Dra { .. } => None,
        })
        .filter(|resource| !is_of_parts(resource))
        .collect()
}

/// Whether a resource is one of partitions or virtual functions.
fn is_of_parts(resource: &str) -> bool {
    Vendor::by_resource(resource).is_some_and(|vendor| {
        vendor.profile_of_resource(resource).is_some() || vendor.is_virtual_resource(resource)
    })
}

/// What to say where no node advertises any.
fn without(inventory: &Inventory) -> Conclusion {
    if inventory.accelerators.iter().any(|pool| pool.total > 0) {
        return Conclusion::NotApplicable {
            reason: "no node advertises an extended resource of whole accelerators: they are handed out by dynamic \
                     resource allocation, or in parts"
                .to_owned(),
        };
    }
    Conclusion::Absent {
        reason:
            "no node advertises an extended resource of an accelerator; a node with a vendor's device plugin \
                 would be tried"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::survey::Accelerator;

    use super::*;

    fn pool(path: Path) -> Accelerator {
        Accelerator {
            path,
            vendor: None,
            node: "n".to_owned(),
            devices: Vec::new(),
            total: 1,
            free: 1,
            because: String::new(),
        }
    }

    #[test]
    fn a_platform_that_allocates_by_claims_alone_is_not_concerned() {
        let dra = Path::Dra {
            driver: "d".to_owned(),
            class: "c".to_owned(),
            api: "v1".to_owned(),
        };
        let plugin = Path::DevicePlugin {
            resource: "x.com/y".to_owned(),
        };
        let mut inventory = Inventory::default();
        assert!(matches!(without(&inventory), Conclusion::Absent { .. }));
        inventory.accelerators = vec![pool(dra)];
        assert!(resources(&inventory).is_empty());
        assert!(matches!(without(&inventory), Conclusion::NotApplicable { .. }));
        inventory.accelerators.push(pool(plugin));
        assert_eq!(resources(&inventory), ["x.com/y"]);
    }
}
