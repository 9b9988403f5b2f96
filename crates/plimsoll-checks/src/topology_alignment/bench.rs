//! One node's devices on loan, and the claims and pods that are tried there.

use kube::core::{ApiResource, DynamicObject};
use plimsoll_platform::{
    Ask, Condition, Lease, Path, Placement as Room, PodSecurity, Progress, Seen, WaitError, Watched,
    dra::{self, Claim},
    pods,
};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Vendor;

use crate::{
    CheckError, Context,
    probe_pod::{
        ClaimSource, ClaimSpec, Count, Grant, LivePod, Look, Placement, Privilege, ProbeContainer, ProbePod,
        Request, Roster, read_claim,
    },
};

/// As many devices show whether positions are told apart.
const MOST: usize = 4;

const PROBE: &str = "probe";
const CLAIM: &str = "devices";

/// See the module.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) roster: Roster,
    pub(super) vendor: Option<&'static Vendor>,
    pub(super) node: String,
    driver: String,
    class: String,
    version: String,
    claims: ApiResource,
    placement: Placement,
    lease: Lease,
}

impl<'a> Bench<'a> {
    /// Borrows `wanted` devices of that node; without one, as many of any node as are free there, up to a few.
    pub(super) async fn prepare(
        context: &'a Context,
        path: &Path,
        node: Option<&str>,
        wanted: usize,
    ) -> Result<Result<Self, String>, CheckError> {
        let Path::Dra { driver, class, api } = path else {
            return Ok(Err("not claimed".to_owned()));
        };
        let ask = |count| Ask {
            path: path.clone(),
            min: count,
            max: count,
            placement: Room::SameNode,
        };
        let lease = match node {
            Some(node) => context.budget.acquire_on(node, ask(wanted)).await,
            // One device alone could sit at the one position that all are said to have.
            None => {
                let most = context.budget.capacity(&ask(1)).clamp(1, MOST);
                context.budget.acquire(ask(most)).await
            }
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let apis = context
            .platform
            .discover()
            .await
            .map_err(|error| CheckError::Api {
                what: error.what,
                source: error.source,
            })?;
        let Some(claims) = dra::resource(&apis, "ResourceClaim") else {
            return Ok(Err("ResourceClaims are not served".to_owned()));
        };
        let namespace = context
            .workspace
            .namespace("topology", PodSecurity::Baseline)
            .await?;
        let node = lease.node().to_owned();
        Ok(Ok(Self {
            placement: context
                .inventory
                .node(&node)
                .map_or_else(Placement::anywhere, Placement::on),
            context,
            roster: Roster::new(namespace),
            vendor: Vendor::by_driver(driver),
            node,
            driver: driver.clone(),
            class: class.clone(),
            version: api.clone(),
            claims,
            lease,
        }))
    }

    /// Whose devices they are.
    pub(super) fn driver(&self) -> &str {
        &self.driver
    }

    /// How many devices may be claimed.
    pub(super) fn devices(&self) -> usize {
        self.lease.total()
    }

    /// Creates a claim for `count` devices that must agree in an attribute, and a pod that uses it.
    pub(super) async fn claim(
        &self,
        name: &str,
        count: usize,
        alike: Option<&str>,
    ) -> Result<LivePod, CheckError> {
        let mut spec = ClaimSpec::single(
            &self.version,
            Request::of(&self.class).count(Count::Exactly(count)),
        );
        if let Some(attribute) = alike {
            spec = spec.alike(attribute);
        }
        self.roster.namespace().create(spec.claim(name)).await?;
        let look = Look::at(self.vendor).staying();
        let container = ProbeContainer::new(PROBE, look.args())
            .privilege(Privilege::Root)
            .grant(Grant::Claim {
                name: CLAIM.to_owned(),
            });
        let pod = ProbePod::new(name, &self.context.probe)
            .placed(&self.placement)
            .claim(CLAIM, ClaimSource::Named(name.to_owned()))
            .container(container);
        self.roster.start(&pod).await
    }

    /// Takes all pods away, and waits until their claims have given their devices back: the next claim is about
    /// positions, not about who is told of a release.
    pub(super) async fn release(&self) -> Result<(), WaitError> {
        self.roster.clear(&self.context.patience).await;
        let claims = Watched::all(self.roster.namespace().dynamic(&self.claims));
        let free = |seen: &Seen<DynamicObject>| {
            let held = seen
                .iter()
                .filter(|object| read_claim(object).is_allocated)
                .count();
            if held == 0 {
                Progress::Met
            } else {
                Progress::NotYet(format!("{held} claims still have their devices"))
            }
        };
        claims
            .until(
                free.called("claims to give their devices back"),
                self.context.patience.release(),
            )
            .await
            .map(drop)
    }

    /// Waits until a pod is bound, and reads its claim.
    pub(super) async fn bound(&self, pod: &LivePod, claim: &str) -> Result<Claim, WaitError> {
        pod.until(pods::bound(), self.context.patience.scheduling())
            .await?;
        self.read(claim).await
    }

    /// Reads a claim.
    pub(super) async fn read(&self, claim: &str) -> Result<Claim, WaitError> {
        let api = self.roster.namespace().dynamic(&self.claims);
        let object = api.get(claim).await.map_err(|source| WaitError::Api {
            on: format!("claim `{claim}`"),
            source,
        })?;
        Ok(read_claim(&object))
    }

    /// Whether a claim is stored with the constraints that it was sent with.
    pub(super) async fn keeps_constraints(&self, claim: &str) -> Result<bool, WaitError> {
        let api = self.roster.namespace().dynamic(&self.claims);
        let object = api.get(claim).await.map_err(|source| WaitError::Api {
            on: format!("claim `{claim}`"),
            source,
        })?;
        let constraints = object.data.pointer("/spec/devices/constraints");
        Ok(constraints
            .and_then(|constraints| constraints.as_array())
            .is_some_and(|list| !list.is_empty()))
    }

    /// What the probe of a pod found.
    pub(super) async fn heard(&self, pod: &LivePod) -> Result<Transcript, WaitError> {
        pod.started(&self.context.patience).await?;
        pod.report(PROBE, &self.context.patience).await
    }
}
