//! Borrowed devices of one node, and pods there.

use std::fmt::Display;

use plimsoll_platform::{Lease, PodSecurity};
use plimsoll_vendors::Vendor;

use super::judge::{self, Sharer};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{ClaimSource, Crew, Placement, Roster, Ruling},
};

/// The lease; `None`, and H1 undecided, where nothing could be borrowed.
pub(super) fn lent<E: Display>(trial: &Trial, lease: Result<Lease, E>) -> Option<Lease> {
    lease
        .map_err(|error| trial.undecided("H1", error.to_string()))
        .ok()
}

/// Lets pods work on the node that devices were lent on, and takes them away before the lease ends.
pub(super) async fn with_crew(
    context: &Context,
    lease: &Lease,
    vendor: Option<&'static Vendor>,
    work: impl AsyncFnOnce(&Crew<'_>) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    let namespace = context
        .workspace
        .namespace("sharing", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let node = lease.node();
    let placement = context
        .inventory
        .node(node)
        .map_or_else(|| Placement::tolerating(&context.inventory.nodes), Placement::on);
    let crew = Crew {
        context,
        roster: &roster,
        placement: &placement,
        node,
        vendor,
    };
    let result = work(&crew).await;
    roster.clear(&context.patience).await;
    result
}

/// Judges what two pods that share hold: `place`, the pods, their vendor.
pub(super) type Judge = fn(&str, &[Sharer<'_>], Option<&Vendor>) -> Ruling;

/// Two pods by claims from one source, beside one without: they run together (H1), hold what `judge` says they must
/// (H2), and the third reaches nothing (H3).
pub(super) async fn two_and_one(
    crew: &Crew<'_>,
    trial: &Trial,
    source: &ClaimSource,
    place: &str,
    judge: Judge,
) -> Result<(), CheckError> {
    let sharing = ["one", "two"].map(|name| crew.claiming(name, source.clone()));
    let pods = sharing.into_iter().chain([crew.bystander("outsider")]);
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => {
            gap.tell(trial, "H1");
            return Ok(());
        }
    };
    let Some((outsider, members)) = members.split_last() else {
        return Ok(());
    };
    let running = crew.running(members).await?;
    let sharers: Vec<Sharer<'_>> = members.iter().map(Sharer::of).collect();
    left_to_dra(judge::together(place, &sharers, running, crew.vendor)).tell(trial, "H1");
    left_to_dra(judge(place, &sharers, crew.vendor)).tell(trial, "H2");
    judge::stays_out(place, &Sharer::of(outsider), &sharers, crew.vendor).tell(trial, "H3");
    Ok(())
}

/// What is wrong with a claim is for another requirement to say.
pub(super) fn left_to_dra(ruling: Ruling) -> Ruling {
    match ruling {
        Ruling::Wrong(detail) => Ruling::Undecided(format!(
            "{detail} (dra_support and partitioning_mig decide what claims and parts are worth)"
        )),
        Ruling::Right(_) | Ruling::Undecided(_) => ruling,
    }
}
