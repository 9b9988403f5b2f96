//! Finding devices for all of a pod's claims on one node.
//!
//! An exhaustive search with a bound: claim by claim, request by request, choice by choice, device by device, each in
//! its given order; the first solution is taken. Devices of one request are only tried in the order in which they are
//! published, since it makes no difference which of them comes first.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Flaws,
    allocated::Grant,
    capacity::{self, Part},
    constraint::Tracked,
    counters::Counters,
    inventory::{Device, Inventory, Pool},
    request::{Choice, ClaimRequest, Class, Count},
    selectors::{SelectorFailure, Selects},
    usage::Usage,
};
use crate::scheduler::cluster::Node;

/// How many devices a claim can be given.
const MOST: usize = 32;

/// How many devices are tried before the search gives up.
const EFFORT: u32 = 200_000;

/// What an allocation draws on.
pub(in crate::scheduler) struct Supply<'a> {
    pub(in crate::scheduler) inventory: &'a Inventory,
    pub(in crate::scheduler) usage: &'a Usage,
    pub(in crate::scheduler) classes: &'a BTreeMap<String, Class>,
    pub(in crate::scheduler) flaws: Flaws,
}

impl Supply<'_> {
    /// Why claims get no devices on a node: pools that contradict themselves are to blame.
    pub(in crate::scheduler) fn trouble(&self, node: &Node) -> &'static str {
        let pools = self.inventory.pools_for(node);
        if pools.iter().all(|pool| pool.is_valid || !pool.is_complete) {
            "cannot allocate all claims"
        } else {
            "invalid resource pools were encountered"
        }
    }
}

/// A device that was chosen, for which request.
#[derive(Clone, Debug)]
pub(in crate::scheduler) struct Chosen {
    pub(super) request: usize,
    pub(super) choice: usize,
    pub(super) device: Arc<Device>,
    pub(super) parts: BTreeMap<String, Part>,
}

/// The devices of one claim.
pub(in crate::scheduler) type Chosens = Vec<Chosen>;

/// Finds devices on `node` for all `claims`; none where there are none.
///
/// # Errors
/// Where something is wrong with a claim or class, such as a selector that fails: in words.
pub(in crate::scheduler) fn allocate(
    supply: &Supply<'_>,
    selects: &mut dyn Selects,
    claims: &[&ClaimRequest],
    node: &Node,
) -> Result<Option<Vec<Chosens>>, String> {
    let pools = supply.inventory.pools_for(node);
    let mut candidates = Vec::new();
    for (at, pool) in pools
        .iter()
        .enumerate()
        .filter(|(_, pool)| pool.is_complete && pool.is_valid)
    {
        candidates.extend(pool.reachable(node).map(|device| (at, device.clone())));
    }
    let mut search = Search {
        supply,
        selects,
        claims,
        pools: &pools,
        candidates: &candidates,
        usage: supply.usage.clone(),
        counters: Counters::default(),
        constraints: claims
            .iter()
            .map(|claim| match supply.flaws.ignores_constraints {
                true => Vec::new(),
                false => claim.constraints.iter().map(Tracked::new).collect(),
            })
            .collect(),
        chosen: vec![Vec::new(); claims.len()],
        effort: EFFORT,
    };
    search.check()?;
    match search.claim(0) {
        Ok(true) => {
            let mut chosen = search.chosen;
            if supply.flaws.short_count {
                chosen
                    .iter_mut()
                    .for_each(|devices| devices.dedup_by_key(|one| one.request));
            }
            Ok(Some(chosen))
        }
        Ok(false) | Err(Stop::TooMany | Stop::Exhausted) => Ok(None),
        Err(Stop::Failure(why)) => Err(why),
    }
}

/// Why a search ends, or turns back further than by one step.
enum Stop {
    Failure(String),
    /// The claim would have more devices than it can.
    TooMany,
    Exhausted,
}

struct Search<'a, 'b> {
    supply: &'a Supply<'a>,
    selects: &'b mut dyn Selects,
    claims: &'a [&'a ClaimRequest],
    pools: &'a [Arc<Pool>],
    /// Devices that can be used from the node, with their pool's place in the list.
    candidates: &'a [(usize, Arc<Device>)],
    /// What is held with what was chosen so far.
    usage: Usage,
    counters: Counters,
    constraints: Vec<Vec<Tracked<'a>>>,
    chosen: Vec<Chosens>,
    effort: u32,
}

/// Where a search is: a claim, a request of it, a choice of that.
#[derive(Clone, Copy)]
struct Place {
    claim: usize,
    request: usize,
    choice: usize,
}

impl<'a> Search<'a, '_> {
    /// What makes a claim impossible whatever is free.
    fn check(&mut self) -> Result<(), String> {
        for (at, claim) in self.claims.iter().enumerate() {
            let mut least = 0;
            for (request, asked) in claim.requests.iter().enumerate() {
                let mut fewest = usize::MAX;
                for choice in 0..asked.choices.len() {
                    let place = Place {
                        claim: at,
                        request,
                        choice,
                    };
                    fewest = fewest.min(match self.at(place).count {
                        Count::Exactly(count) => count,
                        Count::All => self.all(place)?.len(),
                    });
                }
                least += fewest;
            }
            if least > MOST {
                return Err(format!(
                    "claim {}: number of requested devices {least} exceeds the claim limit of {MOST}",
                    claim.title
                ));
            }
        }
        Ok(())
    }

    fn at(&self, place: Place) -> &'a Choice {
        &self.claims[place.claim].requests[place.request].choices[place.choice]
    }

    fn claim(&mut self, claim: usize) -> Result<bool, Stop> {
        if claim == self.claims.len() {
            return Ok(true);
        }
        match self.request(claim, 0) {
            // Another choice for an earlier claim may leave this one room for fewer.
            Err(Stop::TooMany) => Ok(false),
            other => other,
        }
    }

    fn request(&mut self, claim: usize, request: usize) -> Result<bool, Stop> {
        let requests = &self.claims[claim].requests;
        if request == requests.len() {
            return self.claim(claim + 1);
        }
        let mut all_too_many = true;
        for choice in 0..requests[request].choices.len() {
            let place = Place {
                claim,
                request,
                choice,
            };
            match self.choice(place) {
                Err(Stop::TooMany) => {}
                Ok(false) => all_too_many = false,
                other => return other,
            }
        }
        if all_too_many {
            Err(Stop::TooMany)
        } else {
            Ok(false)
        }
    }

    fn choice(&mut self, place: Place) -> Result<bool, Stop> {
        match self.at(place).count {
            Count::Exactly(count) => {
                self.check_size(place, count)?;
                self.some(place, count, 0)
            }
            Count::All => {
                let all = self.all(place).map_err(Stop::Failure)?;
                if all.is_empty() {
                    return Ok(false);
                }
                self.check_size(place, all.len())?;
                self.every(place, &all)
            }
        }
    }

    fn check_size(&self, place: Place, more: usize) -> Result<(), Stop> {
        if self.chosen[place.claim].len().saturating_add(more) > MOST {
            return Err(Stop::TooMany);
        }
        Ok(())
    }

    /// So many more devices, none before `from` in the list.
    fn some(&mut self, place: Place, missing: usize, from: usize) -> Result<bool, Stop> {
        if missing == 0 {
            return self.request(place.claim, place.request + 1);
        }
        for at in from..self.candidates.len() {
            if !self.take(place, at, true)? {
                continue;
            }
            let found = self.some(place, missing - 1, at + 1);
            if matches!(found, Ok(true)) {
                return found;
            }
            self.give_back(place, at);
            found?;
        }
        Ok(false)
    }

    /// All of these devices.
    fn every(&mut self, place: Place, all: &[usize]) -> Result<bool, Stop> {
        let mut taken = 0;
        let mut outcome = Ok(true);
        for at in all {
            match self.take(place, *at, false) {
                Ok(true) => taken += 1,
                other => {
                    outcome = other;
                    break;
                }
            }
        }
        if matches!(outcome, Ok(true)) {
            outcome = self.request(place.claim, place.request + 1);
        }
        if !matches!(outcome, Ok(true)) {
            all[..taken]
                .iter()
                .rev()
                .for_each(|at| self.give_back(place, *at));
        }
        outcome
    }

    /// The devices that a choice for all devices is about.
    fn all(&mut self, place: Place) -> Result<Vec<usize>, String> {
        let (title, request) = (
            &self.claims[place.claim].title,
            &self.claims[place.claim].requests[place.request].name,
        );
        for pool in self.pools {
            let trouble = match (pool.is_complete, pool.is_valid) {
                (false, _) => "currently being updated",
                (true, false) => "currently invalid",
                (true, true) => continue,
            };
            let (driver, name) = &pool.id;
            return Err(format!(
                "claim {title}, request {request}: asks for all devices, but resource pool {driver}/{name} is {trouble}"
            ));
        }
        let mut all = Vec::new();
        for at in 0..self.candidates.len() {
            if self.is_selected(place, at)? {
                all.push(at);
            }
        }
        Ok(all)
    }

    /// Whether class and request select a device.
    fn is_selected(&mut self, place: Place, at: usize) -> Result<bool, String> {
        let choice = self.at(place);
        let device = &self.candidates[at].1;
        let claim = self.claims[place.claim];
        let Some(class) = self.supply.classes.get(&choice.class) else {
            let request = &claim.requests[place.request].name;
            return Err(format!(
                "claim {}, request {request}: could not retrieve device class {}",
                claim.title, choice.class
            ));
        };
        let own: &[String] = if self.supply.flaws.ignores_requests {
            &[]
        } else {
            &choice.selectors
        };
        let by_class = class
            .selectors
            .iter()
            .enumerate()
            .map(|(number, text)| ("class", &class.name, number, text));
        let by_claim = own
            .iter()
            .enumerate()
            .map(|(number, text)| ("claim", &claim.title, number, text));
        for (whose, name, number, expression) in by_class.chain(by_claim) {
            match self.selects.selects(expression, device) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(_) if self.supply.flaws.failing_selects => {}
                Err(SelectorFailure::Compile(why)) => {
                    return Err(format!(
                        "{whose} {name}: selector #{number}: CEL compile error: {why}"
                    ));
                }
                Err(SelectorFailure::Run(why)) => {
                    return Err(format!(
                        "{whose} {name}: selector #{number}: CEL runtime error: {why}"
                    ));
                }
            }
        }
        Ok(true)
    }

    /// Takes a device for a choice, if it can have it.
    fn take(&mut self, place: Place, at: usize, needs_selection: bool) -> Result<bool, Stop> {
        self.effort = self.effort.checked_sub(1).ok_or(Stop::Exhausted)?;
        let choice = self.at(place);
        let (pool, device) = &self.candidates[at];
        let is_mine = |chosen: &Chosen| chosen.device.id == device.id;
        let is_taken = if choice.is_admin {
            self.chosen[place.claim].iter().any(is_mine)
        } else {
            let is_forced = self.supply.flaws.selected_anyway && !choice.selectors.is_empty();
            self.usage.is_held(&device.id) && (!is_forced || self.chosen.iter().flatten().any(is_mine))
        };
        if is_taken || (needs_selection && !self.is_selected(place, at).map_err(Stop::Failure)?) {
            return Ok(false);
        }
        let is_tolerated = |taint| {
            choice
                .tolerations
                .iter()
                .any(|toleration| toleration.tolerates(taint))
        };
        let is_tainted = device
            .taints
            .iter()
            .filter(|taint| taint.keeps_out())
            .any(|taint| !is_tolerated(taint));
        if is_tainted && !self.supply.flaws.ignores_taints {
            return Ok(false);
        }
        let Some(parts) = capacity::parts(choice, device, &self.usage) else {
            return Ok(false);
        };
        if !self.constrain(place, device) {
            return Ok(false);
        }
        if self.takes_counters(choice, device)
            && !self
                .counters
                .take(*pool, &self.pools[*pool], device, self.supply.usage)
        {
            self.unconstrain(place);
            return Ok(false);
        }
        let chosen = Chosen {
            request: place.request,
            choice: place.choice,
            device: device.clone(),
            parts,
        };
        self.usage.take(&chosen.grant(choice));
        self.chosen[place.claim].push(chosen);
        Ok(true)
    }

    fn give_back(&mut self, place: Place, at: usize) {
        let choice = self.at(place);
        let (pool, device) = &self.candidates[at];
        if let Some(chosen) = self.chosen[place.claim].pop() {
            self.usage.give_back(&chosen.grant(choice));
        }
        if self.takes_counters(choice, device) {
            self.counters.give_back(*pool, device);
        }
        self.unconstrain(place);
    }

    /// Whether the next to have the device takes from its counters: not where somebody has a share already.
    fn takes_counters(&self, choice: &Choice, device: &Device) -> bool {
        !choice.is_admin
            && !self.supply.flaws.ignores_counters
            && !device.counters.is_empty()
            && !self.usage.is_in_use(&device.id)
    }

    /// Adds a device to all constraints that are about it; to none where one of them is not met.
    fn constrain(&mut self, place: Place, device: &Device) -> bool {
        let (request, choice) = self.names(place);
        let mut added = 0;
        let constraints = &mut self.constraints[place.claim];
        let mut is_met = true;
        for constraint in constraints.iter_mut().filter(|one| one.is_about(request, choice)) {
            if !constraint.add(device) {
                is_met = false;
                break;
            }
            added += 1;
        }
        if !is_met {
            let about = constraints.iter_mut().filter(|one| one.is_about(request, choice));
            about.take(added).for_each(Tracked::undo);
        }
        is_met
    }

    fn unconstrain(&mut self, place: Place) {
        let (request, choice) = self.names(place);
        let constraints = self.constraints[place.claim].iter_mut();
        constraints
            .filter(|one| one.is_about(request, choice))
            .for_each(Tracked::undo);
    }

    fn names(&self, place: Place) -> (&'a str, Option<&'a str>) {
        let request = &self.claims[place.claim].requests[place.request];
        (&request.name, request.choices[place.choice].name.as_deref())
    }
}

impl Chosen {
    /// The grant that it comes to.
    pub(super) fn grant(&self, choice: &Choice) -> Grant {
        Grant {
            device: self.device.id.clone(),
            is_admin: choice.is_admin,
            is_share: self.device.is_shared,
            consumed: self
                .parts
                .iter()
                .map(|(name, part)| (name.clone(), part.amount))
                .collect(),
        }
    }
}
