//! One ResourceClaim for two pods.

use plimsoll_platform::{Ask, Path, Placement as Room};
use plimsoll_vendors::Vendor;

use super::{
    ground::{lent, two_and_one, with_crew},
    judge,
};
use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, ClaimSpec, Request},
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
    let Some(lease) = lent(&trial, context.budget.acquire(ask).await) else {
        return Ok(());
    };
    with_crew(context, &lease, Vendor::by_driver(driver), async |crew| {
        let spec = ClaimSpec::single(api, Request::of(class));
        crew.roster.namespace().create(spec.claim(CLAIM)).await?;
        let place = format!("claim `{CLAIM}` for a device of class `{class}`");
        let source = ClaimSource::Named(CLAIM.to_owned());
        two_and_one(crew, &trial, &source, &place, |place, sharers, vendor| {
            judge::same_metal(place, sharers, true, vendor)
        })
        .await
    })
    .await
}
