//! One ResourceClaim for two pods.

use plimsoll_platform::{Ask, Inventory, Path, Placement as Room, PodSecurity};
use plimsoll_vendors::Vendor;

use super::judge::{self, Sharer};
use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, ClaimSpec, Crew, Placement, Request, Roster, Ruling},
};

/// The claim.
const CLAIM: &str = "shared";

/// Runs two pods on one claim for a device of the path's class.
pub(super) async fn run(context: &Context, path: Path) -> Result<(), CheckError> {
    let Path::Dra { driver, class, api } = &path else {
        return Ok(());
    };
    let trial = context.trial(format!("shared-claim/{class}"));
    let ask = Ask {
        path: path.clone(),
        min: 1,
        max: 1,
        placement: Room::SameNode,
    };
    let lease = match context.budget.acquire(ask).await {
        Ok(lease) => lease,
        Err(error) => {
            trial.undecided("H1", error.to_string());
            return Ok(());
        }
    };
    let namespace = context
        .workspace
        .namespace("sharing", PodSecurity::Baseline)
        .await?;
    let roster = Roster::new(namespace);
    let placement = placement(&context.inventory, lease.node());
    let crew = Crew {
        context,
        roster: &roster,
        placement: &placement,
        node: lease.node(),
        vendor: Vendor::by_driver(driver),
    };
    let result = share(&crew, class, api).await;
    roster.clear(&context.patience).await;
    drop(lease);
    let (together, same) = result?;
    together.tell(&trial, "H1");
    same.tell(&trial, "H2");
    Ok(())
}

async fn share(crew: &Crew<'_>, class: &str, api: &str) -> Result<(Ruling, Ruling), CheckError> {
    let spec = ClaimSpec::single(api, Request::of(class));
    crew.roster.namespace().create(spec.claim(CLAIM)).await?;
    let pods = ["one", "two"].map(|name| crew.claiming(name, ClaimSource::Named(CLAIM.to_owned())));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => return Ok((gap.clone(), gap)),
    };
    let running = crew.running(&members).await?;
    let sharers: Vec<Sharer<'_>> = members
        .iter()
        .map(|member| Sharer {
            pod: member.pod.name(),
            found: member.heard.as_ref().map(|heard| &heard.found),
        })
        .collect();
    let place = format!("claim `{CLAIM}` for a device of class `{class}`");
    let together = judge::together(&place, &sharers, running, crew.vendor);
    let same = judge::same_metal(&place, &sharers, true, crew.vendor);
    Ok((left_to_dra(together), left_to_dra(same)))
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

/// The node that devices were lent on, or any that has some.
pub(super) fn placement(inventory: &Inventory, node: &str) -> Placement {
    inventory
        .node(node)
        .map_or_else(|| Placement::tolerating(&inventory.nodes), Placement::on)
}
