//! What a run may have to do on the cluster.

use plimsoll_checks::Check;
use plimsoll_platform::{EVERY_RUN, Permission};

/// What every run needs and what the given checks need beyond that.
pub fn permissions<'a>(checks: impl IntoIterator<Item = &'a &'static dyn Check>) -> Vec<Permission> {
    let own = checks
        .into_iter()
        .flat_map(|check| check.declaration().permissions);
    EVERY_RUN.iter().chain(own).cloned().collect()
}
