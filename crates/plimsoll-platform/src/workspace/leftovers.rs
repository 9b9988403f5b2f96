//! What earlier runs left behind.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde::Serialize;

use super::{
    Cleanup, RUN_LABEL,
    cleanup::{Found, find, namespaces, remove_found},
    heartbeat::{HOLDS, LEASE},
};
use crate::{
    platform::{ApiError, Platform},
    wait::{Condition, Deadline, DeadlineKind, Progress, Seen, WaitError, Watched},
};

/// What one run left, or still uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// The run's id.
    pub run: String,
    /// Its objects: namespaces, and what is in no namespace.
    pub objects: Vec<String>,
    /// Whether the run still lives.
    pub alive: bool,
}

/// Finds what runs left. Takes up to the Lease's duration where a run may still live: only a renewal tells.
///
/// # Errors
/// When namespaces can't be listed.
pub async fn leftovers(platform: &Platform) -> Result<Vec<Leftover>, ApiError> {
    let runs = by_run(platform).await?;
    let leftovers = stream::iter(runs)
        .map(|(run, found)| async move {
            let alive = is_alive(platform, &run).await;
            let objects = found
                .iter()
                .map(|found| format!("{} {}", found.kind.kind, found.name))
                .collect();
            Leftover { run, objects, alive }
        })
        .buffered(16)
        .collect()
        .await;
    Ok(leftovers)
}

/// Removes what every run left, except for runs that still live; with `force`, theirs too.
///
/// # Errors
/// When namespaces can't be listed.
pub async fn cleanup_all(platform: &Platform, force: bool) -> Result<Cleanup, ApiError> {
    let runs = by_run(platform).await?;
    let cleanups: Vec<Cleanup> = stream::iter(runs)
        .map(|(run, found)| async move {
            if !force && is_alive(platform, &run).await {
                let why = format!("run {run} is still running");
                return Cleanup {
                    skipped: vec![why],
                    ..Cleanup::default()
                };
            }
            remove_found(platform, &format!("{RUN_LABEL}={run}"), found).await
        })
        .buffered(16)
        .collect()
        .await;
    Ok(cleanups.into_iter().fold(Cleanup::default(), |mut all, cleanup| {
        all.add(cleanup);
        all
    }))
}

/// Everything with a run's label that is in no namespace, by run.
async fn by_run(platform: &Platform) -> Result<BTreeMap<String, Vec<Found>>, ApiError> {
    let apis = platform.discover().await?;
    let mut kinds = apis.cluster_scoped();
    if !kinds.contains(&namespaces()) {
        kinds.push(namespaces());
    }
    let found = find(platform, RUN_LABEL, &kinds)
        .await
        .map_err(|source| ApiError::new("list what runs left", source))?;
    let mut runs: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for found in found {
        runs.entry(found.run.clone()).or_default().push(found);
    }
    Ok(runs)
}

/// Whether the run renews its Lease. Clocks of two machines may differ: only a renewal is believed.
async fn is_alive(platform: &Platform, run: &str) -> bool {
    let leases: Api<Lease> = Api::namespaced(platform.client(), &format!("plimsoll-{run}"));
    let lease = match leases.get_opt(LEASE).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return false,
        // Who can't tell must not take a living run's objects away.
        Err(_) => return true,
    };
    let first = renewed(&lease);
    let age = first.map(|at| platform.clock().now().duration_since(at));
    // No two clocks differ by that much and still let anybody log in.
    if age.is_none_or(|age| age.as_secs() > 3600) {
        return false;
    }
    let again = move |seen: &Seen<Lease>| match seen.one() {
        None => Progress::Never("it is gone".to_owned()),
        Some(lease) if renewed(lease) != first => Progress::Met,
        Some(_) => Progress::NotYet("it has not been renewed".to_owned()),
    };
    let within = HOLDS + Duration::from_secs(1);
    let deadline = Deadline {
        name: "renewal",
        kind: DeadlineKind::Patience,
        within,
    };
    match Watched::one(leases, LEASE)
        .until(
            again.called(format!("run {run} to show a sign of life")),
            deadline,
        )
        .await
    {
        Ok(_) => true,
        Err(WaitError::Api { .. } | WaitError::Elapsed { api: Some(_), .. }) => true,
        Err(_) => false,
    }
}

fn renewed(lease: &Lease) -> Option<jiff::Timestamp> {
    lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0)
}
