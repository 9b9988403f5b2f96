//! Where one allocation path is tried: its namespace, node and devices, and how pods ask for one there.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Ask, CreateError, Lease, Path, Placement as Room, PodSecurity, WaitError,
    dra::{self, Slice},
    pods,
};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Vendor;
use serde_json::json;

use crate::{
    CheckError, Context, Trial,
    probe_pod::{
        ClaimSource, ClaimSpec, Count, Grant, LivePod, Look, Placement, Privilege, ProbeContainer, ProbePod,
        Promised, Request, Roster, Ruling, chain, claim_of, promised, read_claim, read_slice,
    },
};

/// The container that asks for an accelerator.
pub(super) const HOLDER: &str = "holder";

/// The template of claims for one device, and the name of such a claim within a pod.
const ONE: &str = "one";

/// One path's ground.
pub(super) struct Ground<'a> {
    pub(super) context: &'a Context,
    pub(super) trial: Trial,
    pub(super) roster: Roster,
    pub(super) path: Path,
    pub(super) vendor: Option<&'static Vendor>,
    pub(super) placement: Placement,
    /// The node.
    pub(super) node: String,
    /// How many accelerators the node has by this path, whoever holds them.
    pub(super) total: usize,
    slices: Vec<Slice>,
    claims: Option<ApiResource>,
    lease: Lease,
}

/// What one container of a pod found.
pub(super) struct Sight {
    pub(super) pod: LivePod,
    pub(super) found: Transcript,
    /// What its claim was allocated, where it has one.
    pub(super) promised: Option<Vec<Promised>>,
    /// How long the pod took to be bound to a node: what a refusal is measured against.
    pub(super) bound_after: Duration,
}

impl<'a> Ground<'a> {
    /// Borrows up to two devices of one node, and makes a namespace. The reason, where the path has no device
    /// free.
    pub(super) async fn prepare(
        context: &'a Context,
        path: &Path,
    ) -> Result<Result<Self, String>, CheckError> {
        let ask = |min| Ask {
            path: path.clone(),
            min,
            max: 2,
            placement: Room::SameNode,
        };
        let min = context.budget.capacity(&ask(1)).clamp(1, 2);
        let lease = match context.budget.acquire(ask(min)).await {
            Ok(lease) => lease,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let namespace = context
            .workspace
            .namespace("secure", PodSecurity::Baseline)
            .await?;
        let node = lease.node().to_owned();
        let placement = context
            .inventory
            .node(&node)
            .map_or_else(|| Placement::tolerating(&context.inventory.nodes), Placement::on);
        let total = context
            .inventory
            .by_path(path)
            .filter(|pool| pool.node == node)
            .map(|pool| usize::try_from(pool.total).unwrap_or(usize::MAX))
            .sum();
        let ground = Self {
            context,
            trial: context.trial(path.to_string()),
            roster: Roster::new(namespace),
            path: path.clone(),
            vendor: vendor(path),
            placement,
            node,
            total,
            slices: slices(context, path).await?,
            claims: claims(context, path).await?,
            lease,
        };
        if let Some((_, template)) = ground.claim_spec(1) {
            ground.roster.namespace().create(template.template(ONE)).await?;
        }
        Ok(Ok(ground))
    }

    /// Whether two pods can hold a device at a time.
    pub(super) fn has_neighbours(&self) -> bool {
        self.lease.total() >= 2
    }

    /// Whether several pods can have the same device by this path.
    pub(super) fn is_shared(&self) -> bool {
        match &self.path {
            Path::DevicePlugin { resource } => self
                .context
                .inventory
                .node(&self.node)
                .is_some_and(|node| node.sharing(resource).is_some()),
            Path::Dra { .. } => false,
        }
    }

    /// A pod with one container that is given one accelerator, looks and stays.
    pub(super) fn holder(&self, name: &str, look: Look) -> ProbePod {
        self.grant(self.bare(name), self.container(HOLDER, look))
    }

    /// A pod on the node, without containers as yet.
    pub(super) fn bare(&self, name: &str) -> ProbePod {
        ProbePod::new(name, &self.context.probe).placed(&self.placement)
    }

    /// A container that may make device nodes.
    pub(super) fn container(&self, name: &str, look: Look) -> ProbeContainer {
        ProbeContainer::new(name, look.args()).privilege(Privilege::MakeNodes)
    }

    /// What a probe looks at here.
    pub(super) fn look(&self) -> Look {
        Look::at(self.vendor)
    }

    /// Adds a container that is given one accelerator.
    pub(super) fn grant(&self, pod: ProbePod, container: ProbeContainer) -> ProbePod {
        match &self.path {
            Path::Dra { .. } => pod
                .claim(ONE, ClaimSource::Template(ONE.to_owned()))
                .container(container.grant(Grant::Claim { name: ONE.to_owned() })),
            Path::DevicePlugin { resource } => pod.container(container.grant(Grant::Resource {
                name: resource.clone(),
                count: 1,
            })),
        }
    }

    /// A pod whose container asks for `count` accelerators.
    pub(super) async fn greedy(&self, name: &str, count: usize) -> Result<ProbePod, CheckError> {
        let container = ProbeContainer::new(HOLDER, ["pause"]).privilege(Privilege::Root);
        let pod = self.bare(name);
        Ok(match (&self.path, self.claim_spec(count)) {
            (Path::DevicePlugin { resource }, _) => pod.container(container.grant(Grant::Resource {
                name: resource.clone(),
                count,
            })),
            (Path::Dra { .. }, spec) => {
                if let Some((_, spec)) = spec {
                    self.roster.namespace().create(spec.template(name)).await?;
                }
                pod.claim(ONE, ClaimSource::Template(name.to_owned()))
                    .container(container.grant(Grant::Claim { name: ONE.to_owned() }))
            }
        })
    }

    /// The claim for `count` devices, and the API version it is written in. `None` without claims.
    pub(super) fn claim_spec(&self, count: usize) -> Option<(&str, ClaimSpec)> {
        match &self.path {
            Path::Dra { class, api, .. } => {
                let request = Request::of(class).count(Count::Exactly(count));
                Some((api, ClaimSpec::single(api, request)))
            }
            Path::DevicePlugin { .. } => None,
        }
    }

    /// Creates a pod and hears what the container `name` found, once all its containers have started.
    pub(super) async fn sight(
        &self,
        pod: &ProbePod,
        name: &str,
    ) -> Result<Result<Sight, Ruling>, CheckError> {
        let mut sights = match self.sights(pod, &[name]).await? {
            Ok(sights) => sights,
            Err(gap) => return Ok(Err(gap)),
        };
        Ok(sights
            .pop()
            .ok_or_else(|| Ruling::Undecided("no container was heard".to_owned())))
    }

    /// The same for several containers, in their order.
    pub(super) async fn sights(
        &self,
        pod: &ProbePod,
        names: &[&str],
    ) -> Result<Result<Vec<Sight>, Ruling>, CheckError> {
        let live = match self.roster.start(pod).await {
            Ok(live) => live,
            Err(CheckError::Create(error @ (CreateError::Refused { .. } | CreateError::Invalid { .. }))) => {
                return Ok(Err(Ruling::Undecided(chain(&error))));
            }
            Err(error) => return Err(error),
        };
        Ok(self
            .heard(&live, names)
            .await
            .map_err(|error| gap(&live.name(), &error)))
    }

    async fn heard(&self, pod: &LivePod, names: &[&str]) -> Result<Vec<Sight>, WaitError> {
        let patience = &self.context.patience;
        pod.until(pods::bound(), patience.scheduling()).await?;
        let bound_after = pod.age();
        let seen = pod.started(patience).await?;
        let promised = self.promised(&seen).await?;
        let mut sights = Vec::new();
        for name in names {
            let found = pod.report(name, patience).await?;
            self.observe(&pod.name(), name, &found, promised.as_deref());
            sights.push(Sight {
                pod: pod.clone(),
                found,
                promised: promised.clone(),
                bound_after,
            });
        }
        Ok(sights)
    }

    /// What the pod's claim was allocated.
    async fn promised(&self, pod: &Pod) -> Result<Option<Vec<Promised>>, WaitError> {
        let Some(kind) = &self.claims else { return Ok(None) };
        let Some(name) = claim_of(pod) else {
            return Ok(None);
        };
        let failed = |source| WaitError::Api {
            on: format!("claim `{name}`"),
            source,
        };
        let object = self
            .roster
            .namespace()
            .dynamic(kind)
            .get(&name)
            .await
            .map_err(failed)?;
        Ok(Some(promised(
            &read_claim(&object).allocated,
            &self.slices,
            self.vendor,
        )))
    }

    pub(super) fn observe(
        &self,
        pod: &str,
        container: &str,
        found: &Transcript,
        promised: Option<&[Promised]>,
    ) {
        self.context.observe(
            format!("probe in container {container} of pod {}/{pod}", self.roster.namespace().name()),
            json!({
                "path": self.path, "node": self.node,
                "devices": found.devices().collect::<Vec<_>>(),
                "forged": found.forged,
                "environment": found.environment.as_ref().map(|environment| &environment.variables),
                "allocated": promised.map(|devices| devices.iter().map(ToString::to_string).collect::<Vec<_>>()),
            }),
        );
    }
}

/// A pod that did not run or was not heard: nothing was reached, so nothing is proven either way.
pub(super) fn gap(pod: &str, error: &WaitError) -> Ruling {
    Ruling::Undecided(format!("pod `{pod}` told nothing: {}", chain(error)))
}

/// Whose devices a path allocates.
pub(super) fn vendor(path: &Path) -> Option<&'static Vendor> {
    match path {
        Path::Dra { driver, .. } => Vendor::by_driver(driver),
        Path::DevicePlugin { resource } => Vendor::by_resource(resource),
    }
}

async fn slices(context: &Context, path: &Path) -> Result<Vec<Slice>, CheckError> {
    let Path::Dra { driver, .. } = path else {
        return Ok(Vec::new());
    };
    let Some(kind) = kind(context, "ResourceSlice").await? else {
        return Ok(Vec::new());
    };
    let api: Api<DynamicObject> = Api::all_with(context.platform.client(), &kind);
    let params = ListParams::default().fields(&format!("spec.driver={driver}"));
    let list = api.list(&params).await.map_err(|source| CheckError::Api {
        what: "list resourceslices".to_owned(),
        source,
    })?;
    Ok(list.items.iter().filter_map(read_slice).collect())
}

async fn claims(context: &Context, path: &Path) -> Result<Option<ApiResource>, CheckError> {
    if path.is_dra() {
        kind(context, "ResourceClaim").await
    } else {
        Ok(None)
    }
}

async fn kind(context: &Context, kind: &str) -> Result<Option<ApiResource>, CheckError> {
    let apis = context.platform.discover().await;
    let apis = apis.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    Ok(dra::resource(&apis, kind))
}
