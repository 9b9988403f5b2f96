//! The one list of vendors, and the ways to find one.

use std::sync::LazyLock;

use crate::Vendor;

macro_rules! vendors {
    ($($id:literal)*) => {
        /// Ids and embedded files, sorted by id.
        const FILES: &[(&str, &str)] = &[
            $(($id, include_str!(concat!("../vendors/", $id, ".toml")))),*
        ];
    };
}

vendors! {
    "amd"
    "aws-neuron"
    "cambricon"
    "enflame"
    "example"
    "furiosa"
    "google-tpu"
    "huawei-ascend"
    "iluvatar"
    "intel-gaudi"
    "intel-gpu"
    "metax"
    "moore-threads"
    "nvidia"
    "rebellions"
}

static ALL: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(id, text)| match toml::from_str(text) {
            Ok(vendor) => vendor,
            // Embedded at build time and parsed by a test: a fault here is a bug of this crate.
            Err(error) => panic!("vendors/{id}.toml: {error}"),
        })
        .collect()
});

/// An id that no profile has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown accelerator vendor `{id}`{}", hint(.nearest.as_ref()))]
pub struct UnknownVendor {
    /// The id asked for.
    pub id: String,
    /// The known id that looks most like it.
    pub nearest: Option<&'static str>,
}

fn hint(nearest: Option<&&'static str>) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None => format!(
            "; known: {}",
            FILES.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", ")
        ),
    }
}

impl Vendor {
    /// All profiles, sorted by id.
    #[must_use]
    pub fn all() -> &'static [Vendor] {
        &ALL
    }

    /// The profile called `id`.
    ///
    /// # Errors
    /// [`UnknownVendor`], with the nearest known id.
    pub fn by_id(id: &str) -> Result<&'static Vendor, UnknownVendor> {
        Self::all()
            .iter()
            .find(|vendor| vendor.id == id)
            .ok_or_else(|| UnknownVendor {
                id: id.to_owned(),
                nearest: nearest(id),
            })
    }

    /// The vendor of an extended resource name such as `nvidia.com/gpu`.
    #[must_use]
    pub fn by_resource(name: &str) -> Option<&'static Vendor> {
        Self::all().iter().find(|vendor| vendor.resources.matches(name))
    }

    /// The vendor of a DRA driver name such as `gpu.nvidia.com`.
    #[must_use]
    pub fn by_driver(driver: &str) -> Option<&'static Vendor> {
        Self::all()
            .iter()
            .find(|vendor| vendor.dra.as_ref().is_some_and(|dra| dra.is_driver(driver)))
    }
}

/// The known id most like `id`, if any is like it at all.
fn nearest(id: &str) -> Option<&'static str> {
    let id = id.to_lowercase();
    FILES
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(&id, known), *known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::DeviceRole;

    #[test]
    fn the_list_is_sorted_and_equals_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .trim_end_matches(".toml")
                    .to_owned()
            })
            .collect();
        let listed: Vec<String> = FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            listed,
            "vendors/ and the list disagree"
        );
    }

    #[test]
    fn every_file_parses_and_is_called_after_its_id() {
        for (id, text) in FILES {
            let vendor: Vendor = toml::from_str(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(vendor.id, *id);
            assert!(!vendor.name.is_empty(), "{id}: no name");
            assert!(
                vendor.resource().is_some() || vendor.dra.is_some(),
                "{id}: cannot be asked for"
            );
        }
    }

    #[test]
    fn the_first_resource_is_a_plain_qualified_name() {
        for vendor in Vendor::all() {
            let Some(resource) = vendor.resource() else {
                continue;
            };
            assert!(
                !resource.contains(['*', '[', '?', '{']),
                "{}: `{resource}` is a pattern",
                vendor.id
            );
            assert_eq!(
                resource.split('/').count(),
                2,
                "{}: `{resource}` is not qualified",
                vendor.id
            );
            assert_eq!(Vendor::by_resource(resource).unwrap().id, vendor.id);
        }
    }

    #[test]
    fn every_driver_has_a_class_and_leads_back_to_its_vendor() {
        for vendor in Vendor::all() {
            let Some(dra) = &vendor.dra else { continue };
            assert!(!dra.device_classes.is_empty(), "{}", vendor.id);
            let class = dra.partition_class.as_ref();
            assert!(
                class.is_none_or(|class| dra.device_classes[1..].contains(class)),
                "{}",
                vendor.id
            );
            assert_eq!(Vendor::by_driver(&dra.driver).unwrap().id, vendor.id);
        }
    }

    #[test]
    fn a_lab_device_is_one_of_its_vendors_exclusive_nodes() {
        for vendor in Vendor::all() {
            let Some(lab) = &vendor.lab else { continue };
            assert_ne!(
                lab.device_path(0),
                lab.device_path(1),
                "{}: all devices have one path",
                vendor.id
            );
            for index in [0, 1, 15] {
                let path = lab.device_path(index);
                assert_eq!(
                    vendor.matches_device(&path),
                    Some(DeviceRole::Exclusive),
                    "{}: {path}",
                    vendor.id
                );
            }
            assert_eq!(
                lab.driver_version.split('.').count(),
                3,
                "{}: not a semantic version",
                vendor.id
            );
        }
    }

    #[test]
    fn metrics_have_units_that_fit_their_meaning() {
        for vendor in Vendor::all() {
            let Some(metrics) = &vendor.metrics else { continue };
            assert!(metrics.utilisation.unit.is_share(), "{}", vendor.id);
            assert!(
                metrics
                    .utilisation_alternatives
                    .iter()
                    .all(|series| series.unit.is_share()),
                "{}",
                vendor.id
            );
            let memory = [
                Some(&metrics.memory_used),
                metrics.memory_free.as_ref(),
                metrics.memory_total.as_ref(),
            ];
            assert!(
                memory.into_iter().flatten().all(|series| !series.unit.is_share()),
                "{}",
                vendor.id
            );
            assert!(metrics.path.starts_with('/'), "{}", vendor.id);
            assert!(
                !metrics.found_by.is_empty(),
                "{}: its exporter is found by nothing",
                vendor.id
            );
            assert!(
                metrics.found_by.iter().all(|label| label.contains('=')),
                "{}",
                vendor.id
            );
            assert!(
                metrics.optional.iter().all(|optional| !optional.unit.is_empty()),
                "{}",
                vendor.id
            );
        }
    }

    #[test]
    fn a_misspelt_vendor_is_answered_with_the_nearest() {
        let error = Vendor::by_id("nvdia").unwrap_err();
        assert_eq!(error.nearest, Some("nvidia"));
        assert_eq!(
            error.to_string(),
            "unknown accelerator vendor `nvdia`: did you mean `nvidia`?"
        );
        let error = Vendor::by_id("zzz").unwrap_err();
        assert_eq!(error.nearest, None);
        assert!(error.to_string().contains("nvidia"), "{error}");
    }

    #[test]
    fn names_that_no_profile_has_are_nobodys() {
        assert!(Vendor::by_resource("acme.com/npu").is_none());
        assert!(Vendor::by_resource("").is_none());
        assert!(Vendor::by_driver("gpu.acme.com").is_none());
        assert_eq!(
            Vendor::by_resource("nvidia.com/mig-1g.10gb").unwrap().id,
            "nvidia"
        );
        assert_eq!(Vendor::by_resource("amd.com/cpx_nps1").unwrap().id, "amd");
        assert_eq!(
            Vendor::by_driver("compute-domain.nvidia.com").unwrap().id,
            "nvidia"
        );
    }

    #[test]
    fn a_node_that_all_devices_share_is_a_control_node() {
        let amd = Vendor::by_id("amd").unwrap();
        assert_eq!(amd.matches_device("/dev/kfd"), Some(DeviceRole::Control));
        let nvidia = Vendor::by_id("nvidia").unwrap();
        assert_eq!(nvidia.matches_device("/dev/nvidiactl"), Some(DeviceRole::Control));
        assert_eq!(
            nvidia.matches_device("/dev/nvidia-caps/nvidia-cap1"),
            Some(DeviceRole::Exclusive)
        );
        assert_eq!(nvidia.matches_device("/dev/null"), None);
    }
}
