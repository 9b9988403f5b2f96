//! What disturbs the platform beyond the run's own objects: whether it may, and that it does not beside what it would
//! make look right.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Whether controls may disturb the platform, and when. Clones share it.
///
/// A plugin that is restarted or a label that changes wakes whoever waits for room, also where the platform forgets to:
/// who tries that is undisturbed meanwhile.
///
/// # Caveats
/// Whoever has begun, or is undisturbed, must not wait for accelerators of the budget: others may hold them and wait
/// for their turn here.
#[derive(Clone, Debug, Default)]
pub struct Disruption {
    allowed: bool,
    turn: Arc<RwLock<()>>,
}

impl Disruption {
    /// One for a run in which controls may disturb the platform, or may not.
    #[must_use]
    pub fn new(allowed: bool) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// Whether controls may disturb the platform. Where they may not, they are told by
    /// [`Trial::not_run`](super::Trial::not_run).
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Waits until nobody needs to be undisturbed; then nobody is until the answer is dropped.
    pub async fn begin(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.turn).write_owned().await
    }

    /// Waits until nobody disturbs the platform; then nobody does until the answer is dropped.
    pub async fn undisturbed(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.turn).read_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn it_begins_when_nobody_needs_to_be_undisturbed() {
        let disruption = Disruption::new(true);
        let other = disruption.clone();
        let undisturbed =
            [disruption.undisturbed(), other.undisturbed()].map(|turn| turn.now_or_never().unwrap());
        assert!(disruption.begin().now_or_never().is_none());
        drop(undisturbed);
        let begun = other.begin().now_or_never().unwrap();
        assert!(disruption.undisturbed().now_or_never().is_none());
        drop(begun);
        assert!(disruption.undisturbed().now_or_never().is_some());
    }
}
