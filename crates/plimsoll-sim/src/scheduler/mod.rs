//! The scheduler: places pods on nodes, one by one or as gangs, and gives their claims devices.
//!
//! [`State`] is what it knows, kept up to date change by change: who is where ([`cluster`]), what drivers publish and
//! claims hold ([`dra`]), what gangs there are ([`gang`]), and who waits ([`queue`]). [`place`] finds the best place for
//! one pod, asking [`fit`] which nodes take it and [`score`] which is the best; [`act`] writes what was decided. It
//! tries nobody again before something happened that may help ([`news`]).

mod act;
mod amount;
mod cluster;
mod cycle;
mod dra;
mod fit;
mod gang;
mod labels;
mod news;
mod place;
mod pod;
mod preempt;
mod queue;
mod refusal;
mod resources;
mod score;
mod state;
mod taint;
#[cfg(test)]
mod tests;
mod wishes;

use futures::{FutureExt, StreamExt};
use plimsoll_apiserver::{Direct, Object, Watch, elapse, resources as of};

use self::{act::Actor, cycle::Scheduler, state::State};
use crate::{
    Faults,
    platform::{GangScheduling, Latencies},
};

/// Places pods until the API ends.
pub async fn run(api: Direct, latencies: Latencies, faults: Faults, gang: GangScheduling) {
    if faults.has("gang.min-one") {
        for manifest in gang::min_one::manifests() {
            // Where there are no such policies, the scheduler itself takes every group to want one.
            let _ = api.create(manifest).await;
        }
    }
    // Nodes before pods: a pod's node is known then.
    let mut changes = api.watch(&[
        of::NODES,
        of::NAMESPACES,
        of::DEVICE_CLASSES,
        of::RESOURCE_SLICES,
        of::DEVICE_TAINT_RULES,
        of::RESOURCE_CLAIMS,
        of::POD_GROUPS,
        of::WORKLOADS,
        of::PODS,
    ]);
    let state = State::new(&api, &faults, gang);
    let mut scheduler = Scheduler::new(state, Actor::new(api.clone(), faults.has("dra.unreserved")));
    // Nobody is placed before it is known who is there already.
    while !changes.is_caught_up() {
        match changes.next().await {
            Some(change) => scheduler.apply(&change),
            None => return,
        }
    }
    loop {
        catch_up(&mut scheduler, &mut changes);
        if let Some(unit) = scheduler.next() {
            if scheduler.is_worth_a_look(&unit) {
                elapse(Latencies::of(latencies.scheduling_ms)).await;
                catch_up(&mut scheduler, &mut changes);
            }
            scheduler.decide(unit).await;
            continue;
        }
        let now = api.clock().elapsed();
        let timer = scheduler.next_timer().map(|at| at.saturating_sub(now));
        let rings = async {
            match timer {
                Some(after) => elapse(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = changes.next() => match change {
                Some(change) => scheduler.apply(&change),
                None => return,
            },
            () = rings => {}
        }
        scheduler.ring();
    }
}

/// Takes in all that has happened.
fn catch_up(scheduler: &mut Scheduler, changes: &mut Watch) {
    while let Some(Some(change)) = changes.next().now_or_never() {
        scheduler.apply(&change);
    }
}
