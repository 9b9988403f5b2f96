//! When the chain runs a second time: what was changed late is shown to those who came early.

use std::collections::BTreeSet;

use serde_json::Value;

/// One plugin's part in it.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Those that were asked and want to be asked again if something changes.
    asked: BTreeSet<String>,
    /// Those of them after which something has changed.
    due: BTreeSet<String>,
    /// The object as the plugin left it.
    left: Option<Value>,
    /// Whether the plugin changed something.
    pub(super) changed: bool,
    /// Whether this is the second round.
    pub(super) again: bool,
}

impl Rounds {
    /// Before the plugin's turn.
    pub(super) fn begin(&mut self, object: Option<&Value>) {
        if self.again && self.left.as_ref() != object {
            self.changed_by_others();
        }
    }

    /// After the plugin's turn.
    pub(super) fn end(&mut self, object: Option<&Value>) {
        self.left = object.cloned();
    }

    /// Whether it is its turn.
    pub(super) fn is_due(&self, key: &str) -> bool {
        !self.again || self.due.contains(key)
    }

    /// It was asked; whether it changed the object, and whether it wants to see later changes.
    pub(super) fn was_asked(&mut self, key: String, changed: bool, if_needed: bool) {
        if changed {
            self.changed = true;
            self.changed_by_others();
        }
        if if_needed {
            self.asked.insert(key);
        }
    }

    fn changed_by_others(&mut self) {
        self.due.append(&mut self.asked);
    }
}
