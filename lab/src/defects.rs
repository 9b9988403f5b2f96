//! What seeded defects ask of the parts that this program starts itself.

use plimsoll_accelerator::gang_controller::GangConfig;
use plimsoll_defects::{Allocation, Defect, GangRule};
use serde_json::Value;

use crate::accelerators::request::AcceleratorRequest;
use crate::cli::{self, Accelerators};
use crate::control_plane::Credentials;
use crate::files::{self, FileError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// Defects that cannot be seeded together, or not into this lab.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SeedError {
    #[error("the defects `{first}` and `{second}` want the lab's gang controller to follow different rules")]
    Rules { first: String, second: String },
    #[error(
        "the defect `{defect}` shows only on accelerators handed out by `{how}`, and none of those asked for are"
    )]
    Unreachable { defect: String, how: &'static str },
    #[error("the defect `{defect}` shows only on accelerators such as `--accelerators '{wanted}'`")]
    Undivided { defect: String, wanted: String },
    #[error(
        "the defects `{first}` and `{second}` show on different accelerators: choose some by `--accelerators`"
    )]
    Accelerators { first: String, second: String },
    #[error("the defect `{0}` can be injected into the simulated platform only")]
    SimulatedOnly(String),
}

/// The accelerators that the chosen defects show on.
pub(crate) fn accelerators(defects: &[String]) -> Result<Accelerators, SeedError> {
    let mut wanted = chosen(defects)
        .filter_map(|defect| Some((defect, defect.on_lab()?.settings.accelerators.as_deref()?)));
    let Some((first, list)) = wanted.next() else {
        return Ok(read(cli::USUAL));
    };
    match wanted.find(|(_, other)| *other != list) {
        Some((second, _)) => Err(SeedError::Accelerators {
            first: first.id.clone(),
            second: second.id.clone(),
        }),
        None => Ok(read(list)),
    }
}

/// Lists that are part of this program; tests read them all.
fn read(list: &str) -> Accelerators {
    cli::accelerators(list).unwrap_or(Accelerators(Vec::new()))
}

/// Whether the chosen defects make sense together, in a lab with these accelerators.
pub(crate) fn check(defects: &[String], accelerators: &[AcceleratorRequest]) -> Result<(), SeedError> {
    for defect in chosen(defects) {
        let Some(lab) = defect.on_lab() else {
            return Err(SeedError::SimulatedOnly(defect.id.clone()));
        };
        if let Some(wanted) = &lab.settings.accelerators {
            let alike = |one: &AcceleratorRequest| {
                let shape =
                    |division: &plimsoll_vendors::Division| (division.is_whole(), division.is_virtual());
                accelerators
                    .iter()
                    .any(|other| shape(&other.division) == shape(&one.division))
            };
            if !read(wanted).0.iter().all(alike) {
                return Err(SeedError::Undivided {
                    defect: defect.id.clone(),
                    wanted: wanted.clone(),
                });
            }
        }
        let how = match lab.settings.allocation {
            Some(Allocation::Dra) => "dra",
            Some(Allocation::Plugin) => "plugin",
            None => continue,
        };
        let reachable = |request: &AcceleratorRequest| Some(request.allocation) == lab.settings.allocation;
        if !accelerators.iter().any(reachable) {
            return Err(SeedError::Unreachable {
                defect: defect.id.clone(),
                how,
            });
        }
    }
    let mut ruled =
        chosen(defects).filter_map(|defect| Some((defect, defect.on_lab()?.settings.gang_controller?)));
    let Some((first, rule)) = ruled.next() else {
        return Ok(());
    };
    match ruled.find(|(_, other)| *other != rule) {
        Some((second, _)) => Err(SeedError::Rules {
            first: first.id.clone(),
            second: second.id.clone(),
        }),
        None => Ok(()),
    }
}

/// Whether the scheduler's own gang gate is on.
pub(crate) fn scheduler_enforces_gangs(defects: &[String]) -> bool {
    chosen(defects)
        .filter_map(Defect::on_lab)
        .all(|lab| lab.settings.scheduler_gang_enforcement)
}

/// Whether the scheduler's gate for groups that want a domain is on. It is nothing without gangs.
pub(crate) fn scheduler_enforces_topology(defects: &[String]) -> bool {
    scheduler_enforces_gangs(defects)
        && chosen(defects)
            .filter_map(Defect::on_lab)
            .all(|lab| lab.settings.scheduler_topology_enforcement)
}

/// What the cluster must hold for the defects to show, in the order of creation.
pub(crate) fn manifests(defects: &[String]) -> Vec<Value> {
    let mut manifests: Vec<Value> = Vec::new();
    for manifest in chosen(defects).flat_map(|defect| plimsoll_accelerator::defects::manifests(&defect.id)) {
        if !manifests.contains(&manifest) {
            manifests.push(manifest);
        }
    }
    manifests
}

/// The lab's own gang controller, where a defect wants one.
pub(crate) fn gang_controller(
    lab: &Lab,
    credentials: &Credentials,
) -> Result<Option<ProcessSpec>, FileError> {
    let Some(mode) = gang_rule(&lab.state.defects) else {
        return Ok(None);
    };
    let path = lab.folder.control_plane().join("gang-controller.json");
    files::write_json(
        &path,
        &GangConfig {
            kubeconfig: credentials.gang_controller.clone(),
            mode,
        },
    )?;
    Ok(Some(ProcessSpec {
        name: "gang-controller".to_owned(),
        program: lab.program.clone(),
        args: vec![
            "gang-controller".to_owned(),
            "--config".to_owned(),
            path.display().to_string(),
        ],
        env: std::collections::BTreeMap::new(),
        log: crate::folder::log(&lab.folder.control_plane(), "gang-controller"),
        ready: ReadySignal::Started,
    }))
}

fn gang_rule(defects: &[String]) -> Option<GangRule> {
    chosen(defects).find_map(|defect| defect.on_lab()?.settings.gang_controller)
}

/// The chosen defects; ids are checked when they enter the program.
pub(crate) fn chosen(defects: &[String]) -> impl Iterator<Item = &'static Defect> {
    defects.iter().filter_map(|id| Defect::by_id(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn both_kinds() -> Vec<AcceleratorRequest> {
        ["nvidia:2", "amd:1:plugin"]
            .map(|text| text.parse().unwrap())
            .into()
    }

    #[test]
    fn a_sound_lab_enforces_gangs_by_its_scheduler_and_holds_no_policies() {
        assert!(scheduler_enforces_gangs(&[]));
        assert!(manifests(&[]).is_empty());
        assert_eq!(gang_rule(&[]), None);
    }

    #[test]
    fn a_gang_defect_takes_the_scheduler_out_and_the_controller_in() {
        let defects = ids(&["gang.deadlock"]);
        assert!(!scheduler_enforces_gangs(&defects));
        assert_eq!(gang_rule(&defects), Some(GangRule::Deadlock));
        assert!(!manifests(&defects).is_empty());
    }

    #[test]
    fn every_defect_can_be_seeded_into_a_lab_with_the_accelerators_it_names_or_the_usual_ones() {
        for defect in Defect::all().iter().filter(|defect| defect.on_lab().is_some()) {
            let accelerators = match &defect.on_lab().unwrap().settings.accelerators {
                Some(list) => cli::accelerators(list).unwrap().0,
                None => both_kinds(),
            };
            assert_eq!(check(&ids(&[&defect.id]), &accelerators), Ok(()));
        }
    }

    #[test]
    fn what_cannot_show_or_contradicts_is_refused() {
        let rules = check(&ids(&["gang.dead", "gang.deadlock"]), &both_kinds()).unwrap_err();
        assert!(rules.to_string().contains("different rules"), "{rules}");
        let only_dra = ["nvidia:2".parse().unwrap()];
        let unreachable = check(&ids(&["sec.neighbour"]), &only_dra).unwrap_err();
        assert!(unreachable.to_string().contains("`plugin`"), "{unreachable}");
    }

    #[test]
    fn a_lab_has_the_accelerators_that_its_defects_show_on() {
        let lists = |defects: &[&str]| {
            let list = accelerators(&ids(defects)).map(|list| list.0);
            list.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        };
        assert_eq!(lists(&["dra.api-only"]).unwrap(), "nvidia:4:dra,amd:2:plugin");
        assert!(lists(&["mig.caps-open", "dra.api-only"]).unwrap().contains("g."));
        assert!(lists(&["virt.whole"]).unwrap().contains("vf"));
        assert!(matches!(
            lists(&["virt.whole", "mig.caps-open"]),
            Err(SeedError::Accelerators { .. })
        ));
        assert!(matches!(
            check(&ids(&["virt.whole"]), &both_kinds()),
            Err(SeedError::Undivided { .. })
        ));
    }

    #[test]
    fn a_policy_that_two_defects_share_is_created_once() {
        let once = manifests(&ids(&["gang.dead"]));
        assert_eq!(manifests(&ids(&["gang.dead", "gang.dead"])), once);
    }
}
