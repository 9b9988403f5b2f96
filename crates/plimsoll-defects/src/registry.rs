//! The one list of defects, and the ways to find one.

use std::sync::LazyLock;

use crate::Defect;

macro_rules! defects {
    ($($id:literal)*) => {
        /// Ids and embedded files, sorted by id.
        const FILES: &[(&str, &str)] = &[
            $(($id, include_str!(concat!("../defects/", $id, ".toml")))),*
        ];
    };
}

defects! {
    "dp.counted-twice"
    "dp.dead-plugin"
    "dp.first-of-many"
    "dp.phantom"
    "dp.reuse-after-restart"
    "dp.sick-stays"
    "dp.wrong-node"
    "dra.api-only"
    "dra.cdi-lost"
    "dra.double-allocation"
    "dra.first-only"
    "dra.no-injection"
    "dra.no-release"
    "dra.not-woken"
    "dra.request-ignored"
    "dra.second-pod"
    "dra.selected-anyway"
    "dra.selector-lies"
    "dra.short-count"
    "dra.stale-pool"
    "dra.unreserved"
    "drv.ghost-label"
    "drv.injected-everywhere"
    "drv.not-kept"
    "drv.operator-ahead"
    "drv.premarked"
    "drv.runtime-unconfigured"
    "drv.second-node"
    "drv.stale-label"
    "drv.taint-blind"
    "drv.truncated"
    "gang.almost"
    "gang.api-dropped"
    "gang.dead"
    "gang.deadlock"
    "gang.false-status"
    "gang.late-ignored"
    "gang.min-one"
    "gang.never-released"
    "gang.partial-bind"
    "gang.silent"
    "gang.slow-retry"
    "met.averaged"
    "met.constant"
    "met.duplicate"
    "met.empty"
    "met.endless"
    "met.frozen"
    "met.garbage"
    "met.hangs"
    "met.high-water"
    "met.missing-device"
    "met.nan"
    "met.node-down"
    "met.old-holder"
    "met.one-for-all"
    "met.sentinel"
    "met.stale"
    "met.swapped"
    "met.total-as-used"
    "met.units"
    "mig.caps-open"
    "mig.counters-ignored"
    "mig.double-count"
    "mig.one-series"
    "mig.overcommit"
    "mig.pulls-rug"
    "mig.unpartitioned"
    "mig.wrong-profile"
    "sec.all-devices"
    "sec.cdi-annotation"
    "sec.cgroup-open"
    "sec.kubelet-forgets"
    "sec.neighbour"
    "sec.pod-scope"
    "sec.residue"
    "sec.restart"
    "sec.runtime-class"
    "sec.selector"
    "sec.sidecar"
    "sec.whole-major"
    "share.mixed"
    "share.renamed"
    "share.serial"
    "share.spread"
    "share.unbounded"
    "share.whole-inside"
    "topo.cpu-apart"
    "topo.fictional"
    "topo.flat-labels"
    "topo.relaxed"
    "topo.scatter"
    "virt.double-count"
    "virt.no-backing"
    "virt.shared-group"
    "virt.side-channel"
    "virt.whole"
}

static ALL: LazyLock<Vec<Defect>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(id, text)| match toml::from_str(text) {
            Ok(defect) => defect,
            // Embedded at build time and parsed by a test: a fault here is a bug of this crate.
            Err(error) => panic!("defects/{id}.toml: {error}"),
        })
        .collect()
});

/// An id that no defect has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown defect `{id}`{}", hint(.nearest.as_ref()))]
pub struct UnknownDefect {
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

impl Defect {
    /// All defects, sorted by id.
    #[must_use]
    pub fn all() -> &'static [Defect] {
        &ALL
    }

    /// The defect called `id`.
    ///
    /// # Errors
    /// [`UnknownDefect`], with the nearest known id.
    pub fn by_id(id: &str) -> Result<&'static Defect, UnknownDefect> {
        Self::all()
            .iter()
            .find(|defect| defect.id == id)
            .ok_or_else(|| UnknownDefect {
                id: id.to_owned(),
                nearest: nearest(id),
            })
    }
}

/// The known id most like `id`, if any is like it at all.
fn nearest(id: &str) -> Option<&'static str> {
    let id = id.to_lowercase();
    FILES
        .iter()
        .map(|(known, _)| {
            // People remember the part after the dot.
            let short = known.split_once('.').map_or(*known, |(_, short)| short);
            (
                strsim::normalized_levenshtein(&id, known).max(strsim::normalized_levenshtein(&id, short)),
                *known,
            )
        })
        .filter(|(similarity, _)| *similarity > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::{Component, GangRule};

    #[test]
    fn the_list_is_sorted_and_equals_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("defects");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                name.strip_suffix(".toml").unwrap_or(&name).to_owned()
            })
            .collect();
        let listed: Vec<String> = FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            listed,
            "defects/ and the list disagree"
        );
    }

    #[test]
    fn every_file_parses_and_is_called_after_its_id() {
        for (id, text) in FILES {
            let defect: Defect = toml::from_str(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(defect.id, *id);
        }
    }

    #[test]
    fn every_defect_says_who_notices_it_and_by_what() {
        for defect in Defect::all() {
            let id = &defect.id;
            assert!(defect.title.len() > 20, "{id}: says too little");
            let lab = defect.on_lab().map(|lab| &lab.description);
            let simulation = defect.simulated().map(|simulation| &simulation.description);
            for text in [Some(&defect.complaint), lab, simulation].into_iter().flatten() {
                assert!(text.len() > 20, "{id}: says too little");
                assert!(text.ends_with('.'), "{id}: no sentence");
            }
            assert!(!defect.killed_by.is_empty(), "{id}: no control kills it");
            assert!(!defect.expect.is_empty(), "{id}: nothing expected of the reason");
            assert!(
                defect.expect.iter().all(|piece| piece.len() >= 3),
                "{id}: expects what anything contains"
            );
        }
    }

    #[test]
    fn every_defect_can_be_injected_somewhere() {
        for defect in Defect::all() {
            assert!(
                defect.on_lab().is_some() || defect.simulated().is_some(),
                "{}: on no ground",
                defect.id
            );
        }
    }

    #[test]
    fn a_prefix_belongs_to_one_requirement() {
        for defect in Defect::all() {
            let requirement = match defect.id.split_once('.').map(|(prefix, _)| prefix) {
                Some("dp") => "device_plugin_discovery",
                Some("dra") => "dra_support",
                Some("drv") => "driver_runtime_management",
                Some("gang") => "gang_scheduling",
                Some("mig") => "partitioning_mig",
                Some("met") => "accelerator_metrics",
                Some("sec") => "secure_accelerator_access",
                Some("share") => "gpu_sharing",
                Some("topo") => "topology_alignment",
                Some("virt") => "virtualized_accelerator",
                other => panic!("{}: prefix {other:?} has no requirement", defect.id),
            };
            assert_eq!(defect.requirement.as_str(), requirement, "{}", defect.id);
            assert!(
                plimsoll_program::find(requirement).is_ok(),
                "{requirement} is no requirement"
            );
        }
    }

    #[test]
    fn the_gang_controller_runs_exactly_for_its_own_defects_and_never_soundly() {
        for defect in Defect::all() {
            let Some(lab) = defect.on_lab() else { continue };
            let settings = &lab.settings;
            assert_eq!(
                settings.gang_controller.is_some(),
                lab.component == Component::GangController,
                "{}",
                defect.id
            );
            assert_ne!(settings.gang_controller, Some(GangRule::Sound), "{}", defect.id);
            if settings.gang_controller.is_some() {
                assert!(
                    !settings.scheduler_gang_enforcement,
                    "{}: the scheduler would mend it",
                    defect.id
                );
            }
        }
    }

    #[test]
    fn a_misspelt_defect_is_answered_with_the_nearest() {
        assert_eq!(
            Defect::by_id("dra.apionly").unwrap_err().nearest,
            Some("dra.api-only")
        );
        assert_eq!(
            Defect::by_id("partial-bind").unwrap_err().nearest,
            Some("gang.partial-bind")
        );
        let error = Defect::by_id("zzz").unwrap_err();
        assert_eq!(error.nearest, None);
        assert!(error.to_string().contains("dra.api-only"), "{error}");
    }
}
