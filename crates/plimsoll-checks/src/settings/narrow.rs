//! Leaves out the accelerators that are not to be put to the test.

use plimsoll_platform::{Inventory, Path};
use plimsoll_vendors::Vendor;

use super::{AllocationMode, Settings};

impl Settings {
    /// The inventory as checks are to see it: accelerators that the settings leave out are there, with none to have
    /// and the reason.
    #[must_use]
    pub fn narrow(&self, mut inventory: Inventory) -> Inventory {
        for pool in &mut inventory.accelerators {
            let why = self
                .leaves_out(pool.vendor.as_deref())
                .or_else(|| self.leaves_out_path(&pool.path));
            if let Some(why) = why {
                pool.total = 0;
                pool.free = 0;
                pool.devices.clear();
                pool.because = format!("{}: {why}", pool.path);
            }
        }
        inventory
    }

    /// Whether a DRA driver's devices are put to the test.
    #[must_use]
    pub fn wants_driver(&self, driver: &str) -> bool {
        let vendor = Vendor::by_driver(driver).map(|vendor| vendor.id.as_str());
        self.leaves_out(vendor).is_none()
    }

    fn leaves_out(&self, vendor: Option<&str>) -> Option<String> {
        let wanted = self.accelerator.profile?;
        (vendor != Some(wanted.id.as_str()))
            .then(|| format!("left out by accelerator.profile = \"{}\"", wanted.id))
    }

    fn leaves_out_path(&self, path: &Path) -> Option<String> {
        let kept = match self.accelerator.allocation? {
            AllocationMode::Dra => path.is_dra(),
            AllocationMode::DevicePlugin => !path.is_dra(),
        };
        (!kept).then(|| "left out by accelerator.allocation".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Accelerator;

    use super::*;

    fn inventory() -> Inventory {
        let pool = |path: Path, vendor: &str| Accelerator {
            path,
            vendor: Some(vendor.to_owned()),
            node: "n".to_owned(),
            devices: Vec::new(),
            total: 2,
            free: 2,
            because: String::new(),
        };
        let plugin = |name: &str| Path::DevicePlugin {
            resource: name.to_owned(),
        };
        let dra = Path::Dra {
            driver: "gpu.nvidia.com".to_owned(),
            class: "gpu.nvidia.com".to_owned(),
            api: "v1".to_owned(),
        };
        Inventory {
            accelerators: vec![
                pool(plugin("amd.com/gpu"), "amd"),
                pool(plugin("nvidia.com/gpu"), "nvidia"),
                pool(dra, "nvidia"),
            ],
            ..Inventory::default()
        }
    }

    fn free(text: &str) -> Vec<u32> {
        let settings = Settings::parse("p", text).unwrap();
        let narrowed = settings.narrow(inventory());
        narrowed.accelerators.iter().map(|pool| pool.free).collect()
    }

    #[test]
    fn other_vendors_and_other_ways_are_left_out_with_the_reason() {
        assert_eq!(free(""), [2, 2, 2]);
        assert_eq!(free("[accelerator]\nprofile = \"amd\""), [2, 0, 0]);
        assert_eq!(free("[accelerator]\nallocation = \"dra\""), [0, 0, 2]);
        assert_eq!(
            free("[accelerator]\nprofile = \"nvidia\"\nallocation = \"device-plugin\""),
            [0, 2, 0]
        );
        let settings = Settings::parse("p", "[accelerator]\nprofile = \"amd\"").unwrap();
        assert!(
            settings.narrow(inventory()).accelerators[1]
                .because
                .contains("accelerator.profile")
        );
        assert!(!settings.wants_driver("gpu.nvidia.com") && settings.wants_driver("gpu.amd.com"));
    }
}
