//! What a run may have to do on the cluster.

use plimsoll_checks::Check;
use plimsoll_platform::Permission;

/// What every run needs, whatever is checked (see `plimsoll permissions`).
#[must_use]
pub fn base_permissions() -> &'static [Permission] {
    plimsoll_platform::BASE_PERMISSIONS
}

/// What the given checks need beyond that.
#[must_use]
pub fn permissions_of(checks: &[&'static dyn Check]) -> Vec<Permission> {
    checks.iter().flat_map(|check| check.declaration().permissions.iter().cloned()).collect()
}
