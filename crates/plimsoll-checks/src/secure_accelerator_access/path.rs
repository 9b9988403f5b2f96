//! The trial of one way to allocate accelerators: which controls run when.

use std::time::Duration;

use futures::future::{join, try_join, try_join4};
use plimsoll_platform::{Inventory, Path};
use plimsoll_probe::protocol::DeviceNumber;

use super::{
    ground::{Ground, HOLDER, Sight},
    judge, neighbour, outsiders, over_ask, refusals, restart, selectors, team,
};
use crate::{
    CheckError, Context,
    probe_pod::{Ruling, holdings},
};

/// The paths by which at least one accelerator is there to be allocated, whether or not it is free now. Paths to parts of
/// devices alone are left to the checks of partitions and of virtual accelerators, where the vendor has whole devices too.
pub(super) fn usable(inventory: &Inventory) -> Vec<Path> {
    let there = |path: &&Path| inventory.by_path(path).any(|pool| pool.total > 0);
    let (parts, whole): (Vec<&Path>, Vec<&Path>) = inventory
        .paths()
        .into_iter()
        .filter(there)
        .partition(|path| path.is_of_parts());
    let id = |path: &Path| path.vendor().map(|vendor| vendor.id.as_str());
    let alone = parts
        .into_iter()
        .filter(|part| !whole.iter().any(|whole| id(whole) == id(part)))
        .collect::<Vec<_>>();
    let mut usable: Vec<Path> = whole.into_iter().chain(alone).cloned().collect();
    usable.sort();
    usable
}

/// Why there is nothing to try.
pub(super) fn absence(inventory: &Inventory) -> String {
    let looked: Vec<&str> = inventory
        .accelerators
        .iter()
        .map(|pool| pool.because.as_str())
        .collect();
    let looked = if looked.is_empty() {
        "no node offers an extended resource of an accelerator, and no DeviceClass selects a device"
            .to_owned()
    } else {
        looked.join("; ")
    };
    format!("no accelerator can be allocated, so there is none to protect: {looked}")
}

/// Tries one path.
pub(super) async fn run(context: &Context, path: Path) -> Result<(), CheckError> {
    match Ground::prepare(context, &path).await? {
        Ok(ground) => {
            let result = ground.controls().await;
            // Nothing may hold a device when the lease ends.
            ground.roster.clear(&context.patience).await;
            result
        }
        Err(reason) => {
            context.trial(path.to_string()).undecided("X1", reason);
            Ok(())
        }
    }
}

impl Ground<'_> {
    async fn controls(&self) -> Result<(), CheckError> {
        let first = match self
            .sight(&self.holder("first", self.look().staying()), HOLDER)
            .await?
        {
            Ok(first) => first,
            Err(gap) => {
                gap.tell(&self.trial, "X1");
                return Ok(());
            }
        };
        let window = self.context.patience.hold(first.bound_after);
        let whose = format!("pod `{}` on node `{}`", first.pod.name(), self.node);
        judge::own(&whose, &first.found, self.vendor, first.promised.as_deref()).tell(&self.trial, "X1");
        let mut numbers = numbers(self, &first);
        if numbers.is_empty() {
            // Without a device there is nothing to try to reach.
            return Ok(());
        }
        outsiders::host_routes(self).await.tell(&self.trial, "X10");

        let (open_to_all, second) = self.while_held(&first, &numbers, window).await?;
        if let Some(second) = &second {
            numbers.extend(self::numbers(self, second));
            numbers.sort_unstable();
            numbers.dedup();
        }
        // All that hold something, and those who never said whether they do.
        self.roster.clear(&self.context.patience).await;
        self.after_release(&numbers, open_to_all).await
    }

    /// X2 to X5, X8 and X9, while the first pod holds its device; each is told as soon as it is known. Answers
    /// whether anybody can reach the device by making its node, and with the neighbour.
    async fn while_held(
        &self,
        first: &Sight,
        numbers: &[DeviceNumber],
        window: Duration,
    ) -> Result<(bool, Option<Sight>), CheckError> {
        let outsiders = async {
            let uuid = first.found.devices().find_map(|node| node.uuid());
            let (outsiders, selectors) = try_join(
                outsiders::look(self, numbers),
                selectors::look(self, uuid, numbers),
            )
            .await?;
            let (clean, unreachable) = outsiders;
            let open_to_all = unreachable.is_wrong();
            clean.tell(&self.trial, "X2");
            unreachable.tell(&self.trial, "X3");
            selectors.judge(open_to_all).tell(&self.trial, "X4");
            Ok::<_, CheckError>(open_to_all)
        };
        let neighbour = async {
            // Pods with shares of devices may have the same one.
            if !self.has_neighbours() || self.is_shared() {
                return Ok(None);
            }
            let (ruling, second) = neighbour::look(self, first, numbers).await?;
            ruling.tell(&self.trial, "X5");
            Ok(second)
        };
        let over_ask = async {
            over_ask::look(self, window).await?.tell(&self.trial, "X8");
            Ok(())
        };
        let refusals = async {
            if let Some(ruling) = refusals::look(self, window).await? {
                ruling.tell(&self.trial, "X9");
            }
            Ok(())
        };
        let (open_to_all, second, (), ()) = try_join4(outsiders, neighbour, over_ask, refusals).await?;
        Ok((open_to_all, second))
    }

    /// X7, X6 and X11, when both devices were given back.
    async fn after_release(&self, numbers: &[DeviceNumber], open_to_all: bool) -> Result<(), CheckError> {
        let (clean, unreachable) = outsiders::look_after(self, numbers).await?;
        let mut released = vec![clean];
        let still_open = open_to_all || unreachable.is_wrong();
        if !open_to_all {
            // Otherwise it is no news, and no sign of a leftover.
            released.push(unreachable);
        }
        let (team, restart) = if self.has_neighbours() {
            join(team::look(self, numbers, still_open), restart::look(self)).await
        } else {
            let team = team::look(self, numbers, still_open).await;
            self.roster.clear(&self.context.patience).await;
            (team, restart::look(self).await)
        };
        let (scope, owner) = team?;
        released.push(owner);
        scope.tell(&self.trial, "X6");
        Ruling::all(released)
            .in_short(|| {
                let count = numbers.len();
                format!("after release nobody reaches the {count} devices that were held, and the next pod has its own")
            })
            .tell(&self.trial, "X7");
        restart?.tell(&self.trial, "X11");
        Ok(())
    }
}

/// The numbers of the accelerators that a pod holds.
fn numbers(ground: &Ground<'_>, sight: &Sight) -> Vec<DeviceNumber> {
    holdings(&sight.found, ground.vendor)
        .iter()
        .flat_map(|held| held.nodes.iter().map(|node| node.number))
        .collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_platform::Accelerator;

    use super::*;

    fn usable_of(resources: &[&str]) -> Vec<String> {
        let accelerators = resources.iter().map(|resource| Accelerator {
            path: Path::DevicePlugin {
                resource: (*resource).to_owned(),
            },
            vendor: None,
            node: "n1".to_owned(),
            devices: Vec::new(),
            total: 1,
            free: 1,
            because: String::new(),
        });
        let inventory = Inventory {
            accelerators: accelerators.collect(),
            ..Inventory::default()
        };
        usable(&inventory).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn parts_are_tried_only_where_their_vendor_has_no_whole_devices() {
        let (gpu, part, other) = ("nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "amd.com/gpu");
        assert_eq!(usable_of(&[gpu, part]), ["device-plugin/nvidia.com/gpu"]);
        assert_eq!(
            usable_of(&[part, other]),
            [
                "device-plugin/amd.com/gpu",
                "device-plugin/nvidia.com/mig-1g.10gb"
            ]
        );
        assert!(usable_of(&[]).is_empty());
    }
}
