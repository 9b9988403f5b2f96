//! G1: a gang that fits starts together.

use std::time::Duration;

use tokio::sync::watch;

use super::{not_bound, not_met};
use crate::{
    CheckError,
    gang_scheduling::{bench::Bench, duty::Duty, gang::Gang},
    probe_pod::Ruling,
};

/// Where it is told how long the binding of a gang took, once it is bound.
pub(in super::super) type Bound = watch::Sender<Option<Duration>>;

/// How the first gang fared.
pub(in super::super) struct Together {
    /// The ruling on G1.
    pub ruling: Ruling,
    /// How long it took from its first member's creation to the last one's binding; none if it was not bound.
    pub took: Option<Duration>,
    /// The gang, for its objects to be read back.
    pub gang: Gang,
}

/// Creates a gang for all the slots there are; its members must be bound, which is told how long it took at once, run,
/// and meet.
pub(in super::super) async fn together(bench: &Bench, bound: &Bound) -> Result<Together, CheckError> {
    let size = bench.slots.count();
    let began = bench.elapsed();
    let mut gang = bench.form("whole", size, Duty::Meet).await?;
    let name = gang.name.clone();
    let patience = bench.context.patience;
    let (ruling, took) = match bench.bound(&name, size, patience.scheduling()).await {
        Ok(()) => meet(bench, &gang, began, bound).await,
        Err(error) => (
            not_bound(bench, &name, &error, "in a place with room for all of it").await?,
            None,
        ),
    };
    bench.disband(&name, std::mem::take(&mut gang.members)).await;
    Ok(Together { ruling, took, gang })
}

/// All are bound: says how fast that went, and waits until they have met.
async fn meet(bench: &Bench, gang: &Gang, began: Duration, bound: &Bound) -> (Ruling, Option<Duration>) {
    let (name, size) = (&gang.name, gang.size);
    let (whole, binds) = bench.with(|timeline| (timeline.whole_at(name), timeline.bind_spread(name)));
    let took =
        whole.map(|at| Duration::from_millis(u64::try_from(at).unwrap_or(u64::MAX)).saturating_sub(began));
    if let Some(took) = took {
        bound.send_replace(Some(took));
    }
    let took_ms = took.unwrap_or_default().as_millis();
    let seen = format!(
        "all {size} members were bound within {took_ms} ms, {} ms apart",
        binds.unwrap_or_default()
    );
    let ruling = match bench.succeeded(name, size, bench.context.patience.report()).await {
        Ok(()) => {
            let starts = bench
                .with(|timeline| timeline.start_spread(name))
                .unwrap_or_default();
            Ruling::Right(format!("{seen}; they started {starts} ms apart and met"))
        }
        Err(error) => not_met(&error, &seen),
    };
    (ruling, took)
}
