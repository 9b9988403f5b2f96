//! Shares of a device's memory by claims: a driver publishes a device that may be allocated several times, and claims ask
//! for so much of its capacity.

use std::collections::BTreeMap;

use kube::core::{ApiResource, DynamicObject};
use plimsoll_platform::{
    Path, WholeNode,
    dra::{self, Slice},
    survey::quantity,
    workspace::lost_fields,
};
use plimsoll_vendors::Vendor;
use serde_json::json;

use super::{
    ground::{lent, with_crew},
    judge::{self, Portion, Sharer},
};
use crate::{
    CheckError, Context, Trial,
    dra_support::hardware::pin,
    parts::slices,
    probe_pod::{ClaimSource, ClaimSpec, Crew, Member, Request, claim_of, slowest},
};

/// The template of claims for a share.
const SHARE: &str = "share";

/// The capacity that is asked for where nothing is known of what a vendor calls it.
const MEMORY: &str = "memory";

/// A device of which claims can have shares.
pub(super) struct Shareable {
    path: Path,
    node: String,
    device: String,
    /// The expression that selects it alone.
    select: String,
    /// The name of its memory among its capacities, and how much there is.
    memory: (String, u64),
}

/// One free device of each driver that has any.
pub(super) async fn offers(context: &Context) -> Result<Vec<Shareable>, CheckError> {
    if !context.inventory.paths().iter().any(|path| path.is_dra()) {
        return Ok(Vec::new());
    }
    let slices = slices(context).await?;
    let mut by_driver: BTreeMap<String, Shareable> = BTreeMap::new();
    for slice in &slices {
        if !by_driver.contains_key(&slice.driver)
            && let Some(found) = in_slice(context, slice, &slices)
        {
            by_driver.insert(slice.driver.clone(), found);
        }
    }
    Ok(by_driver.into_values().collect())
}

fn in_slice(context: &Context, slice: &Slice, all: &[Slice]) -> Option<Shareable> {
    let capacity = Vendor::by_driver(&slice.driver)
        .and_then(|vendor| vendor.dra.as_ref()?.memory_capacity.as_deref())
        .unwrap_or(MEMORY);
    let siblings: Vec<&dra::Device> = all
        .iter()
        .filter(|other| other.driver == slice.driver)
        .flat_map(|other| &other.devices)
        .collect();
    let shareable = slice
        .devices
        .iter()
        .filter(|device| device.shareable && !device.is_tainted());
    shareable
        .filter_map(|device| {
            let node = device.node.as_ref().or(slice.node.as_ref())?;
            let is_this = |known: &plimsoll_platform::survey::Device| {
                (&known.driver, &known.pool, &known.name) == (&slice.driver, &slice.pool, &device.name)
            };
            let pools = context.inventory.accelerators.iter();
            let pool = pools
                .filter(|pool| pool.node == *node && pool.free > 0)
                .find(|pool| {
                    let mut devices = pool.devices.iter();
                    devices.any(|known| is_this(known) && !known.allocated)
                })?;
            let stated = device.capacity.get(&format!("{}/{capacity}", slice.driver))?;
            let bytes = quantity::whole(stated);
            (bytes > 1).then(|| {
                Some(Shareable {
                    path: pool.path.clone(),
                    node: node.clone(),
                    device: device.name.clone(),
                    select: pin(&slice.driver, device, &siblings)?,
                    memory: (capacity.to_owned(), bytes),
                })
            })?
        })
        .next()
}

/// Runs two pods, each with half of the device's memory, and asks for a third half.
pub(super) async fn run(context: &Context, offer: Shareable) -> Result<(), CheckError> {
    let Path::Dra { driver, class, .. } = &offer.path else {
        return Ok(());
    };
    let trial = context.trial(format!("capacity/{class}"));
    let ask = WholeNode {
        path: offer.path.clone(),
        nodes: vec![offer.node.clone()],
        min: 1,
    };
    let Some(lease) = lent(&trial, context.budget.acquire_node(ask).await) else {
        return Ok(());
    };
    with_crew(context, &lease, Vendor::by_driver(driver), async |crew| {
        halves(crew, &trial, &offer).await
    })
    .await
}

async fn halves(crew: &Crew<'_>, trial: &Trial, offer: &Shareable) -> Result<(), CheckError> {
    let Path::Dra { class, api, .. } = &offer.path else {
        return Ok(());
    };
    let (capacity, bytes) = &offer.memory;
    let half = bytes / 2;
    let request = Request::of(class)
        .select(offer.select.clone())
        .capacity(capacity, half.to_string());
    let template = ClaimSpec::single(api, request).template(SHARE);
    let stored = crew.roster.namespace().create(template.clone()).await?;
    let stored = serde_json::to_value(&stored).unwrap_or_default();
    // A disabled feature gate drops what it does not know without a word.
    if let Some(lost) = lost_fields(&template, &stored).first() {
        trial.undecided(
            "H1",
            format!("the API server does not keep what asks for a share of a device: `{lost}`"),
        );
        return Ok(());
    }
    let place = format!(
        "`{capacity}` of device `{}` on node `{}`",
        offer.device, offer.node
    );
    let source = || ClaimSource::Template(SHARE.to_owned());
    let pods = ["one", "two"].map(|name| crew.claiming(name, source()));
    let members = match crew.muster(pods).await? {
        Ok(members) => members,
        Err(gap) => {
            gap.tell(trial, "H1");
            return Ok(());
        }
    };
    let running = crew.running(&members).await?;
    let sharers: Vec<Sharer<'_>> = members.iter().map(Sharer::of).collect();
    let together = judge::together(&place, &sharers, running, crew.vendor);
    let all_run = together.is_right();
    together.tell(trial, "H1");
    if !all_run {
        return Ok(());
    }
    judge::of_one(&place, &sharers, crew.vendor).tell(trial, "H2");
    let mut portions = Vec::new();
    for (member, sharer) in members.iter().zip(&sharers) {
        portions.push(Portion {
            sharer,
            allocated: allocated(crew, member, capacity).await?,
        });
    }
    judge::fractions(&place, &portions, *bytes, crew.vendor).tell(trial, "H5");
    let window = crew.context.patience.hold(slowest(&members));
    let extra = crew.claiming("too-many", source());
    let what = format!("another half of the {place}");
    let release = members.first().map(|member| &member.pod);
    crew.one_too_many(&extra, &what, window, release)
        .await?
        .tell(trial, "H3");
    Ok(())
}

/// How much of the capacity the claim of a pod was allocated, by its own word.
async fn allocated(crew: &Crew<'_>, member: &Member, capacity: &str) -> Result<Option<u64>, CheckError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| CheckError::Api { what, source }
    };
    let pod = member.pod.api().get(&member.pod.name()).await;
    let pod = pod.map_err(failed("read a pod"))?;
    let Some((claim, kind)) = claim_of(&pod).zip(claims(crew.context).await?) else {
        return Ok(None);
    };
    let claim: DynamicObject = crew
        .roster
        .namespace()
        .dynamic(&kind)
        .get(&claim)
        .await
        .map_err(failed("read a resourceclaim"))?;
    let results = claim.data.pointer("/status/allocation/devices/results");
    let consumed = results.and_then(|results| results.get(0)?.get("consumedCapacity"));
    crew.context.observe(
        format!(
            "claim of pod {}/{}",
            crew.roster.namespace().name(),
            member.pod.name()
        ),
        json!({"consumed": consumed}),
    );
    let amount = consumed.and_then(|consumed| consumed.get(capacity)?.as_str());
    Ok(amount.map(quantity::whole))
}

async fn claims(context: &Context) -> Result<Option<ApiResource>, CheckError> {
    let apis = context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    Ok(dra::resource(&apis, "ResourceClaim"))
}
