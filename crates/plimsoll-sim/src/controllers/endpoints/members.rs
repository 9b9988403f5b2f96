//! Which pods each Service selects.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_apiserver::{Change, Direct, Object, resources};
use serde_json::Value;

use super::super::facts::{
    Selector,
    meta::{self, Key},
    pod,
};

/// The pods of each Service by name, kept up with changes so that none needs a look at a whole namespace.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<Key, BTreeSet<String>>);

impl Members {
    /// Follows a change of a Service.
    pub(super) fn service_changed(&mut self, api: &Direct, change: &Change) {
        let service = change.object();
        let key = Key::of(service);
        match change {
            Change::Deleted(..) => {
                self.0.remove(&key);
                return;
            }
            Change::Modified { old, new, .. } if old["spec"]["selector"] == new["spec"]["selector"] => return,
            Change::Added(..) | Change::Modified { .. } => {}
        }
        let selector = Selector::of_map(&service["spec"]["selector"]);
        let members = if selector == Selector::Nothing {
            BTreeSet::new()
        } else {
            api.list_where(&resources::PODS, key.space(), |pod| selector.selects(pod))
                .iter()
                .map(|pod| meta::name(pod).to_owned())
                .collect()
        };
        self.0.insert(key, members);
    }

    /// Follows a change of a pod, and names the Services that it concerns.
    pub(super) fn pod_changed(&mut self, api: &Direct, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let pod = change.object();
        if let Change::Modified { old, new, .. } = change
            && old["metadata"]["labels"] == new["metadata"]["labels"]
            && matters(old) == matters(new)
        {
            return;
        }
        let namespace = meta::namespace(pod);
        for service in api.list(&resources::SERVICES, Some(namespace)) {
            let key = Key::of(&service);
            let selects = !matches!(change, Change::Deleted(..))
                && Selector::of_map(&service["spec"]["selector"]).selects(pod);
            let Some(members) = self.0.get_mut(&key) else {
                continue;
            };
            let changed = if selects {
                members.insert(meta::name(pod).to_owned());
                true
            } else {
                members.remove(meta::name(pod))
            };
            if changed {
                look_at(key);
            }
        }
    }

    /// A Service's pods, by name.
    pub(super) fn of(&self, api: &Direct, service: &Key) -> Vec<Object> {
        let members = self.0.get(service);
        members
            .into_iter()
            .flatten()
            .filter_map(|name| api.get(&resources::PODS, service.space(), name))
            .collect()
    }
}

/// What of a pod endpoints depend on.
fn matters(of: &Value) -> (bool, bool, bool, &Value, &Value, &Value) {
    (
        pod::terminal(of),
        pod::ready(of),
        meta::deleting(of),
        &of["status"]["podIPs"],
        &of["spec"]["nodeName"],
        &of["status"]["podIP"],
    )
}
