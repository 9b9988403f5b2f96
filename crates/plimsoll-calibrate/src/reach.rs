//! Whether a defect can show on a platform at all.

use std::collections::BTreeSet;

use plimsoll_defects::{Defect, Needs};
use plimsoll_sim::platform::{self, Accelerators, PlatformSpec};

/// A defect can't show on a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the defect `{defect}` can't show on the platform `{platform}`: {why}")]
pub struct Unreachable {
    /// The defect.
    pub defect: String,
    /// The platform.
    pub platform: String,
    /// What is missing.
    pub why: String,
}

/// Whether a platform has what the defect is in.
///
/// # Errors
/// [`Unreachable`], with what is missing.
pub fn reaches(platform: &PlatformSpec, defect: &Defect) -> Result<(), Unreachable> {
    let why = match defect.simulated() {
        None => Some("it can be injected on the lab only".to_owned()),
        Some(simulation) => missing(platform, &simulation.settings),
    };
    match why {
        None => Ok(()),
        Some(why) => Err(Unreachable {
            defect: defect.id.clone(),
            platform: platform.name.clone(),
            why,
        }),
    }
}

fn missing(platform: &PlatformSpec, needs: &Needs) -> Option<String> {
    if let Some(oldest) = needs.kubernetes.filter(|oldest| platform.kubernetes < *oldest) {
        return Some(format!(
            "it takes Kubernetes 1.{oldest}, this is 1.{}",
            platform.kubernetes
        ));
    }
    if needs.gang_scheduling && !platform.gang_scheduling.enforced {
        return Some("it takes Kubernetes' own gang scheduling".to_owned());
    }
    if let Some(home) = &needs.platform
        && platform.name != *home
        && !PlatformSpec::preset(home).is_ok_and(|home| is_divided_like(platform, &home))
    {
        return Some(format!("it takes a platform such as `{home}`"));
    }
    let wanted = needs.accelerators_per_node;
    let way = needs.allocation.map(way);
    let offers = |entry: &Accelerators| {
        way.is_none_or(|way| entry.allocation == way) && entry.count.saturating_sub(entry.busy) >= wanted
    };
    let usable = platform.nodes.iter().filter(|group| !group.cordoned);
    let reachable = usable.flat_map(|group| &group.accelerators).any(offers);
    (wanted > 0 && !reachable).then(|| {
        let how = way.map_or_else(String::new, |way| format!(", handed out by `{}`", way.name()));
        format!("it takes a node with {wanted} free accelerators{how}")
    })
}

/// Whether accelerators are offered in parts of the same kind, where the other platform has any.
fn is_divided_like(platform: &PlatformSpec, other: &PlatformSpec) -> bool {
    let kinds = |platform: &PlatformSpec| -> BTreeSet<bool> {
        let accelerators = platform.nodes.iter().flat_map(|group| &group.accelerators);
        let divided = accelerators.filter(|entry| !entry.division.is_whole());
        divided.map(|entry| entry.division.is_virtual()).collect()
    };
    let wanted = kinds(other);
    !wanted.is_empty() && wanted.is_subset(&kinds(platform))
}

fn way(allocation: plimsoll_defects::Allocation) -> platform::Allocation {
    match allocation {
        plimsoll_defects::Allocation::Dra => platform::Allocation::Dra,
        plimsoll_defects::Allocation::Plugin => platform::Allocation::Plugin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str) -> PlatformSpec {
        PlatformSpec::preset(name).unwrap()
    }

    #[test]
    fn every_simulated_defect_can_show_on_the_default_platform_or_the_one_it_names() {
        for defect in Defect::all() {
            let Some(simulation) = defect.simulated() else {
                continue;
            };
            let home = simulation
                .settings
                .platform
                .as_deref()
                .unwrap_or(platform::DEFAULT);
            assert_eq!(reaches(&preset(home), defect), Ok(()));
        }
    }

    #[test]
    fn a_defect_of_what_is_not_there_can_not_show() {
        let why = |platform: &str, id: &str| {
            reaches(&preset(platform), Defect::by_id(id).unwrap())
                .unwrap_err()
                .why
        };
        assert!(why("plugin-only", "dra.stale-pool").contains("`dra`"));
        assert!(why("nvidia", "sec.neighbour").contains("`plugin`"));
        assert!(why("no-gang-scheduling", "gang.dead").contains("gang scheduling"));
        assert!(why("one-accelerator", "dra.selector-lies").contains("2 free accelerators"));
        assert!(why("kubernetes-1-35", "gang.min-one").contains("1.36"));
        assert!(why("mixed", "mig.caps-open").contains("`partitioned`"));
        assert!(why("partitioned", "virt.whole").contains("`virtualised`"));
        assert!(why("mixed", "share.spread").contains("`time-sliced`"));
    }
}
