//! D7: two pods share one claim.

use futures::future::{join, try_join};
use plimsoll_platform::dra::Claim;

use super::bench::{Bench, Held};
use crate::{
    CheckError,
    probe_pod::{ClaimSource, Placement, Ruling, holdings, unmet},
};

/// Runs two pods on one claim, takes them away again and decides.
pub(super) async fn share(bench: &Bench<'_>) -> Result<Ruling, CheckError> {
    const CLAIM: &str = "shared";
    let claim = bench.claim(CLAIM, &bench.one(&[])).await?;
    let source = || ClaimSource::Named(CLAIM.to_owned());
    let first = bench.start(&bench.pod("shared-1", source())).await?;
    // The second is free to go anywhere: it is the claim that must bring it to the device's node.
    let anywhere = Placement::tolerating(&bench.context.inventory.nodes);
    let second = bench
        .start(&bench.pod_at("shared-2", source(), &anywhere))
        .await?;
    let (one, two) = join(bench.hear(first.clone()), bench.hear(second.clone())).await;
    let ruling = match (one, two) {
        // Either may have been started anew, so only now are both reserved for sure.
        (Ok(one), Ok(two)) => match bench.read_claim(CLAIM).await {
            Ok(claim) => judge(bench, &claim, &one, &two),
            Err(error) => unmet("the claim of two running pods can't be read", &error),
        },
        (Err(error), _) | (_, Err(error)) => unmet("two pods on one claim did not both start", &error),
    };
    try_join(super::remove(bench, &first), super::remove(bench, &second)).await?;
    super::delete(bench, &claim).await?;
    Ok(ruling)
}

fn judge(bench: &Bench<'_>, claim: &Claim, one: &Held, two: &Held) -> Ruling {
    if one.node != two.node {
        return Ruling::Wrong(format!(
            "two pods share one claim and run on different nodes, `{}` and `{}`",
            one.node, two.node
        ));
    }
    let is_reserved = |held: &Held| {
        let uid = held.pod.uid();
        claim.reserved_for.iter().any(|consumer| consumer.uid == uid)
    };
    if let Some(held) = [one, two].into_iter().find(|held| !is_reserved(held)) {
        return Ruling::Wrong(format!(
            "two pods run on claim `{}`, but it is not reserved for `{}`",
            claim.name,
            held.pod.name()
        ));
    }
    let (ours, theirs) = (
        holdings(&one.found, bench.vendor),
        holdings(&two.found, bench.vendor),
    );
    let same = ours.len() == theirs.len()
        && ours
            .iter()
            .all(|mine| theirs.iter().any(|other| mine.is_same_hardware(other)));
    if !same {
        return Ruling::Wrong(format!(
            "two pods share claim `{}` and hold different devices",
            claim.name
        ));
    }
    Ruling::all([one.judge(bench), two.judge(bench)])
}
