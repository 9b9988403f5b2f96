//! One decision after the other: who is next, where it goes, and what becomes of it.

use std::{sync::Arc, time::Duration};

use plimsoll_apiserver::Change;

use super::{
    act::Actor,
    gang::{
        condition::Standing,
        decide::{Refused, Verdict},
        rule::{Rule, SLOW_RETRY, Says},
    },
    news::News,
    place::{Failure, Placement},
    pod::{GroupKey, Pod},
    queue::Unit,
    refusal::Account,
    state::State,
};

/// A scheduler at work.
pub(super) struct Scheduler {
    state: State,
    actor: Actor,
}

impl Scheduler {
    pub(super) fn new(state: State, actor: Actor) -> Self {
        Self { state, actor }
    }

    /// Takes a change in.
    pub(super) fn apply(&mut self, change: &Change) {
        self.state.apply(self.actor.api(), change);
    }

    /// Who is next.
    pub(super) fn next(&mut self) -> Option<Unit> {
        self.state.queue.take()
    }

    /// When somebody is to be looked at again although nothing happened.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        self.state.next_timer()
    }

    /// Wakes those whose time has come.
    pub(super) fn ring(&mut self) {
        let now = self.now();
        self.state.ring(now);
    }

    fn now(&self) -> Duration {
        self.actor.api().clock().elapsed()
    }

    /// Whether somebody who is next is complete enough to spend time on.
    pub(super) fn is_worth_a_look(&self, unit: &Unit) -> bool {
        match unit {
            Unit::Pod(uid) => {
                let pod = self.state.pending.get(uid);
                pod.is_some_and(|pod| {
                    !matches!(
                        self.state.claims.of_pod(pod),
                        Err(super::dra::claims::Hindrance::Absent)
                    )
                })
            }
            Unit::Gang(gang) => self.state.is_complete(gang) && self.state.rule != Rule::Dead,
        }
    }

    /// Decides on somebody, and does what was decided.
    pub(super) async fn decide(&mut self, unit: Unit) {
        match unit {
            Unit::Pod(uid) => {
                if let Some(pod) = self.state.pending.get(&uid).cloned() {
                    self.decide_on_pod(&pod).await;
                }
            }
            Unit::Gang(gang) => self.decide_on_gang(&gang).await,
        }
    }

    async fn decide_on_pod(&mut self, pod: &Arc<Pod>) {
        let unit = Unit::Pod(pod.uid.clone());
        let guests = self.admit_nominated(pod);
        let placed = self.state.place(pod);
        let failure = match placed {
            Ok(placement) => {
                self.dismiss(&guests);
                self.bind(pod, &placement, &unit).await;
                self.say_of_let_go(pod).await;
                return;
            }
            Err(failure) => failure,
        };
        let eviction = match &failure {
            Failure::NoRoom { account, .. } if !self.state.is_being_made_room_for(pod) => {
                self.state.eviction_for(pod, account)
            }
            Failure::NoRoom { .. } | Failure::NotYet | Failure::Error(_) => None,
        };
        self.dismiss(&guests);
        self.state.queue.refuse(&unit, failure.cures());
        match (eviction, failure) {
            (Some(eviction), Failure::NoRoom { account, claims }) => {
                let failure = Failure::NoRoom {
                    account: Account {
                        is_being_cured: true,
                        ..account
                    },
                    claims,
                };
                self.actor.refuse(pod, &failure, self.state.minor).await;
                self.actor.make_room(&mut self.state, pod, &eviction).await;
            }
            (_, failure) => self.actor.refuse(pod, &failure, self.state.minor).await,
        }
    }

    /// Pods for which room is being made count as if they were there already, for those who are no more important.
    fn admit_nominated(&mut self, pod: &Pod) -> Vec<Arc<Pod>> {
        let mut guests = Vec::new();
        for (uid, node) in self.state.nominated.clone() {
            let guest = self.state.pending.get(&uid).cloned();
            let Some(guest) = guest.filter(|guest| guest.uid != pod.uid && guest.priority >= pod.priority)
            else {
                continue;
            };
            self.state.cluster.assume(&guest, &node);
            guests.push(guest);
        }
        guests
    }

    fn dismiss(&mut self, guests: &[Arc<Pod>]) {
        for guest in guests {
            self.state.cluster.remove_pod(&guest.uid);
        }
    }

    /// Binds a pod; what the API refuses is said of the pod, and it is tried again when something changes.
    async fn bind(&mut self, pod: &Arc<Pod>, placement: &Placement, unit: &Unit) -> bool {
        match self.actor.bind(&mut self.state, pod, placement).await {
            Ok(()) => true,
            Err(status) => {
                let failure = Failure::Error(format!("binding rejected: {}", status.message));
                self.state.queue.refuse(unit, failure.cures());
                self.actor.refuse(pod, &failure, self.state.minor).await;
                false
            }
        }
    }

    async fn decide_on_gang(&mut self, gang: &GroupKey) {
        let unit = Unit::Gang(gang.clone());
        match self.state.decide_on(gang, self.now()) {
            Verdict::NotYet(until) => {
                self.state.queue.refuse(&unit, News::NONE);
                if let Some(until) = until {
                    self.state.look_again(until, unit);
                }
            }
            Verdict::Place { placed, failed } => self.place_gang(gang, &placed, &failed).await,
            Verdict::Refuse(refused) => self.refuse_gang(gang, refused).await,
            Verdict::LetGo(gangs) => self.state.let_go(&gangs),
        }
    }

    async fn place_gang(
        &mut self,
        gang: &GroupKey,
        placed: &[(Arc<Pod>, Placement)],
        failed: &[(Arc<Pod>, Failure)],
    ) {
        let unit = Unit::Gang(gang.clone());
        let mut cures = failed
            .iter()
            .fold(News::NONE, |cures, (_, failure)| cures | failure.cures());
        for (pod, placement) in placed {
            if !self.bind(pod, placement, &unit).await {
                cures |= News::CLAIM | News::NODE;
            }
        }
        self.state.queue.refuse(&unit, cures);
        for (pod, failure) in failed {
            self.actor.refuse(pod, failure, self.state.minor).await;
        }
        self.actor
            .say_of_group(gang, &Standing::Placed, self.state.minor)
            .await;
    }

    async fn refuse_gang(&mut self, gang: &GroupKey, refused: Refused) {
        let unit = Unit::Gang(gang.clone());
        let rule = self.state.rule;
        let cures = match rule {
            Rule::SlowRetry => {
                self.state.look_again(self.now() + SLOW_RETRY, unit.clone());
                News::NONE
            }
            Rule::NeverReleased => {
                self.state.give_up(gang);
                News::NONE
            }
            Rule::Sound
            | Rule::Dead
            | Rule::PartialBind
            | Rule::Deadlock
            | Rule::LateIgnored
            | Rule::Almost
            | Rule::Hoards => refused.cures(),
        };
        self.state.queue.refuse(&unit, cures);
        let Refused { why, fitting, failed } = refused;
        let standing = match self.state.says {
            Says::Truth => Some(Standing::Refused(why)),
            Says::Nothing => None,
            Says::Placed => Some(Standing::Placed),
        };
        if let Some(standing) = standing {
            for (pod, _) in &fitting {
                self.actor.refuse_with_gang(pod).await;
            }
            for (pod, failure) in &failed {
                self.actor.refuse(pod, failure, self.state.minor).await;
            }
            self.actor.say_of_group(gang, &standing, self.state.minor).await;
        }
        if rule == Rule::Hoards {
            self.state.hoard(gang, fitting);
        }
    }

    /// Says of a gang whose members are placed one by one that it was placed, once it was.
    async fn say_of_let_go(&mut self, pod: &Pod) {
        let Some(gang) = pod.group.as_ref().filter(|gang| self.state.let_go.contains(gang)) else {
            return;
        };
        let members = self.state.groups.members(gang);
        let needed = self.state.needed(gang).unwrap_or_default();
        if members.waiting.is_empty() && members.bound.len() >= needed {
            self.actor
                .say_of_group(gang, &Standing::Placed, self.state.minor)
                .await;
        }
    }
}
