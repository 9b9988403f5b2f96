//! Where one pod goes: a node, and devices for its claims. Nothing is written; the clusters' state is as it was after.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    cluster::Node,
    dra::{
        allocated::Allocated,
        claims::{Hindrance, PodClaims},
        extended::{self, ExtendedClaim},
        request::ClaimRequest,
        result,
        search::{Chosens, Supply, allocate},
    },
    fit::{Fit, Refusal, is_claimed},
    news::News,
    pod::Pod,
    refusal::{Account, Claims as ClaimsOfPod},
    score::Score,
    state::State,
};

/// A node for a pod, and devices for its claims.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) node: String,
    /// For each claim without an allocation, by name: its allocation.
    pub(super) allocations: Vec<(String, Given)>,
    /// A claim that has to be made first, and its allocation.
    pub(super) extended: Option<(ExtendedClaim, Given)>,
    /// The claims that had an allocation before.
    pub(super) follows: Vec<String>,
}

impl Placement {
    /// On a node, without devices.
    fn on(node: &Node) -> Self {
        Self {
            node: node.name.clone(),
            allocations: Vec::new(),
            extended: None,
            follows: Vec::new(),
        }
    }
}

/// The devices of one claim.
#[derive(Clone, Debug)]
pub(super) struct Given {
    request: Arc<ClaimRequest>,
    chosen: Chosens,
}

/// Why a pod can't be placed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// Something that it needs before it is looked at isn't there.
    NotYet,
    /// No node takes it.
    NoRoom { account: Account, claims: ClaimsOfPod },
    /// Something is wrong, in words.
    Error(String),
}

impl Failure {
    /// What would have to happen for it to be worth another try.
    pub(super) fn cures(&self) -> News {
        match self {
            Self::NotYet => News::CLAIM,
            Self::Error(_) => News::CLAIM | News::CLASS | News::SLICE | News::NODE,
            Self::NoRoom { account, .. } => account.cures(),
        }
    }
}

/// How many nodes with devices for the pod are enough to choose from.
const ENOUGH: usize = 100;

impl State {
    /// Looks for the best place for a pod.
    pub(super) fn place(&mut self, pod: &Pod) -> Result<Placement, Failure> {
        let claims = self.claims_of(pod)?;
        let within = self.within.clone().or_else(|| self.domain_of_member(pod));
        let is_open = |node: &Node| within.as_ref().is_none_or(|within| within.has(node));
        let mut resources = pod.needs.others.keys();
        let is_claiming = resources.any(|resource| self.class_by_resource.contains_key(resource));
        let kind = if pod.claims.is_empty() && !is_claiming {
            ClaimsOfPod::None
        } else {
            ClaimsOfPod::Some
        };
        let fit = Fit::of(&self.cluster, pod, &self.claimable, self.minor);
        let score = Score::of(&self.cluster, pod);
        let mut account = Account {
            nodes: self.cluster.nodes().filter(|node| is_open(node)).count(),
            ..Account::default()
        };
        let supply = Supply {
            inventory: &self.inventory,
            usage: self.claims.usage(),
            classes: &self.classes,
            flaws: self.flaws,
        };
        let devices = Devices {
            claims: &claims,
            by_resource: &self.class_by_resource,
            claimable: &self.claimable,
        };
        let has_devices = devices.are_wanted_by(pod);
        let mut best: Option<(i64, &Node, Option<Placement>)> = None;
        let mut found = 0;
        for node in self.cluster.nodes().filter(|node| is_open(node)) {
            if let Err(refusals) = fit.check(node) {
                account.refusals.insert(node.name.clone(), refusals);
                continue;
            }
            let placement = if has_devices {
                Some(devices.on(node, pod, &supply, &mut self.selectors))
            } else {
                None
            };
            match placement.transpose() {
                Ok(placement) => {
                    found += 1;
                    let points = score.node(node);
                    if best.as_ref().is_none_or(|(most, ..)| points > *most) {
                        best = Some((points, node, placement));
                    }
                }
                Err(Trouble::Refusal(refusal)) => {
                    account.refusals.insert(node.name.clone(), vec![refusal]);
                }
                Err(Trouble::Error(why)) => {
                    return Err(Failure::Error(format!(
                        "running \"DynamicResources\" filter plugin: {why}"
                    )));
                }
            }
            if found >= ENOUGH && !claims.wanting.is_empty() {
                break;
            }
        }
        match best {
            Some((_, node, placement)) => Ok(placement.unwrap_or_else(|| Placement::on(node))),
            None => Err(Failure::NoRoom {
                account,
                claims: kind,
            }),
        }
    }

    /// Whether a pod could be placed on that node as it is now.
    pub(super) fn would_fit(&mut self, pod: &Pod, node: &str) -> bool {
        let Ok(claims) = self.claims_of(pod) else {
            return false;
        };
        let fit = Fit::of(&self.cluster, pod, &self.claimable, self.minor);
        let Some(node) = self.cluster.node(node).filter(|node| fit.check(node).is_ok()) else {
            return false;
        };
        let supply = Supply {
            inventory: &self.inventory,
            usage: self.claims.usage(),
            classes: &self.classes,
            flaws: self.flaws,
        };
        let devices = Devices {
            claims: &claims,
            by_resource: &self.class_by_resource,
            claimable: &self.claimable,
        };
        devices.on(node, pod, &supply, &mut self.selectors).is_ok()
    }

    fn claims_of(&self, pod: &Pod) -> Result<PodClaims, Failure> {
        let refused = |beforehand: String| Failure::NoRoom {
            account: Account {
                nodes: self.cluster.nodes().len(),
                beforehand: Some(beforehand),
                ..Account::default()
            },
            claims: ClaimsOfPod::None,
        };
        let claims = self.claims.of_pod(pod).map_err(|hindrance| match hindrance {
            Hindrance::Absent => Failure::NotYet,
            Hindrance::Refused(why) => refused(why),
        })?;
        for claim in &claims.wanting {
            for request in &claim.request.requests {
                let mut classes = request.choices.iter().map(|choice| &choice.class);
                if let Some(class) = classes.find(|class| !self.classes.contains_key(*class)) {
                    let request = &request.name;
                    return Err(refused(format!(
                        "request {request}: device class {class} does not exist"
                    )));
                }
            }
        }
        Ok(claims)
    }

    /// Takes what a placement takes, as if it were written.
    pub(super) fn assume(&mut self, pod: &Pod, placement: &Placement) {
        self.cluster.assume(pod, &placement.node);
        for (claim, given) in &placement.allocations {
            self.claims
                .assume(&pod.namespace, claim, Some(Arc::new(given.allocated())));
        }
        if let Some((_, given)) = &placement.extended {
            self.claims.usage_mut().add(&given.allocated());
        }
    }

    /// Gives it back.
    pub(super) fn forget(&mut self, pod: &Pod, placement: &Placement) {
        self.cluster.remove_pod(&pod.uid);
        for (claim, _) in &placement.allocations {
            self.claims.assume(&pod.namespace, claim, None);
        }
        if let Some((_, given)) = &placement.extended {
            self.claims.usage_mut().remove(&given.allocated());
        }
    }
}

impl Given {
    /// As the API has it.
    pub(super) fn written(&self, state: &State) -> serde_json::Value {
        let mut share = || state.new_uid();
        result::allocation(&self.request, &self.chosen, &state.classes, &mut share)
    }

    fn allocated(&self) -> Allocated {
        let classes = BTreeMap::new();
        let written = result::allocation(&self.request, &self.chosen, &classes, &mut || {
            "assumed".to_owned()
        });
        Allocated::read(&written).unwrap_or_default()
    }
}

/// What a pod needs of devices.
struct Devices<'a> {
    claims: &'a PodClaims,
    by_resource: &'a BTreeMap<String, String>,
    claimable: &'a BTreeSet<String>,
}

enum Trouble {
    Refusal(Refusal),
    Error(String),
}

impl Devices<'_> {
    /// Whether a pod wants any: most don't.
    fn are_wanted_by(&self, pod: &Pod) -> bool {
        !self.claims.allocated.is_empty()
            || !self.claims.wanting.is_empty()
            || pod.needs.others.keys().any(|name| self.claimable.contains(name))
    }

    fn on(
        &self,
        node: &Node,
        pod: &Pod,
        supply: &Supply<'_>,
        selectors: &mut super::dra::selectors::Selectors,
    ) -> Result<Placement, Trouble> {
        let nodes = self
            .claims
            .allocated
            .iter()
            .filter_map(|claim| claim.allocated.as_ref()?.nodes.as_ref());
        if !nodes
            .into_iter()
            .all(|nodes| nodes.selects(&node.name, node.labels()))
        {
            return Err(Trouble::Refusal(Refusal::incurable(
                "resourceclaim not available on the node",
            )));
        }
        let resources = pod.needs.others.keys().map(String::as_str);
        let wanted: BTreeSet<&str> = resources
            .filter(|name| is_claimed(name, node, self.claimable))
            .collect();
        let has_own = !pod.object["status"]["extendedResourceClaimStatus"].is_null();
        let extended = if wanted.is_empty() || has_own {
            None
        } else {
            extended::claim(pod, self.by_resource, &wanted)
        };
        let mut requests: Vec<&ClaimRequest> =
            self.claims.wanting.iter().map(|claim| &*claim.request).collect();
        requests.extend(extended.as_ref().map(|extended| &extended.request));
        let mut chosen = Vec::new();
        if !requests.is_empty() {
            let found = allocate(supply, selectors, &requests, node).map_err(Trouble::Error)?;
            chosen = found.ok_or_else(|| Trouble::Refusal(Refusal::incurable(supply.trouble(node))))?;
        }
        let of_extended = extended.as_ref().and_then(|_| chosen.pop());
        let allocations = self.claims.wanting.iter().zip(chosen).map(|(claim, chosen)| {
            (
                claim.name.clone(),
                Given {
                    request: claim.request.clone(),
                    chosen,
                },
            )
        });
        Ok(Placement {
            node: node.name.clone(),
            allocations: allocations.collect(),
            extended: extended.zip(of_extended).map(|(extended, chosen)| {
                let request = Arc::new(extended.request.clone());
                (extended, Given { request, chosen })
            }),
            follows: self
                .claims
                .allocated
                .iter()
                .map(|claim| claim.name.clone())
                .collect(),
        })
    }
}
