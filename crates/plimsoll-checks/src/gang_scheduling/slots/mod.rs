//! What gangs compete for: slots that are scarce by construction.
//!
//! Two kinds, both exact and neither at anybody else's expense:
//! - *accelerators* of one node, all that are free there, lent by the run's budget: real placement of what
//!   gangs are really about. A whole node, because on a part of one the others' use would change the count.
//! - *one per node*: a required anti-affinity among the slot takers of one bench. No processor or memory is
//!   hoarded to make the platform full, so nothing else starves or scales up because of us, rounding and
//!   overhead can't spoil the count, and several benches can use the same nodes side by side.

mod choice;

use plimsoll_platform::{Ask, Inventory, Lease, Path, Placement as Spread};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use choice::{HOSTNAME, eligible, free_on, hostname, node_sizes};

pub(super) use choice::paths;

use crate::{
    CheckError, Context,
    probe_pod::{ClaimSource, ClaimSpec, Count, Grant, Placement, ProbeContainer, ProbePod, Request},
};

/// The label of pods that take a slot.
const SLOT: &str = "plimsoll.dev/slot";

/// What a pod calls its claim.
const CLAIM: &str = "slot";

/// More slots than this show nothing more.
const MOST: usize = 8;

/// A gang of fewer is no gang.
pub(super) const FEWEST: usize = 2;

/// See the module.
pub(super) struct Slots {
    kind: Kind,
    nodes: Vec<String>,
    placement: Placement,
    count: usize,
    spare: usize,
    turn: Option<Mutex<()>>,
    _lease: Option<Lease>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    OnePerNode,
    Accelerators(Path),
}

impl Slots {
    /// One slot on each node that new pods can run on.
    pub(super) fn one_per_node(inventory: &Inventory) -> Option<Self> {
        let nodes = eligible(inventory);
        (nodes.len() >= FEWEST).then(|| Self {
            kind: Kind::OnePerNode,
            count: nodes.len(),
            nodes,
            placement: Placement::anywhere(),
            spare: 0,
            turn: None,
            _lease: None,
        })
    }

    /// The accelerators of one node, `wanted` or more of them; none if the platform has no such node. Waits
    /// until other checks are done with theirs.
    pub(super) async fn accelerators(
        context: &Context,
        path: &Path,
        wanted: usize,
    ) -> Result<Option<Self>, CheckError> {
        for size in node_sizes(&context.inventory, path, wanted) {
            let ask = Ask {
                path: path.clone(),
                min: size,
                max: size,
                placement: Spread::SameNode,
            };
            let Ok(lease) = context.budget.acquire(ask).await else {
                continue;
            };
            let Some((node, leased)) = lease.slots.first().cloned() else {
                continue;
            };
            // A larger node serves the ask as well, but its other accelerators would be slots nobody counted.
            if leased != size || free_on(&context.inventory, path, &node) != size {
                continue;
            }
            let Some(node) = context.inventory.node(&node) else {
                continue;
            };
            return Ok(Some(Self {
                kind: Kind::Accelerators(path.clone()),
                nodes: vec![hostname(node)],
                placement: Placement::tolerating([node]),
                count: size.min(MOST),
                spare: size.saturating_sub(MOST),
                turn: Some(Mutex::new(())),
                _lease: Some(lease),
            }));
        }
        Ok(None)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many accelerators are left on the node beyond those, and have to be taken out of the way.
    pub(super) fn spare(&self) -> usize {
        self.spare
    }

    /// The allocation path, where they are accelerators.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::OnePerNode => None,
            Kind::Accelerators(path) => Some(path),
        }
    }

    /// What they are, for people.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::OnePerNode => format!("{} slots, one per node", self.count),
            Kind::Accelerators(path) => format!(
                "{} accelerators ({path}) of node {}",
                self.count,
                self.nodes.join(", ")
            ),
        }
    }

    /// What they are, as evidence.
    pub(super) fn fact(&self) -> Value {
        json!({"kind": self.describe(), "count": self.count, "nodes": self.nodes})
    }

    /// Waits for the turn of one bench of several; where each bench has slots of its own, at once.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// Lets a container have one slot of its pod's.
    pub(super) fn grant(&self, container: ProbeContainer, slots: usize) -> ProbeContainer {
        match &self.kind {
            _ if slots == 0 => container,
            Kind::OnePerNode => container,
            Kind::Accelerators(Path::DevicePlugin { resource }) => container.grant(Grant::Resource {
                name: resource.clone(),
                count: slots,
            }),
            Kind::Accelerators(Path::Dra { .. }) => container.grant(Grant::Claim {
                name: CLAIM.to_owned(),
            }),
        }
    }

    /// Puts the pod `name` of a bench where the slots are, and lets it take some.
    pub(super) fn place(&self, pod: ProbePod, name: &str, bench: &str, slots: usize) -> ProbePod {
        let mut affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [
                {"key": HOSTNAME, "operator": "In", "values": self.nodes},
            ]}],
        }}});
        let pod = pod.placed(&self.placement);
        if slots == 0 {
            return pod.field("affinity", affinity);
        }
        let pod = pod.label(SLOT, bench);
        match &self.kind {
            Kind::OnePerNode => {
                affinity["podAntiAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {SLOT: bench}}},
                ]});
                pod.field("affinity", affinity)
            }
            Kind::Accelerators(Path::DevicePlugin { .. }) => pod.field("affinity", affinity),
            Kind::Accelerators(Path::Dra { .. }) => pod
                .field("affinity", affinity)
                .claim(CLAIM, ClaimSource::Named(name.to_owned())),
        }
    }

    /// The ResourceClaim that a pod of that name needs for its slots.
    pub(super) fn claim(&self, name: &str, slots: usize) -> Option<Value> {
        match &self.kind {
            Kind::Accelerators(Path::Dra { class, api, .. }) if slots > 0 => {
                let request = Request::of(class.clone()).count(Count::Exactly(slots));
                Some(ClaimSpec::single(api.clone(), request).claim(name))
            }
            Kind::Accelerators(_) | Kind::OnePerNode => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        choice::tests::{inventory, plugin},
        *,
    };

    #[test]
    fn a_single_node_has_no_slots_of_one_per_node() {
        assert!(Slots::one_per_node(&inventory(&[], Vec::new())).is_none());
        assert!(Slots::one_per_node(&inventory(&["a"], Vec::new())).is_none());
        assert_eq!(
            Slots::one_per_node(&inventory(&["a", "b"], Vec::new()))
                .unwrap()
                .count(),
            2
        );
    }

    #[test]
    fn the_count_of_slots_is_capped() {
        let names: Vec<String> = (0..20).map(|i| format!("n{i:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            Slots::one_per_node(&inventory(&names, Vec::new()))
                .unwrap()
                .count(),
            MOST
        );
    }

    fn member(slots: &Slots, count: usize) -> Value {
        let probe = crate::Probe {
            image: "i".to_owned(),
        };
        let container = slots.grant(ProbeContainer::new("p", ["pause"]), count);
        slots
            .place(ProbePod::new("m", &probe), "m", "bench", count)
            .container(container)
            .manifest()
    }

    #[test]
    fn a_slot_of_one_per_node_excludes_the_others_of_its_bench_and_no_lone_pod() {
        let slots = Slots::one_per_node(&inventory(&["a", "b"], Vec::new())).unwrap();
        let taker = member(&slots, 1);
        let rule = &taker["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            [0];
        assert_eq!(rule["labelSelector"]["matchLabels"], json!({SLOT: "bench"}));
        assert_eq!(taker["metadata"]["labels"][SLOT], "bench");
        let lone = member(&slots, 0);
        assert_eq!(lone["metadata"]["labels"].get(SLOT), None);
        assert_eq!(lone["spec"]["affinity"].get("podAntiAffinity"), None);
    }

    fn accelerators(path: Path) -> Slots {
        Slots {
            kind: Kind::Accelerators(path),
            nodes: vec!["a".to_owned()],
            placement: Placement::anywhere(),
            count: 2,
            spare: 0,
            turn: None,
            _lease: None,
        }
    }

    #[test]
    fn an_accelerator_is_asked_for_by_resource_or_by_a_claim_of_the_pods_name() {
        let by_plugin = accelerators(plugin("x/y"));
        assert_eq!(
            member(&by_plugin, 1)["spec"]["containers"][0]["resources"]["limits"]["x/y"],
            "1"
        );
        assert_eq!(by_plugin.claim("m", 1), None);
        let dra = Path::Dra {
            driver: "d".to_owned(),
            class: "c".to_owned(),
            api: "v1".to_owned(),
        };
        let by_dra = accelerators(dra);
        let pod = member(&by_dra, 1);
        assert_eq!(pod["spec"]["resourceClaims"][0]["resourceClaimName"], "m");
        assert_eq!(
            pod["spec"]["containers"][0]["resources"]["claims"][0]["name"],
            CLAIM
        );
        assert_eq!(by_dra.claim("m", 1).unwrap()["metadata"]["name"], "m");
        assert_eq!(by_dra.claim("m", 0), None);
        assert_eq!(member(&by_dra, 0)["spec"].get("resourceClaims"), None);
    }
}
