//! Everything that the scheduler knows, kept up to date change by change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plimsoll_apiserver::{Change, Direct, Seed, resources};

use super::{
    Object,
    cluster::Cluster,
    dra::{Flaws, claims::Claims, extended, inventory::Inventory, request::Class, selectors::Selectors},
    gang::{
        domain::Domain,
        group::Groups,
        rule::{Rule, Says},
    },
    news::News,
    place::Placement,
    pod::{ClaimName, GroupKey, Pod},
    queue::{Queue, Unit},
};
use crate::{Faults, platform::GangScheduling};

/// See the module.
pub(super) struct State {
    pub(super) minor: u32,
    seed: Seed,
    pub(super) cluster: Cluster,
    pub(super) inventory: Inventory,
    pub(super) claims: Claims,
    pub(super) classes: BTreeMap<String, Class>,
    /// The class that stands for an extended resource.
    pub(super) class_by_resource: BTreeMap<String, String>,
    /// The extended resources that classes stand for.
    pub(super) claimable: BTreeSet<String>,
    pub(super) selectors: Selectors,
    pub(super) flaws: Flaws,
    /// Lone pods that wait for a device don't hear that one was released.
    is_deaf: bool,
    /// Pods that wait to be placed, unless a gate holds them.
    pub(super) pending: BTreeMap<Arc<str>, Arc<Pod>>,
    pub(super) queue: Queue,
    /// Nodes on which room is being made for pods.
    pub(super) nominated: BTreeMap<Arc<str>, String>,
    pub(super) groups: Groups,
    enforces_gangs: bool,
    pub(super) enforces_topology: bool,
    /// A gang that fits no domain is placed in several.
    pub(super) scatters: bool,
    /// The only nodes that are looked at now; all of them if none.
    pub(super) within: Option<Domain>,
    pub(super) rule: Rule,
    pub(super) says: Says,
    /// Every gang is taken to want one pod.
    pub(super) wants_one: bool,
    /// Gangs whose members are placed one by one.
    pub(super) let_go: BTreeSet<GroupKey>,
    /// The uids of groups that are not looked at again.
    given_up: BTreeSet<String>,
    /// What gangs that wait keep all the same.
    hoards: BTreeMap<GroupKey, Vec<(Arc<Pod>, Placement)>>,
    /// Whom to look at again at a time.
    timers: BTreeSet<(Duration, Unit)>,
}

impl State {
    pub(super) fn new(api: &Direct, faults: &Faults, gang: GangScheduling) -> Self {
        Self {
            minor: api.minor(),
            seed: api.seed(),
            cluster: Cluster::default(),
            inventory: Inventory::default(),
            claims: Claims::default(),
            classes: BTreeMap::new(),
            class_by_resource: BTreeMap::new(),
            claimable: BTreeSet::new(),
            selectors: Selectors::default(),
            flaws: Flaws::of(faults),
            is_deaf: faults.has("dra.not-woken"),
            pending: BTreeMap::new(),
            queue: Queue::default(),
            nominated: BTreeMap::new(),
            groups: Groups::default(),
            enforces_gangs: gang.api && gang.enforced && !faults.has("gang.api-dropped"),
            enforces_topology: gang.topology,
            scatters: faults.has("topo.scatter"),
            within: None,
            rule: Rule::of(faults),
            says: Says::of(faults),
            wants_one: faults.has("gang.min-one"),
            let_go: BTreeSet::new(),
            given_up: BTreeSet::new(),
            hoards: BTreeMap::new(),
            timers: BTreeSet::new(),
        }
    }

    /// Takes a change in. What counts is the state that the API has by now, which may be newer than the news of it.
    pub(super) fn apply(&mut self, api: &Direct, change: &Change) {
        let (of, last) = (change.of().clone(), change.object().clone());
        let metadata = &last["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let namespace = metadata["namespace"].as_str();
        let now = api.get(&of, namespace, name);
        if of == resources::PODS {
            let uid = metadata["uid"].as_str().unwrap_or_default();
            match now.filter(|now| now["metadata"]["uid"] == uid) {
                Some(now) => self.set_pod(&now, api.clock().elapsed()),
                None => self.remove_pod(uid),
            }
        } else if of == resources::NODES {
            self.set_node(name, now.as_ref());
        } else if of == resources::NAMESPACES {
            self.set_namespace(name, now.as_ref());
        } else if of == resources::RESOURCE_CLAIMS {
            self.set_claim(namespace.unwrap_or_default(), name, now.as_ref());
        } else if of == resources::RESOURCE_SLICES {
            match now {
                Some(now) => self.inventory.set_slice(&now),
                None => self.inventory.remove_slice(name),
            }
            self.queue.hear(News::SLICE);
        } else if of == resources::DEVICE_TAINT_RULES {
            self.inventory.change_rules(|rules| match &now {
                Some(now) => rules.set(now),
                None => rules.remove(&last),
            });
            self.queue.hear(News::SLICE);
        } else if of == resources::DEVICE_CLASSES {
            self.set_class(name, now.as_ref());
        } else if of == resources::POD_GROUPS || of == resources::WORKLOADS {
            self.set_group(&last, now.as_ref());
        }
    }

    fn set_node(&mut self, name: &str, node: Option<&Object>) {
        let is_news = match node {
            Some(node) => self.cluster.set_node(node),
            None => {
                self.cluster.remove_node(name);
                true
            }
        };
        if is_news {
            self.queue.hear(News::NODE);
        }
    }

    fn set_namespace(&mut self, name: &str, namespace: Option<&Object>) {
        match namespace {
            Some(namespace) => self.cluster.set_namespace(namespace),
            None => self.cluster.remove_namespace(name),
        }
        self.queue.hear(News::NAMESPACE);
    }

    fn set_class(&mut self, name: &str, class: Option<&Object>) {
        match class {
            Some(class) => self.classes.insert(name.to_owned(), Class::read(class)),
            None => self.classes.remove(name),
        };
        if self.minor >= extended::SINCE {
            self.class_by_resource = extended::classes_by_resource(&self.classes);
            self.claimable = self.class_by_resource.keys().cloned().collect();
        }
        self.queue.hear(News::CLASS);
    }

    /// A claim came, changed or went.
    pub(super) fn set_claim(&mut self, namespace: &str, name: &str, claim: Option<&Object>) {
        let before = self.claims.get(namespace, name).cloned();
        match claim {
            Some(claim) => self.claims.set(claim),
            None => self.claims.remove(namespace, name),
        }
        let after = self.claims.get(namespace, name);
        let gave_back = match (&before, after) {
            (Some(before), Some(after)) => before.allocated.is_some() && after.allocated.is_none(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if gave_back {
            let is_deaf = self.is_deaf;
            self.queue
                .hear_if(News::CLAIM, |unit| !is_deaf || matches!(unit, Unit::Gang(_)));
        }
        // Those who have this very claim.
        let names_it = |pod: &&Arc<Pod>| {
            let known = |claim: &ClaimName| matches!(claim, ClaimName::Known(known) if known == name);
            pod.namespace == namespace && pod.claims.iter().any(|reference| known(&reference.claim))
        };
        let differs = match (&before, after) {
            (Some(before), Some(after)) => before.differs(after),
            (before, after) => before.is_some() != after.is_some(),
        };
        if differs {
            let units: Vec<Unit> = self
                .pending
                .values()
                .filter(names_it)
                .map(|pod| self.unit_of(pod))
                .collect();
            units.iter().for_each(|unit| self.queue.wake(unit));
        }
    }

    fn set_group(&mut self, last: &Object, now: Option<&Object>) {
        let Some(now) = now else {
            self.groups.remove(last);
            return;
        };
        for gang in self.groups.set(now) {
            self.queue.wake(&Unit::Gang(gang));
        }
    }

    /// A pod came or changed.
    pub(super) fn set_pod(&mut self, object: &Object, now: Duration) {
        let pod = Pod::read(object);
        let uid = pod.uid.clone();
        if pod.takes_room() {
            self.stop_waiting(&uid);
            if let Some(gang) = &pod.group {
                self.groups.is_bound(gang, &uid);
                self.queue.wake(&Unit::Gang(gang.clone()));
            }
            let is_news = self
                .cluster
                .pod(&uid)
                .is_none_or(|before| before.labels != pod.labels);
            self.cluster.place(Arc::new(pod.settled()));
            if is_news {
                self.queue.hear(News::POD_PLACED);
            }
            return;
        }
        if !self.is_hoarded(&uid) && self.cluster.remove_pod(&uid).is_some() {
            self.queue.hear(News::POD_LEFT);
        }
        if pod.is_pending() && !pod.state.is_gated {
            self.wait(Arc::new(pod), now);
        } else {
            self.leave(&pod);
        }
    }

    /// A pod is no more.
    pub(super) fn remove_pod(&mut self, uid: &str) {
        let waited = self.pending.get(uid).cloned();
        let placed = self.cluster.remove_pod(uid);
        if let Some(pod) = waited.or(placed.clone()) {
            self.leave(&pod);
        }
        if placed.is_some() {
            self.queue.hear(News::POD_LEFT);
        }
    }

    fn leave(&mut self, pod: &Pod) {
        self.stop_waiting(&pod.uid);
        if let Some(gang) = &pod.group {
            self.groups.leaves(gang, &pod.uid);
            if self.groups.members(gang).waiting.is_empty() {
                self.queue.remove(&Unit::Gang(gang.clone()));
            }
            if self.groups.members(gang).bound.is_empty() && self.groups.members(gang).waiting.is_empty() {
                self.let_go.remove(gang);
                if self.hoards.contains_key(gang) {
                    self.release_hoard(gang);
                    self.queue.hear(News::POD_LEFT | News::CLAIM);
                }
            }
        }
    }

    fn stop_waiting(&mut self, uid: &Arc<str>) {
        self.nominated.remove(uid);
        self.queue.remove(&Unit::Pod(uid.clone()));
        let Some(pod) = self.pending.remove(uid) else {
            return;
        };
        if let Some(gang) = &pod.group {
            // Whoever is bound is counted again as such.
            self.groups.leaves(gang, uid);
            if self.groups.members(gang).waiting.is_empty() {
                self.queue.remove(&Unit::Gang(gang.clone()));
            }
        }
    }

    fn wait(&mut self, pod: Arc<Pod>, now: Duration) {
        let before = self.pending.insert(pod.uid.clone(), pod.clone());
        if let Some(node) = pod.object["status"]["nominatedNodeName"]
            .as_str()
            .filter(|node| !node.is_empty())
        {
            self.nominated.insert(pod.uid.clone(), node.to_owned());
        }
        let mut is_news = before
            .as_ref()
            .is_some_and(|before| before.is_asking_otherwise(&pod));
        if let Some(gang) = pod.group.as_ref().filter(|_| self.enforces_gangs) {
            let members = self.groups.members(gang);
            if !members.waiting.contains(&pod.uid) && !self.counts(&members, now) {
                return;
            }
            is_news |= self.groups.waits(gang, &pod.uid, now);
        }
        let unit = self.unit_of(&pod);
        self.queue.offer(unit.clone(), pod.priority);
        if is_news {
            self.queue.wake(&unit);
        }
    }

    /// With whom a pod is placed.
    pub(super) fn unit_of(&self, pod: &Pod) -> Unit {
        match &pod.group {
            Some(gang) if self.enforces_gangs && !self.let_go.contains(gang) => Unit::Gang(gang.clone()),
            _ => Unit::Pod(pod.uid.clone()),
        }
    }

    /// Lets members of these gangs be placed one by one, one of each in turn.
    pub(super) fn let_go(&mut self, gangs: &[GroupKey]) {
        let mut members: Vec<Vec<Arc<str>>> = Vec::new();
        for gang in gangs {
            self.let_go.insert(gang.clone());
            self.queue.remove(&Unit::Gang(gang.clone()));
            let mut waiting: Vec<Arc<str>> = self.groups.members(gang).waiting.into_iter().collect();
            waiting.sort_by_key(|uid| self.pending.get(uid).map(|pod| pod.name.clone()));
            members.push(waiting);
        }
        let longest = members.iter().map(Vec::len).max().unwrap_or_default();
        for turn in 0..longest {
            for uid in members.iter().filter_map(|waiting| waiting.get(turn)) {
                let priority = self.pending.get(uid).map_or(0, |pod| pod.priority);
                self.queue.offer(Unit::Pod(uid.clone()), priority);
            }
        }
    }

    /// Doesn't look at a group again.
    pub(super) fn give_up(&mut self, gang: &GroupKey) {
        if let Some(uid) = self.groups.uid(gang) {
            self.given_up.insert(uid.to_owned());
        }
    }

    pub(super) fn is_given_up(&self, gang: &GroupKey) -> bool {
        self.groups
            .uid(gang)
            .is_some_and(|uid| self.given_up.contains(uid))
    }

    /// Keeps what a gang found, although it waits.
    pub(super) fn hoard(&mut self, gang: &GroupKey, fitting: Vec<(Arc<Pod>, Placement)>) {
        for (pod, placement) in &fitting {
            self.assume(pod, placement);
        }
        self.hoards.insert(gang.clone(), fitting);
    }

    /// Lets go what a gang kept.
    pub(super) fn release_hoard(&mut self, gang: &GroupKey) {
        for (pod, placement) in self.hoards.remove(gang).into_iter().flatten() {
            self.forget(&pod, &placement);
        }
    }

    fn is_hoarded(&self, uid: &str) -> bool {
        self.hoards.values().flatten().any(|(pod, _)| *pod.uid == *uid)
    }

    /// Looks at somebody again at that time.
    pub(super) fn look_again(&mut self, at: Duration, unit: Unit) {
        self.timers.insert((at, unit));
    }

    /// When somebody is to be looked at again.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Wakes those whose time has come.
    pub(super) fn ring(&mut self, now: Duration) {
        while let Some((at, unit)) = self.timers.pop_first() {
            if at > now {
                self.timers.insert((at, unit));
                return;
            }
            self.queue.wake(&unit);
        }
    }

    /// A uid that nobody has.
    pub(super) fn new_uid(&self) -> String {
        let (high, low) = (self.seed.number(), self.seed.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}
