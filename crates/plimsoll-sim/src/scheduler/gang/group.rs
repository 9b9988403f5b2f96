//! What stands for gangs, and who belongs to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plimsoll_apiserver::{GroupResource, resources};
use serde_json::Value;

use crate::scheduler::{Object, pod::GroupKey};

/// All groups and their members.
#[derive(Debug, Default)]
pub(in crate::scheduler) struct Groups {
    /// What stands for gangs, by namespace and name: PodGroups, or Workloads where there are none.
    objects: BTreeMap<(String, String), Group>,
    members: BTreeMap<GroupKey, Members>,
}

/// An object that stands for one gang, or for several.
#[derive(Debug)]
struct Group {
    uid: String,
    /// How many must start together, by pod group; a PodGroup has one without a name.
    needed: BTreeMap<String, usize>,
    /// The node label of which all members must find the same value.
    domain_key: Option<String>,
}

/// Who belongs to a gang.
#[derive(Clone, Debug, Default)]
pub(in crate::scheduler) struct Members {
    pub(in crate::scheduler) waiting: BTreeSet<Arc<str>>,
    pub(in crate::scheduler) bound: BTreeSet<Arc<str>>,
    /// When the first and the last of them came.
    pub(in crate::scheduler) came: Option<(Duration, Duration)>,
}

impl Groups {
    /// What stands for a gang came or changed; says which gangs that concerns.
    pub(in crate::scheduler) fn set(&mut self, object: &Object) -> Vec<GroupKey> {
        let spec = &object["spec"];
        let needed = match spec["podGroups"].as_array() {
            Some(groups) => groups
                .iter()
                .map(|group| {
                    (
                        group["name"].as_str().unwrap_or_default().to_owned(),
                        needed(&group["policy"]),
                    )
                })
                .collect(),
            None => BTreeMap::from([(String::new(), needed(&spec["schedulingPolicy"]))]),
        };
        let key = key(object);
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let domain_key = spec["schedulingConstraints"]["topology"][0]["key"]
            .as_str()
            .map(str::to_owned);
        let group = Group {
            uid,
            needed,
            domain_key,
        };
        self.objects.insert(key.clone(), group);
        self.gangs_of(&key)
    }

    /// What stands for a gang went.
    pub(in crate::scheduler) fn remove(&mut self, object: &Object) {
        self.objects.remove(&key(object));
    }

    fn gangs_of(&self, (namespace, name): &(String, String)) -> Vec<GroupKey> {
        let of = |gang: &&GroupKey| gang.namespace == *namespace && gang.name == *name;
        self.members.keys().filter(of).cloned().collect()
    }

    /// How many members of a gang must start together; none where nothing stands for it.
    pub(in crate::scheduler) fn needed(&self, gang: &GroupKey) -> Option<usize> {
        let object = self.objects.get(&(gang.namespace.clone(), gang.name.clone()))?;
        let part = gang.part.as_ref().map_or("", |(part, _)| part);
        object.needed.get(part).copied()
    }

    /// The node label of which all members of a gang must find the same value, if they must.
    pub(in crate::scheduler) fn domain_key(&self, gang: &GroupKey) -> Option<&str> {
        let object = self.objects.get(&(gang.namespace.clone(), gang.name.clone()))?;
        object.domain_key.as_deref()
    }

    /// The uid of what stands for a gang.
    pub(in crate::scheduler) fn uid(&self, gang: &GroupKey) -> Option<&str> {
        let object = self.objects.get(&(gang.namespace.clone(), gang.name.clone()))?;
        Some(&object.uid)
    }

    /// Who belongs to a gang.
    pub(in crate::scheduler) fn members(&self, gang: &GroupKey) -> Members {
        self.members.get(gang).cloned().unwrap_or_default()
    }

    /// All gangs that have members, in their order.
    pub(in crate::scheduler) fn gangs(&self) -> impl Iterator<Item = (&GroupKey, &Members)> {
        self.members.iter()
    }

    /// A member waits now; says whether it is new.
    pub(in crate::scheduler) fn waits(&mut self, gang: &GroupKey, pod: &Arc<str>, now: Duration) -> bool {
        let members = self.members.entry(gang.clone()).or_default();
        members.bound.remove(pod);
        let is_new = members.waiting.insert(pod.clone());
        if is_new {
            let first = members.came.map_or(now, |(first, _)| first);
            members.came = Some((first, now));
        }
        is_new
    }

    /// A member is on its node.
    pub(in crate::scheduler) fn is_bound(&mut self, gang: &GroupKey, pod: &Arc<str>) {
        let members = self.members.entry(gang.clone()).or_default();
        members.waiting.remove(pod);
        members.bound.insert(pod.clone());
    }

    /// A member is no more.
    pub(in crate::scheduler) fn leaves(&mut self, gang: &GroupKey, pod: &str) {
        if let Some(members) = self.members.get_mut(gang) {
            members.waiting.remove(pod);
            members.bound.remove(pod);
            if members.waiting.is_empty() && members.bound.is_empty() {
                self.members.remove(gang);
            }
        }
    }
}

impl GroupKey {
    /// The collection of what stands for it.
    pub(in crate::scheduler) fn of(&self) -> GroupResource {
        if self.part.is_some() {
            resources::WORKLOADS
        } else {
            resources::POD_GROUPS
        }
    }
}

fn key(object: &Object) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

/// A policy that asks for no gang is content with one.
fn needed(policy: &Value) -> usize {
    policy["gang"]["minCount"]
        .as_u64()
        .map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gang(part: Option<(&str, &str)>) -> GroupKey {
        let part = part.map(|(part, replica)| (part.to_owned(), replica.to_owned()));
        GroupKey {
            namespace: "ns".into(),
            name: "g".into(),
            part,
        }
    }

    #[test]
    fn a_group_says_how_many_start_together_in_either_version() {
        let mut groups = Groups::default();
        let object = |spec: Value| {
            Arc::new(json!({"metadata": {"name": "g", "namespace": "ns", "uid": "u"}, "spec": spec}))
        };
        assert_eq!(groups.needed(&gang(None)), None);
        groups.set(&object(json!({"schedulingPolicy": {"gang": {"minCount": 4}}})));
        assert_eq!(
            (groups.needed(&gang(None)), groups.uid(&gang(None))),
            (Some(4), Some("u"))
        );
        groups.set(&object(json!({"schedulingPolicy": {"basic": {}}})));
        assert_eq!(groups.needed(&gang(None)), Some(1));
        groups.set(&object(
            json!({"podGroups": [{"name": "w", "policy": {"gang": {"minCount": 3}}}]}),
        ));
        assert_eq!(groups.needed(&gang(Some(("w", "0")))), Some(3));
        assert_eq!(groups.needed(&gang(Some(("v", "0")))), None);
    }

    #[test]
    fn members_come_are_bound_and_leave() {
        let mut groups = Groups::default();
        let (key, pod): (_, Arc<str>) = (gang(None), "p".into());
        assert!(groups.waits(&key, &pod, Duration::ZERO));
        assert!(!groups.waits(&key, &pod, Duration::from_secs(1)));
        assert_eq!(groups.members(&key).came, Some((Duration::ZERO, Duration::ZERO)));
        groups.is_bound(&key, &pod);
        assert!(groups.members(&key).waiting.is_empty());
        groups.leaves(&key, "p");
        assert_eq!(groups.gangs().count(), 0);
    }
}
