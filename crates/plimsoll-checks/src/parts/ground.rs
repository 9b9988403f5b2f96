//! Where parts are tried: a namespace, a node that is lent whole, and pods that ask for parts.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams, core::ApiResource};
use plimsoll_platform::{
    CreateError, Lease, Path, PodSecurity, WaitError, WholeNode,
    dra::{self, Allocated, Slice},
    pods,
};
use plimsoll_probe::{Transcript, protocol::DeviceNumber};
use serde_json::json;

use super::{Offer, Sight, Unit};
use crate::{
    CheckError, Context, Trial,
    probe_pod::{
        ClaimSource, ClaimSpec, Grant, LivePod, Look, Placement, Privilege, ProbeContainer, ProbePod,
        Request, Roster, Ruling, chain, claim_of, read_claim, read_slice,
    },
};

/// The container that asks for a part.
pub(crate) const HOLDER: &str = "holder";

/// The name of a claim within a pod.
const CLAIM: &str = "part";

/// The ground of one offer.
pub(crate) struct Ground<'a> {
    pub(crate) context: &'a Context,
    pub(crate) trial: Trial,
    pub(crate) roster: Roster,
    pub(crate) offer: Offer,
    pub(crate) placement: Placement,
    claims: Option<ApiResource>,
    _leases: Vec<Lease>,
}

/// A pod that was created and may hold something one day.
pub(crate) struct Pending {
    pub(crate) pod: LivePod,
    pub(crate) unit: Unit,
}

/// A pod that holds what it asked for.
pub(crate) struct Held {
    pub(crate) pod: LivePod,
    pub(crate) unit: Unit,
    pub(crate) found: Transcript,
    /// What its claim was allocated, where it has one.
    pub(crate) allocated: Vec<Allocated>,
    /// How long it took to be bound to a node: what a refusal is measured against.
    pub(crate) bound_after: Duration,
    /// The pod once it ran.
    pub(crate) seen: Pod,
}

/// All slices that are published.
///
/// # Errors
/// When they can't be read.
pub(crate) async fn slices(context: &Context) -> Result<Vec<Slice>, CheckError> {
    let Some(kind) = kind(context, "ResourceSlice").await? else {
        return Ok(Vec::new());
    };
    let api: Api<kube::core::DynamicObject> = Api::all_with(context.platform.client(), &kind);
    let list = api.list(&ListParams::default()).await;
    let list = list.map_err(|source| CheckError::Api {
        what: "list resourceslices".to_owned(),
        source,
    })?;
    Ok(list.items.iter().filter_map(read_slice).collect())
}

async fn kind(context: &Context, kind: &str) -> Result<Option<ApiResource>, CheckError> {
    let apis = context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    Ok(dra::resource(&apis, kind))
}

impl<'a> Ground<'a> {
    /// Borrows all that is offered on the node, and makes a namespace. The reason, where that can't be had.
    pub(crate) async fn prepare(
        context: &'a Context,
        offer: Offer,
        purpose: &str,
    ) -> Result<Result<Self, String>, CheckError> {
        let mut leases: Vec<Lease> = Vec::new();
        // Always in the same order, so that nobody who does the same waits for ever.
        for path in offer.paths() {
            let ask = WholeNode {
                path,
                nodes: vec![offer.node.clone()],
                min: 1,
            };
            match context.budget.acquire_node(ask).await {
                Ok(lease) => leases.push(lease),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        let namespace = context
            .workspace
            .namespace(purpose, PodSecurity::Baseline)
            .await?;
        let placement = context
            .inventory
            .node(&offer.node)
            .map_or_else(|| Placement::tolerating(&context.inventory.nodes), Placement::on);
        let claims = match offer.units.first().map(|unit| &unit.path) {
            Some(Path::Dra { .. }) => kind(context, "ResourceClaim").await?,
            Some(Path::DevicePlugin { .. }) | None => None,
        };
        Ok(Ok(Self {
            context,
            trial: context.trial(offer.name.clone()),
            roster: Roster::new(namespace),
            placement,
            claims,
            offer,
            _leases: leases,
        }))
    }

    /// What a probe looks at here.
    pub(crate) fn look(&self) -> Look {
        Look::at(self.offer.vendor)
    }

    /// A pod on the node without a request, whose container may make device nodes.
    pub(crate) fn bare(&self, name: &str, look: &Look) -> ProbePod {
        let container = ProbeContainer::new(HOLDER, look.args()).privilege(Privilege::MakeNodes);
        ProbePod::new(name, &self.context.probe)
            .placed(&self.placement)
            .container(container)
    }

    /// Creates a pod that asks for that very part, as far as parts can be chosen, looks and stays.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn start(&self, name: &str, unit: &Unit, look: Look) -> Result<Pending, CheckError> {
        let select = unit.published.as_ref().and_then(|device| device.select.clone());
        self.start_by(name, unit, select, look).await
    }

    /// Creates a pod that asks for any part of the same kind.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn start_any(&self, name: &str, unit: &Unit, look: Look) -> Result<Pending, CheckError> {
        self.start_by(name, unit, None, look).await
    }

    async fn start_by(
        &self,
        name: &str,
        unit: &Unit,
        select: Option<String>,
        look: Look,
    ) -> Result<Pending, CheckError> {
        let holder = ProbeContainer::new(HOLDER, look.staying().args()).privilege(Privilege::MakeNodes);
        let pod = ProbePod::new(name, &self.context.probe).placed(&self.placement);
        let pod = match &unit.path {
            Path::Dra { class, api, .. } => {
                let request = select
                    .into_iter()
                    .fold(Request::of(class), |request, cel| request.select(cel));
                let template = ClaimSpec::single(api, request).template(name);
                self.roster.namespace().create(template).await?;
                pod.claim(CLAIM, ClaimSource::Template(name.to_owned()))
                    .container(holder.grant(Grant::Claim {
                        name: CLAIM.to_owned(),
                    }))
            }
            Path::DevicePlugin { resource } => pod.container(holder.grant(Grant::Resource {
                name: resource.clone(),
                count: 1,
            })),
        };
        Ok(Pending {
            pod: self.roster.start(&pod).await?,
            unit: unit.clone(),
        })
    }

    /// Waits until the pod runs and its probe has looked, and reads what its claim was allocated.
    ///
    /// # Errors
    /// As the waits for it.
    pub(crate) async fn hear(&self, pending: Pending) -> Result<Held, WaitError> {
        let patience = &self.context.patience;
        let Pending { pod, unit } = pending;
        pod.until(pods::bound(), patience.scheduling()).await?;
        let bound_after = pod.age();
        let seen = pod.started(patience).await?;
        let found = pod.report(HOLDER, patience).await?;
        let allocated = self.allocated(&seen).await?;
        self.context.observe(
            format!("probe in pod {}/{}", self.roster.namespace().name(), pod.name()),
            json!({
                "node": self.offer.node, "asked for": unit.to_string(), "profile": unit.profile,
                "allocated": allocated, "bound_ms": bound_after.as_millis(),
                "devices": found.devices().collect::<Vec<_>>(), "forged": found.forged,
            }),
        );
        Ok(Held {
            pod,
            unit,
            found,
            allocated,
            bound_after,
            seen,
        })
    }

    /// The same for several pods; those that held nothing are given with the reason.
    pub(crate) async fn hear_all(&self, pending: Vec<Pending>) -> (Vec<Held>, Vec<(String, WaitError)>) {
        let names: Vec<String> = pending.iter().map(|pending| pending.pod.name()).collect();
        let heard = join_all(pending.into_iter().map(|pending| self.hear(pending))).await;
        let (mut held, mut silent) = (Vec::new(), Vec::new());
        for (name, heard) in names.into_iter().zip(heard) {
            match heard {
                Ok(one) => held.push(one),
                Err(error) => silent.push((name, error)),
            }
        }
        (held, silent)
    }

    /// Runs a pod that asks for nothing and hears what it found.
    ///
    /// # Errors
    /// When the check can't go on.
    pub(crate) async fn bystander(
        &self,
        pod: &ProbePod,
    ) -> Result<Result<(LivePod, Transcript), Ruling>, CheckError> {
        let live = match self.roster.start(pod).await {
            Ok(live) => live,
            Err(CheckError::Create(error @ (CreateError::Refused { .. } | CreateError::Invalid { .. }))) => {
                return Ok(Err(Ruling::Undecided(chain(&error))));
            }
            Err(error) => return Err(error),
        };
        let patience = &self.context.patience;
        let heard = async {
            live.started(patience).await?;
            live.report(HOLDER, patience).await
        };
        Ok(match heard.await {
            Ok(found) => Ok((live, found)),
            Err(error) => Err(Ruling::Undecided(format!(
                "pod `{}` told nothing: {}",
                live.name(),
                chain(&error)
            ))),
        })
    }

    async fn allocated(&self, pod: &Pod) -> Result<Vec<Allocated>, WaitError> {
        let (Some(kind), Some(name)) = (&self.claims, claim_of(pod)) else {
            return Ok(Vec::new());
        };
        let object = self.roster.namespace().dynamic(kind).get(&name).await;
        let object = object.map_err(|source| WaitError::Api {
            on: format!("claim `{name}`"),
            source,
        })?;
        Ok(read_claim(&object).allocated)
    }
}

impl Held {
    /// What its container sees, sorted by whose it is.
    pub(crate) fn sight(&self, offer: &Offer) -> Sight<'_> {
        Sight::of(&self.found, &self.unit, offer.vendor)
    }

    /// Who it is and what it holds.
    pub(crate) fn whose(&self) -> String {
        format!("pod `{}`, which asked for {},", self.pod.name(), self.unit)
    }

    /// Numbers of all that is the vendor's in its container.
    pub(crate) fn numbers(&self, offer: &Offer) -> Vec<DeviceNumber> {
        super::sight::exclusive(&self.found, offer.vendor)
            .into_iter()
            .map(|node| node.number)
            .collect()
    }
}
