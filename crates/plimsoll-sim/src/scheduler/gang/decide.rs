//! Places for all members of a gang at once, or for none.

use std::{sync::Arc, time::Duration};

use super::{
    group::Members,
    rule::{DEADLOCK_QUIET, LATE, Rule},
};
use crate::scheduler::{
    cluster::Cluster,
    dra::claims::Hindrance,
    news::News,
    place::{Failure, Placement},
    pod::{GroupKey, Pod},
    state::State,
};

/// What is to become of a gang.
#[derive(Debug)]
pub(in crate::scheduler) enum Verdict {
    /// It isn't looked at yet; until then, if that is a matter of time.
    NotYet(Option<Duration>),
    /// These go to those places; of the others, each why not.
    Place {
        placed: Vec<(Arc<Pod>, Placement)>,
        failed: Vec<(Arc<Pod>, Failure)>,
    },
    /// Nobody goes anywhere.
    Refuse(Refused),
    /// Its members are placed one by one from now on, with those of these other gangs in turn.
    LetGo(Vec<GroupKey>),
}

/// A gang that was refused.
#[derive(Debug)]
pub(in crate::scheduler) struct Refused {
    /// In words, of the group.
    pub(in crate::scheduler) why: String,
    /// Those who could have been placed.
    pub(in crate::scheduler) fitting: Vec<(Arc<Pod>, Placement)>,
    /// The others, each with why not.
    pub(in crate::scheduler) failed: Vec<(Arc<Pod>, Failure)>,
}

impl Refused {
    /// What would have to happen for it to be worth another try.
    pub(in crate::scheduler) fn cures(&self) -> News {
        self.failed
            .iter()
            .fold(News::NONE, |cures, (_, failure)| cures | failure.cures())
    }
}

impl State {
    /// Whether a gang is complete enough to be looked at. Who waits for a claim to be made isn't there yet.
    pub(in crate::scheduler) fn is_complete(&self, gang: &GroupKey) -> bool {
        let members = self.groups.members(gang);
        let waiting = members.waiting.iter().filter_map(|uid| self.pending.get(uid));
        let ready = waiting
            .filter(|pod| !matches!(self.claims.of_pod(pod), Err(Hindrance::Absent)))
            .count();
        let there = ready + members.bound.len();
        ready > 0 && self.needed(gang).is_some_and(|needed| there >= needed)
    }

    /// How many members must start together, as this scheduler has it.
    pub(in crate::scheduler) fn needed(&self, gang: &GroupKey) -> Option<usize> {
        let needed = self.groups.needed(gang)?;
        Some(if self.wants_one { 1 } else { needed })
    }

    /// Whether a pod that comes now still counts as a member.
    pub(in crate::scheduler) fn counts(&self, members: &Members, now: Duration) -> bool {
        self.rule != Rule::LateIgnored || members.came.is_none_or(|(first, _)| now <= first + LATE)
    }

    /// Decides on a gang.
    pub(in crate::scheduler) fn decide_on(&mut self, gang: &GroupKey, now: Duration) -> Verdict {
        if !self.is_complete(gang) {
            return Verdict::NotYet(None);
        }
        match self.rule {
            Rule::Dead => Verdict::NotYet(None),
            Rule::NeverReleased if self.is_given_up(gang) => Verdict::NotYet(None),
            Rule::PartialBind => self.by_total(gang),
            Rule::Deadlock => self.by_each_alone(gang, now),
            Rule::Sound
            | Rule::NeverReleased
            | Rule::SlowRetry
            | Rule::LateIgnored
            | Rule::Almost
            | Rule::Hoards => {
                self.release_hoard(gang);
                self.together(gang)
            }
        }
    }

    /// Tries all waiting members in their order on what is free, one beside the other.
    pub(super) fn together(&mut self, gang: &GroupKey) -> Verdict {
        match self.domains_of(gang) {
            Some(domains) => self.in_one_of(gang, domains),
            None => self.anywhere(gang),
        }
    }

    /// The same wherever members may be placed now.
    pub(super) fn anywhere(&mut self, gang: &GroupKey) -> Verdict {
        let needed = self.rule.enough(self.needed(gang).unwrap_or(1));
        let members = self.groups.members(gang);
        let waiting = self.in_order(&members);
        let mut placed: Vec<(Arc<Pod>, Placement)> = Vec::new();
        let mut failed = Vec::new();
        for pod in waiting {
            match self.place(&pod) {
                Ok(placement) => {
                    self.assume(&pod, &placement);
                    placed.push((pod, placement));
                }
                Err(failure) => failed.push((pod, failure)),
            }
        }
        for (pod, placement) in placed.iter().rev() {
            self.forget(pod, placement);
        }
        let scheduled = members.bound.len() + placed.len();
        if scheduled >= needed && !placed.is_empty() {
            return Verdict::Place { placed, failed };
        }
        Verdict::Refuse(Refused {
            why: "pod group is unschedulable".to_owned(),
            fitting: placed,
            failed,
        })
    }

    /// Waiting members, the most important first and then who came first.
    fn in_order(&self, members: &Members) -> Vec<Arc<Pod>> {
        let mut waiting: Vec<Arc<Pod>> = members
            .waiting
            .iter()
            .filter_map(|uid| self.pending.get(uid))
            .cloned()
            .collect();
        waiting.sort_by(|a, b| {
            let created = |pod: &Pod| {
                pod.object["metadata"]["creationTimestamp"]
                    .as_str()
                    .map(str::to_owned)
            };
            (b.priority, created(a), &a.name).cmp(&(a.priority, created(b), &b.name))
        });
        waiting
    }

    /// As if nobody used anything.
    fn by_total(&mut self, gang: &GroupKey) -> Verdict {
        let cluster: Cluster = self.cluster.emptied();
        let cluster = std::mem::replace(&mut self.cluster, cluster);
        let usage = std::mem::take(self.claims.usage_mut());
        let verdict = self.together(gang);
        self.cluster = cluster;
        *self.claims.usage_mut() = usage;
        alone(verdict, gang, self)
    }

    /// Each gang for itself, once no members have come for a while.
    fn by_each_alone(&mut self, gang: &GroupKey, now: Duration) -> Verdict {
        let last = self
            .groups
            .gangs()
            .filter_map(|(_, members)| members.came)
            .map(|(_, last)| last)
            .max();
        let until = last.unwrap_or_default() + DEADLOCK_QUIET;
        if now < until {
            return Verdict::NotYet(Some(until));
        }
        let others: Vec<GroupKey> = self
            .groups
            .gangs()
            .map(|(other, _)| other.clone())
            .filter(|other| other != gang && self.is_complete(other) && !self.let_go.contains(other))
            .collect();
        match self.together(gang) {
            Verdict::Place { .. } => {
                let fits = |state: &mut Self, other: &GroupKey| {
                    matches!(state.together(other), Verdict::Place { .. })
                };
                let mut all = vec![gang.clone()];
                all.extend(others.into_iter().filter(|other| fits(self, other)));
                Verdict::LetGo(all)
            }
            verdict => alone(verdict, gang, self),
        }
    }
}

/// Words a refusal as controllers beside the scheduler do, and lets go what could be placed.
fn alone(verdict: Verdict, gang: &GroupKey, state: &State) -> Verdict {
    match verdict {
        Verdict::Place { .. } => Verdict::LetGo(vec![gang.clone()]),
        Verdict::Refuse(refused) => {
            let needed = state.needed(gang).unwrap_or(1);
            let fit = refused.fitting.len();
            let why = format!("room for {fit} of the {needed} members that must start together");
            Verdict::Refuse(Refused { why, ..refused })
        }
        other => other,
    }
}
