//! Where one driver is tried: its namespace, node, devices, and how pods get claims there.

use std::{collections::BTreeSet, time::Duration};

use kube::{
    Api,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Lease, Namespace, Path, WaitError, Watched,
    dra::{Allocated, Claim, Device, Slice},
    pods,
};
use plimsoll_probe::Transcript;
use plimsoll_vendors::Vendor;
use serde_json::json;

use super::claims;
use crate::{
    CheckError, Context, Trial,
    probe_pod::{
        ClaimSource, ClaimSpec, Grant, LivePod, Look, Placement, Privilege, ProbeContainer, ProbePod,
        Promised, Request, Roster, Ruling, claim_of, delivered, promised, read_claim,
    },
};

/// The container that holds what its pod's claim was given.
pub(super) const HOLDER: &str = "holder";

/// The name of the claim within a pod.
const CLAIM: &str = "claim";

/// One driver's ground.
pub(super) struct Bench<'a> {
    pub(super) context: &'a Context,
    pub(super) trial: Trial,
    pub(super) roster: Roster,
    pub(super) driver: String,
    pub(super) class: String,
    pub(super) version: String,
    pub(super) vendor: Option<&'static Vendor>,
    /// The node that devices were lent on; empty for devices that several nodes can reach.
    pub(super) node: String,
    pub(super) placement: Placement,
    /// The driver's slices, newest generations only.
    pub(super) slices: Vec<Slice>,
    pub(super) claim_kind: ApiResource,
    pub(super) lease: Lease,
}

/// A pod that holds what its claim was given.
pub(super) struct Held {
    pub(super) pod: LivePod,
    pub(super) claim: Claim,
    pub(super) promised: Vec<Promised>,
    pub(super) found: Transcript,
    pub(super) node: String,
    /// How long it took to be bound to a node: what a refusal is measured against.
    pub(super) bound_after: Duration,
}

impl Bench<'_> {
    /// A claim or template for one device of the class that meets the expressions.
    pub(super) fn one(&self, expressions: &[String]) -> ClaimSpec {
        let request = expressions
            .iter()
            .fold(self.request(), |request, cel| request.select(cel));
        ClaimSpec::single(&self.version, request)
    }

    /// A request for one device of the class.
    pub(super) fn request(&self) -> Request {
        Request::of(&self.class)
    }

    /// Creates a claim of that name.
    pub(super) async fn claim(&self, name: &str, spec: &ClaimSpec) -> Result<DynamicObject, CheckError> {
        Ok(self.namespace().create(spec.claim(name)).await?)
    }

    /// A pod on the node with a claim, which looks at what it got and stays.
    pub(super) fn pod(&self, name: &str, source: ClaimSource) -> ProbePod {
        self.pod_at(name, source, &self.placement)
    }

    /// The same, placed otherwise.
    pub(super) fn pod_at(&self, name: &str, source: ClaimSource, placement: &Placement) -> ProbePod {
        let holder = ProbeContainer::new(HOLDER, Look::at(self.vendor).staying().args())
            .privilege(Privilege::Root)
            .grant(Grant::Claim {
                name: CLAIM.to_owned(),
            });
        ProbePod::new(name, &self.context.probe)
            .placed(placement)
            .claim(CLAIM, source)
            .container(holder)
    }

    /// Creates the pod.
    pub(super) async fn start(&self, pod: &ProbePod) -> Result<LivePod, CheckError> {
        self.roster.start(pod).await
    }

    pub(super) fn namespace(&self) -> &Namespace {
        self.roster.namespace()
    }

    /// Waits until the pod runs and its probe has looked, and reads its claim.
    pub(super) async fn hear(&self, pod: LivePod) -> Result<Held, WaitError> {
        let patience = &self.context.patience;
        pod.until(pods::bound(), patience.scheduling()).await?;
        let bound_after = pod.age();
        let seen = pod.started(patience).await?;
        let found = pod.report(HOLDER, patience).await?;
        let node = seen
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.clone())
            .unwrap_or_default();
        let claim = self.read_claim(&claim_of(&seen).unwrap_or_default()).await?;
        let promised = promised(&claim.allocated, &self.slices, self.vendor);
        self.context.observe(
            format!("ResourceClaim {}/{} and the probe in pod {}", claim.namespace, claim.name, pod.name()),
            json!({
                "driver": self.driver, "node": node, "allocated": claim.allocated, "bound_ms": bound_after.as_millis(), "reported_ms": pod.age().as_millis(), "pods": pod.pods(),
                "devices": found.devices().collect::<Vec<_>>(),
            }),
        );
        Ok(Held {
            pod,
            claim,
            promised,
            found,
            node,
            bound_after,
        })
    }

    /// Reads a claim of the namespace.
    pub(super) async fn read_claim(&self, name: &str) -> Result<Claim, WaitError> {
        let failed = |source| WaitError::Api {
            on: format!("claim `{name}`"),
            source,
        };
        let object = self
            .namespace()
            .dynamic(&self.claim_kind)
            .get(name)
            .await
            .map_err(failed)?;
        Ok(read_claim(&object))
    }

    /// Whether a claim of the namespace has devices.
    pub(super) async fn has_allocated(&self, name: &str) -> bool {
        self.read_claim(name).await.is_ok_and(|claim| claim.is_allocated)
    }

    /// A watch of a claim of the namespace.
    pub(super) fn watch_claim(&self, name: &str) -> Watched<DynamicObject> {
        Watched::one(self.namespace().dynamic(&self.claim_kind), name)
    }

    /// The driver's devices that are on the node, with their pools.
    pub(super) fn devices_on_node(&self) -> Vec<(&str, &Device)> {
        self.slices
            .iter()
            .flat_map(|slice| slice.devices.iter().map(move |device| (slice, device)))
            .filter(|(slice, device)| {
                device
                    .node
                    .as_ref()
                    .or(slice.node.as_ref())
                    .is_none_or(|node| *node == self.node)
            })
            .map(|(slice, device)| (slice.pool.as_str(), device))
            .collect()
    }

    /// Whether the class selects a device, by its pool and name, as far as the survey could tell: a driver may publish
    /// parts of devices beside them, which are another class's.
    pub(super) fn is_of_class(&self, (pool, name): &(String, String)) -> bool {
        let of_class = |path: &Path| matches!(path, Path::Dra { driver, class, .. } if *driver == self.driver && *class == self.class);
        let accelerators = &self.context.inventory.accelerators;
        let mut known = accelerators
            .iter()
            .filter(|accelerator| of_class(&accelerator.path))
            .flat_map(|accelerator| &accelerator.devices)
            .peekable();
        known.peek().is_none() || known.any(|device| device.pool == *pool && device.name == *name)
    }

    /// All devices of the driver.
    pub(super) fn devices(&self) -> Vec<&Device> {
        self.slices.iter().flat_map(|slice| &slice.devices).collect()
    }

    /// A device that was allocated.
    pub(super) fn device(&self, allocated: &Allocated) -> Option<&Device> {
        self.slices
            .iter()
            .filter(|slice| slice.pool == allocated.pool)
            .flat_map(|slice| &slice.devices)
            .find(|device| device.name == allocated.device)
    }

    /// Which devices others' claims hold at present, as pool and name. Where these may not be read: none.
    pub(super) async fn busy(&self) -> BTreeSet<(String, String)> {
        let api = Api::all_with(self.context.platform.client(), &self.claim_kind);
        let held = claims::all(&api).await.unwrap_or_default();
        held.into_iter()
            .filter(|claim| claim.namespace != self.namespace().name())
            .flat_map(|claim| claim.allocated)
            .filter(|allocated| allocated.driver == self.driver && !allocated.admin_access)
            .map(|allocated| (allocated.pool, allocated.device))
            .collect()
    }
}

impl Held {
    /// Whether the claim was allocated and reserved as it must be, and the container got just that.
    pub(super) fn judge(&self, bench: &Bench<'_>) -> Ruling {
        let pod = self.pod.name();
        let claim = &self.claim.name;
        if !self.claim.is_allocated {
            return Ruling::Wrong(format!(
                "pod `{pod}` runs, but its claim `{claim}` has no allocation"
            ));
        }
        if !self
            .claim
            .reserved_for
            .iter()
            .any(|consumer| consumer.uid == self.pod.uid())
        {
            return Ruling::Wrong(format!(
                "pod `{pod}` runs, but its claim `{claim}` is not reserved for it"
            ));
        }
        for device in &self.claim.allocated {
            let Some(elsewhere) = bench.elsewhere(device, &self.node) else {
                continue;
            };
            return Ruling::Wrong(format!(
                "pod `{pod}` runs on node `{}`, but device `{}` of pool `{}` is on node `{elsewhere}`",
                self.node, device.device, device.pool
            ));
        }
        if let Some(unknown) = self
            .claim
            .allocated
            .iter()
            .find(|device| bench.device(device).is_none())
        {
            return Ruling::Wrong(format!(
                "claim `{claim}` was allocated device `{}` of pool `{}`, which is in no current slice",
                unknown.device, unknown.pool
            ));
        }
        delivered(
            &format!("pod `{pod}` on node `{}`", self.node),
            &self.found,
            bench.vendor,
            &self.promised,
        )
    }
}

impl Bench<'_> {
    /// The node an allocated device is on, if that is not `node`.
    fn elsewhere(&self, allocated: &Allocated, node: &str) -> Option<&str> {
        let slice = self.slices.iter().find(|slice| {
            slice.pool == allocated.pool && slice.devices.iter().any(|device| device.name == allocated.device)
        })?;
        let device = slice
            .devices
            .iter()
            .find(|device| device.name == allocated.device)?;
        device
            .node
            .as_deref()
            .or(slice.node.as_deref())
            .filter(|on| *on != node)
    }
}
