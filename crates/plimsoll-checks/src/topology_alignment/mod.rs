//! `topology_alignment`: where devices sit is published truly, and can be asked for.
//!
//! One trial per way to claim whole devices. [`position`] reads where devices are said to sit and where pods find
//! them; [`trial`] runs pods on a [`bench::Bench`] (Y1 to Y3). What is the same for all of them is tried once and told in
//! each: [`processors`] looks at where kubelets put pods (Y4), [`domains`] at what nodes say of theirs (Y5), [`groups`] at
//! where groups of pods go (Y6, Y7).
//! What a platform of one NUMA node, one PCIe root or one device can't be asked is recorded as a fact, and no control.

mod bench;
mod declaration;
mod domains;
mod groups;
mod position;
mod processors;
mod trial;

use async_trait::async_trait;
use futures::future::{try_join, try_join_all};
use plimsoll_platform::{Inventory, Path};

use crate::{Check, CheckError, Conclusion, Context, Declaration, probe_pod::Ruling};

/// The check.
#[derive(Clone, Copy, Debug)]
pub struct TopologyAlignment;

#[async_trait(?Send)]
impl Check for TopologyAlignment {
    fn declaration(&self) -> &'static Declaration {
        &declaration::DECLARATION
    }

    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError> {
        let paths = paths(&context.inventory);
        let trials = try_join_all(paths.iter().map(|path| trial::run(context, path)));
        let (common, _) = try_join(common(context), trials).await?;
        for path in &paths {
            let trial = context.trial(path.to_string());
            for (control, ruling) in common.clone() {
                ruling.tell(&trial, control);
            }
        }
        if !paths.is_empty() {
            return Ok(Conclusion::Controls);
        }
        // Without devices that can be claimed nothing passes, but what is wrong is wrong.
        if common.iter().any(|(_, ruling)| ruling.is_wrong()) {
            let trial = context.trial("platform");
            for (control, ruling) in common {
                ruling.tell(&trial, control);
            }
            return Ok(Conclusion::Controls);
        }
        Ok(Conclusion::Absent {
            reason: "no DRA driver publishes devices that can be claimed, and a device plugin tells nobody where its \
                     devices sit; a driver that publishes pcieRoot or numaNode would be tried"
                .to_owned(),
        })
    }
}

/// What is about the platform as a whole: each ruling with its control.
async fn common(context: &Context) -> Result<Vec<(&'static str, Ruling)>, CheckError> {
    let (beside, groups) = try_join(processors::run(context), groups::run(context)).await?;
    let mut rulings: Vec<_> = beside.into_iter().map(|ruling| ("Y4", ruling)).collect();
    match domains::tree(&context.inventory.nodes) {
        Some(ruling) => rulings.push(("Y5", ruling)),
        None => context.observe(
            "labels of nodes",
            "no node names a domain that lies in another".into(),
        ),
    }
    rulings.extend(groups);
    Ok(rulings)
}

/// How many choices are made of an inventory before anything is created.
pub(crate) fn choices(inventory: &Inventory) -> usize {
    let paths = paths(inventory);
    let grounds = paths
        .iter()
        .filter_map(|path| trial::ground(inventory, path))
        .count();
    paths.len() + grounds + usize::from(groups::has_ground(&inventory.nodes))
}

/// One way to claim the whole devices of each driver: of several classes the one that selects most.
fn paths(inventory: &Inventory) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    for path in inventory.paths() {
        let Path::Dra { driver, .. } = path else { continue };
        if path.is_of_parts() {
            continue;
        }
        let total = |path: &Path| inventory.by_path(path).map(|pool| pool.total).sum::<u32>();
        if total(path) == 0 {
            continue;
        }
        let is_same = |known: &&mut Path| matches!(known, Path::Dra { driver: other, .. } if other == driver);
        match paths.iter_mut().find(is_same) {
            Some(known) if total(known) < total(path) => *known = path.clone(),
            Some(_) => {}
            None => paths.push(path.clone()),
        }
    }
    paths
}
