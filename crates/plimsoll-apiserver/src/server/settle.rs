//! What follows from a change: custom resources are served, quotas count, roles gather.

use serde_json::Value;

use super::Inner;
use crate::{GroupResource, policy::Write, resources, store::Key};

impl Inner {
    /// Does what follows from a change that was stored.
    pub(crate) fn settle(&self, of: &GroupResource, old: Option<&Value>, new: Option<&Value>) {
        for write in self.admission.settle(self, of, old, new) {
            self.apply_write(write);
        }
        if *of == resources::CUSTOM_RESOURCE_DEFINITIONS {
            self.settle_definition(old, new);
        } else if new.is_none() {
            self.settle_removal(of);
        }
    }

    /// Changes one field of another object; nothing follows from that.
    pub(crate) fn apply_write(&self, write: Write) {
        let key = Key::new(write.namespace.as_deref().unwrap_or_default(), &write.name);
        let mut state = self.store.lock();
        let Some(old) = state.get(&write.of, &key).map(|item| item.object()) else {
            return;
        };
        if old.get(write.field) == Some(&write.value) {
            return;
        }
        let mut new = (*old).clone();
        new[write.field] = write.value;
        state.put(&write.of, key, new);
    }
}
