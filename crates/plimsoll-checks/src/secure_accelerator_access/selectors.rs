//! X4: naming a device does not open it.

use futures::future::try_join_all;
use plimsoll_probe::protocol::DeviceNumber;
use plimsoll_vendors::{Selectors, Vendor};

use super::{ground::Ground, judge};
use crate::{
    CheckError,
    probe_pod::{ProbePod, Ruling},
};

/// One way to name a device.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    Variable { name: String, value: String },
    Mount { path: String },
    Annotation { key: String, value: String },
}

impl Selector {
    fn shown(&self) -> String {
        match self {
            Self::Variable { name, value } => format!("the environment variable {name}={value}"),
            Self::Mount { path } => format!("a mount at {path}"),
            Self::Annotation { key, value } => format!("the annotation {key}: {value}"),
        }
    }
}

/// What came of all selectors: what was seen, and what was reached by making nodes.
pub(super) struct Tried {
    clean: Vec<Ruling>,
    forged: Vec<Ruling>,
    node: String,
}

impl Tried {
    /// Decides. Devices reached by making their nodes count only if nobody can reach them without a selector.
    pub(super) fn judge(self, open_to_all: bool) -> Ruling {
        let tried = self.clean.len();
        let forged = self.forged.into_iter().filter(|_| !open_to_all);
        Ruling::all(self.clean.into_iter().chain(forged)).in_short(|| {
            format!(
                "none of {tried} variables, mounts and annotations that name devices opened one on node `{}`",
                self.node
            )
        })
    }
}

/// Tries each selector of the vendor alone: variables and mounts in a container each, annotations in a pod
/// each.
pub(super) async fn look(
    ground: &Ground<'_>,
    uuid: Option<&str>,
    numbers: &[DeviceNumber],
) -> Result<Tried, CheckError> {
    let all = selectors(ground.vendor, uuid);
    let (pod_wide, by_container): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|selector| matches!(selector, Selector::Annotation { .. }));
    let mut pods = Vec::new();
    if !by_container.is_empty() {
        pods.push((pod(ground, "selectors", &by_container, numbers), by_container));
    }
    for (position, selector) in pod_wide.into_iter().enumerate() {
        let selector = vec![selector];
        pods.push((
            pod(ground, &format!("annotated-{position}"), &selector, numbers),
            selector,
        ));
    }
    let looks = pods
        .iter()
        .map(|(pod, selectors)| run(ground, pod, selectors, numbers));
    let (clean, forged) = try_join_all(looks).await?.into_iter().flatten().unzip();
    Ok(Tried {
        clean,
        forged,
        node: ground.node.clone(),
    })
}

async fn run(
    ground: &Ground<'_>,
    pod: &ProbePod,
    selectors: &[Selector],
    numbers: &[DeviceNumber],
) -> Result<Vec<(Ruling, Ruling)>, CheckError> {
    let names: Vec<String> = (0..selectors.len()).map(container).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sights = match ground.sights(pod, &names).await? {
        Ok(sights) => sights,
        Err(gap) => return Ok(vec![(gap.clone(), gap)]),
    };
    let judged = selectors.iter().zip(sights).map(|(selector, sight)| {
        let whose = format!(
            "with {}, a container of pod `{}`",
            selector.shown(),
            sight.pod.name()
        );
        (
            judge::clean(&whose, &sight.found, ground.vendor, numbers),
            judge::unreachable(&whose, &sight.found, numbers, "another pod's device"),
        )
    });
    Ok(judged.collect())
}

fn pod(ground: &Ground<'_>, name: &str, selectors: &[Selector], numbers: &[DeviceNumber]) -> ProbePod {
    let mut pod = ground.bare(name);
    for (position, selector) in selectors.iter().enumerate() {
        let look = ground.look().forging(numbers.iter().copied());
        let mut inside = ground.container(&container(position), look);
        match selector {
            Selector::Variable { name, value } => inside = inside.env(name, value),
            Selector::Mount { path } => inside = inside.mount(format!("selector-{position}"), path),
            Selector::Annotation { key, value } => pod = pod.annotation(key, value),
        }
        pod = pod.container(inside);
    }
    pod
}

fn container(position: usize) -> String {
    format!("selector-{position}")
}

/// How the Container Device Interface names devices, which runtimes honour whoever made the device.
const CDI: &str = "cdi.k8s.io/*";

/// Every way to name a device of the vendor. Of an unknown one, the ways that runtimes are known to honour.
fn selectors(vendor: Option<&Vendor>, uuid: Option<&str>) -> Vec<Selector> {
    let customary = Vendor::by_id("nvidia").ok();
    let Some(known) = vendor.or(customary) else {
        return Vec::new();
    };
    let Selectors {
        env,
        mounts,
        annotations,
        ..
    } = &known.selectors;
    let values = ["all", "0"].into_iter().chain(uuid);
    let variables = values.clone().flat_map(|value| {
        env.iter().map(move |name| Selector::Variable {
            name: name.clone(),
            value: value.to_owned(),
        })
    });
    let mounts = values.flat_map(|value| {
        mounts.iter().map(move |folder| Selector::Mount {
            path: format!("{}/{value}", folder.trim_end_matches('/')),
        })
    });
    let kind = known.resource().unwrap_or("vendor.com/class");
    let own = annotations.iter().map(String::as_str).filter(|own| *own != CDI);
    let annotations = own.chain([CDI]).map(|pattern| Selector::Annotation {
        key: pattern.replace('*', "plimsoll"),
        value: format!("{kind}=all"),
    });
    variables.chain(mounts).chain(annotations).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_selectors_are_tried_with_every_value() {
        let nvidia = Vendor::by_id("nvidia").ok();
        let shown: Vec<String> = selectors(nvidia, Some("GPU-1"))
            .iter()
            .map(Selector::shown)
            .collect();
        for expected in [
            "the environment variable NVIDIA_VISIBLE_DEVICES=all",
            "the environment variable NVIDIA_VISIBLE_DEVICES=GPU-1",
            "a mount at /var/run/nvidia-container-devices/all",
            "the annotation cdi.k8s.io/plimsoll: nvidia.com/gpu=all",
        ] {
            assert!(
                shown.iter().any(|shown| shown == expected),
                "{expected} not in {shown:?}"
            );
        }
    }

    #[test]
    fn a_vendor_with_no_selector_of_its_own_is_tried_by_the_one_that_runtimes_share() {
        for vendor in Vendor::all() {
            let all = selectors(Some(vendor), None);
            let cdi = all
                .iter()
                .filter(|selector| matches!(selector, Selector::Annotation { key, .. } if key == "cdi.k8s.io/plimsoll"));
            assert_eq!(cdi.count(), 1, "{}", vendor.id);
        }
    }

    #[test]
    fn an_unknown_vendor_is_tried_by_the_customary_ways() {
        assert!(!selectors(None, None).is_empty());
    }
}
