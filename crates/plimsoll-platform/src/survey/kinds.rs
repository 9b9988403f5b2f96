//! The kinds that every survey reads.

use kube::core::{ApiResource, GroupVersionKind};

/// A kind of the core group.
pub(super) fn core(kind: &str, plural: &str) -> ApiResource {
    of("", "v1", kind, plural)
}

/// A kind of a group whose version is settled.
pub(super) fn of(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
