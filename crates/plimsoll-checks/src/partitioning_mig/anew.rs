//! R7: dividing a device anew waits for those who use it, and what is allocatable follows.
//!
//! The node's own label asks for it, so whatever manager of partitions there is does it. First while a pod holds a
//! partition: that must be refused, or wait. Then with nothing held: that must succeed, and the old partitions must go.
//! The label is put back in any case, and the node must come to offer what it did.

use k8s_openapi::api::core::v1::Node;
use kube::{Api, ResourceExt};
use plimsoll_platform::{
    Condition, Deadline, LabelChange, Permission, PodSecurity, Progress, Seen, Verb, WaitError, Watched,
};
use plimsoll_vendors::Partitions;

use super::offered::Offered;
use crate::{
    CheckError, Context,
    parts::{Ground, Held, Unit},
    probe_pod::{LivePod, Ruling, chain, goes_on, unmet},
};

const CONTROL: &str = "R7";

/// What the label of state says when all is done, and when it was refused.
const DONE: &str = "success";
const FAILED: &str = "failed";

/// What it takes to set a label of a node.
const MAY_CHANGE: &[Permission] = &[Permission::read("", "nodes").verbs(&[Verb::Get, Verb::Patch])];

/// How the node's manager of partitions is spoken to.
struct Manager<'a> {
    context: &'a Context,
    state: &'a str,
    change: LabelChange,
    offered: Offered,
}

/// Tries it, where that is allowed and can be; else says what that leaves open.
pub(super) async fn try_it(ground: &Ground<'_>, held: &[Held]) -> Result<(), CheckError> {
    let manager = match manager(ground, held).await? {
        Ok(manager) => manager,
        Err(why) => {
            ground.trial.not_run(
                CONTROL,
                format!("whether dividing anew waits for those who use a partition was not tried: {why}"),
            );
            return Ok(());
        }
    };
    let Some(busy) = held.first() else { return Ok(()) };
    let _turn = ground.context.disruption.begin().await;
    // Made before the label is changed: whoever removes it puts the label back, should this end here.
    ground
        .context
        .workspace
        .remembering(
            "divided-anew",
            PodSecurity::Baseline,
            vec![manager.change.clone()],
        )
        .await?;
    let tried = manager.try_both(ground, busy).await;
    let restored = manager.restore().await;
    Ruling::all([tried, restored]).tell(&ground.trial, CONTROL);
    Ok(())
}

async fn manager<'a>(
    ground: &'a Ground<'a>,
    held: &[Held],
) -> Result<Result<Manager<'a>, String>, CheckError> {
    let (context, node) = (ground.context, ground.offer.node.as_str());
    let partitions = ground.offer.vendor.and_then(|vendor| vendor.partitions.as_ref());
    let Some((config, state)) = partitions.and_then(labels) else {
        return Ok(Err(
            "nothing is known by which devices of this vendor could be divided anew".to_owned(),
        ));
    };
    let api: Api<Node> = Api::all(context.platform.client());
    let found = match api.get(node).await {
        Ok(found) => found,
        Err(error) => return Ok(Err(format!("node `{node}` could not be read: {}", chain(&error)))),
    };
    let Some(before) = found.labels().get(config) else {
        return Ok(Err(format!(
            "nothing on node `{node}` says how its devices could be divided anew; label `{config}` would"
        )));
    };
    if !context.disruption.is_allowed() {
        return Ok(Err(format!(
            "`--allow-disruption` lets node `{node}`, which is divided as `{config}={before}` says, be asked for another \
             division for a while"
        )));
    }
    let Some(after) = partitions.and_then(|partitions| partitions.whole_config.as_ref()) else {
        return Ok(Err(format!(
            "which other divisions `{config}` could ask for on node `{node}` is not known"
        )));
    };
    match found.labels().get(state).map(String::as_str) {
        Some(DONE) if before != after => {}
        Some(DONE) => return Ok(Err(format!("node `{node}` is not divided by label `{config}`"))),
        other => {
            return Ok(Err(format!(
                "node `{node}` says `{state}={}`, so its division is not settled",
                other.unwrap_or_default()
            )));
        }
    }
    if let Some(why) = not_ours_alone(ground) {
        return Ok(Err(why));
    }
    match context.platform.may(MAY_CHANGE).await {
        Ok(missing) if missing.is_empty() => {}
        Ok(_) => return Ok(Err("this user may not change nodes".to_owned())),
        Err(error) => return Ok(Err(chain(&error))),
    }
    let units: Vec<&Unit> = held.iter().map(|held| &held.unit).collect();
    let Some(offered) = Offered::of(context, &units).await? else {
        return Ok(Err("no partition is held".to_owned()));
    };
    let change = LabelChange {
        node: node.to_owned(),
        label: config.to_owned(),
        before: Some(before.clone()),
        after: after.clone(),
    };
    Ok(Ok(Manager {
        context,
        state,
        change,
        offered,
    }))
}

fn labels(partitions: &Partitions) -> Option<(&str, &str)> {
    Some((
        partitions.config_label.as_deref()?,
        partitions.state_label.as_deref()?,
    ))
}

/// Why not all devices of the vendor on the node are ours to try: the label asks for all of them.
fn not_ours_alone(ground: &Ground<'_>) -> Option<String> {
    let (offer, vendor) = (&ground.offer, ground.offer.vendor?);
    let lent = offer.paths();
    let pools = ground.context.inventory.accelerators.iter();
    let mut pools = pools.filter(|pool| {
        pool.node == offer.node && pool.vendor.as_deref() == Some(vendor.id.as_str()) && pool.total > 0
    });
    pools.find_map(|pool| {
        // Whatever class its devices are had by, a driver's are lent as a whole.
        let is_lent =
            pool.path.is_dra() && lent.iter().any(|path| path.is_dra()) || lent.contains(&pool.path);
        if !is_lent {
            return Some(format!(
                "node `{}` also offers {}, and would be divided anew as a whole",
                offer.node, pool.path
            ));
        }
        (pool.free < pool.total).then(|| {
            format!(
                "not all of {} on node `{}` is free: {}",
                pool.path, offer.node, pool.because
            )
        })
    })
}

impl Manager<'_> {
    async fn try_both(&self, ground: &Ground<'_>, busy: &Held) -> Ruling {
        let refused = match self.ask_while_busy(busy).await {
            Ok(refused) => refused,
            Err(ruling) => return ruling,
        };
        ground.roster.clear(&self.context.patience).await;
        let idle = self.ask_while_idle(refused).await;
        let how = if refused { "was refused" } else { "waited" };
        match idle {
            Ok(()) => Ruling::Right(format!(
                "to divide node `{}` anew as `{}` {how} while pod `{}` held a partition, and the pod went on; with nothing \
                 held it was done, and the old partitions were offered no more",
                self.change.node,
                self.change.after,
                busy.pod.name()
            )),
            Err(ruling) => ruling,
        }
    }

    /// Asks while a pod holds a partition; whether it was refused rather than put off.
    async fn ask_while_busy(&self, busy: &Held) -> Result<bool, Ruling> {
        let LabelChange {
            node, label, after, ..
        } = &self.change;
        self.make().await?;
        let division = self.context.patience.division();
        if let Err(error) = self
            .until(|state| state != DONE, "somebody to act on the label", division)
            .await
        {
            self.unharmed(&busy.pod, busy).await?;
            return Err(Ruling::Undecided(format!(
                "nobody acts on label `{label}={after}` of node `{node}`: {}",
                chain(&error)
            )));
        }
        let window = self.context.patience.hold(busy.bound_after);
        let settling = Deadline {
            within: window,
            ..division
        };
        let ended = |state: &str| state == DONE || state == FAILED;
        // That it never ends is one of the ways in which it may go.
        let _ = self.until(ended, "the node to be divided anew", settling).await;
        self.unharmed(&busy.pod, busy).await?;
        match self.stated().await?.as_str() {
            DONE => Err(Ruling::Wrong(format!(
                "node `{node}` says that it was divided anew as `{after}` while {} holds a partition of it",
                busy.whose()
            ))),
            state => Ok(state == FAILED),
        }
    }

    /// That the pod goes on as it was for a while.
    async fn unharmed(&self, pod: &LivePod, busy: &Held) -> Result<(), Ruling> {
        let window = self.context.patience.hold(busy.bound_after);
        let goes_on = goes_on(&pod.uid()).called("the pod to go on");
        let LabelChange { node, after, .. } = &self.change;
        let held = pod.watched().hold(goes_on, window).await;
        held.map(drop).map_err(|error| {
            let what = format!(
                "{} did not survive that node `{node}` was asked to be divided anew as `{after}`, which must wait for it \
                 or be refused",
                busy.whose()
            );
            unmet(&what, &error)
        })
    }

    /// With nothing held, it must be done. What was refused has to be asked for again.
    async fn ask_while_idle(&self, refused: bool) -> Result<(), Ruling> {
        let LabelChange { node, after, .. } = &self.change;
        let division = self.context.patience.division();
        if refused {
            self.undo().await?;
            let settled = self
                .until(|state| state == DONE, "the node to be as before", division)
                .await;
            settled.map_err(|error| {
                Ruling::Undecided(format!(
                    "after it was refused to be divided anew, node `{node}` does not come to rest: {}",
                    chain(&error)
                ))
            })?;
            self.make().await?;
        }
        let gone = self.offered.until(self.context, node, false, division);
        let ended = self.until_ended(division);
        let (gone, ended) = futures::future::join(gone, ended).await;
        if ended.is_ok_and(|state| state == FAILED) {
            return Err(Ruling::Undecided(format!(
                "with nothing held, node `{node}` still refuses to be divided as `{after}`: whether it knows that \
                 division can't be seen"
            )));
        }
        gone.map_err(|error| {
            unmet(
                &format!(
                    "node `{node}` was asked to be divided as `{after}` with nothing held, and what is allocatable does \
                     not follow"
                ),
                &error,
            )
        })?;
        let done = self
            .until(|state| state == DONE, "the node to say that it is done", division)
            .await;
        done.map_err(|error| {
            unmet(
                &format!("node `{node}` does not say that it is divided anew"),
                &error,
            )
        })
    }

    /// Waits until the manager has worked and says how it ended.
    async fn until_ended(&self, division: Deadline) -> Result<String, WaitError> {
        let soon = Deadline {
            within: division.within / 10,
            ..division
        };
        // Where it was at work too short a time to be seen, what is allocatable tells.
        let _ = self
            .until(|state| state != DONE, "the node to be divided", soon)
            .await;
        let ended = |state: &str| state == DONE || state == FAILED;
        self.until(ended, "the node to be divided anew", division).await?;
        Ok(self.stated().await.unwrap_or_default())
    }

    /// The node is as it was: by its label, and by what it offers.
    async fn restore(&self) -> Ruling {
        let LabelChange {
            node, label, before, ..
        } = &self.change;
        let before = before.as_deref().unwrap_or_default();
        if let Err(ruling) = self.undo().await {
            return ruling;
        }
        let division = self.context.patience.division();
        let what = format!("node `{node}` was asked to be divided as before, `{label}={before}`");
        let back = self.offered.until(self.context, node, true, division).await;
        if let Err(error) = back {
            return unmet(&format!("{what}, and does not offer what it did"), &error);
        }
        match self
            .until(|state| state == DONE, "the node to be as before", division)
            .await
        {
            Ok(()) => Ruling::Right("it was then divided as before".to_owned()),
            Err(error) => unmet(&format!("{what}, and does not say that it is"), &error),
        }
    }

    async fn make(&self) -> Result<(), Ruling> {
        let made = self.change.make(&self.context.platform).await;
        made.map_err(|error| self.not_changed(&error))
    }

    async fn undo(&self) -> Result<(), Ruling> {
        let undone = self.change.undo(&self.context.platform).await;
        undone.map_err(|error| self.not_changed(&error))
    }

    fn not_changed(&self, error: &kube::Error) -> Ruling {
        Ruling::Undecided(format!(
            "label `{}` of node `{}` could not be changed: {}",
            self.change.label,
            self.change.node,
            chain(error)
        ))
    }

    /// Waits until the node's label of state is as wanted.
    async fn until(
        &self,
        wanted: impl Fn(&str) -> bool + Send + Sync,
        what: &str,
        deadline: Deadline,
    ) -> Result<(), WaitError> {
        let label = self.state.to_owned();
        let condition = move |seen: &Seen<Node>| match seen.one() {
            None => Progress::Obstructed("the node is gone".to_owned()),
            Some(node) => {
                let state = node.labels().get(&label).map_or("", String::as_str);
                if wanted(state) {
                    Progress::Met
                } else {
                    Progress::NotYet(format!("it says `{label}={state}`"))
                }
            }
        };
        Watched::one(self.nodes(), &self.change.node)
            .until(condition.called(what), deadline)
            .await
            .map(drop)
    }

    async fn stated(&self) -> Result<String, Ruling> {
        let node = self.nodes().get(&self.change.node).await;
        let node = node.map_err(|error| Ruling::Undecided(chain(&error)))?;
        Ok(node.labels().get(self.state).cloned().unwrap_or_default())
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.context.platform.client())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_without_both_labels_has_no_manager() {
        let partitions = |id: &str| plimsoll_vendors::Vendor::by_id(id).unwrap().partitions.as_ref();
        assert!(partitions("nvidia").and_then(labels).is_some());
        assert!(partitions("google-tpu").and_then(labels).is_none());
    }
}
