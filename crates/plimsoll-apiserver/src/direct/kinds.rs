//! What is served, for components that deal with objects of whatever kind.

use super::Direct;
use crate::{GroupResource, catalog::Served};

/// A collection that objects can be kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The collection.
    pub of: GroupResource,
    /// The version that objects are kept in.
    pub version: String,
    /// The kind of its objects.
    pub kind: String,
    /// Whether they are in namespaces.
    pub namespaced: bool,
}

impl Kind {
    fn of(served: &Served) -> Self {
        Self {
            of: served.stored_as.clone(),
            version: served.hub.clone(),
            kind: served.kind.clone(),
            namespaced: served.namespaced,
        }
    }
}

impl Direct {
    /// Every collection, custom resources included, each once, sorted by group and plural.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let kept = |served: &Served| served.of == served.stored_as && served.is_kept();
        self.server
            .catalog()
            .iter()
            .filter(|served| kept(served))
            .map(|served| Kind::of(served))
            .collect()
    }

    /// The collection of objects of that kind, in whatever version.
    #[must_use]
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<Kind> {
        self.server
            .catalog()
            .by_kind(api_version, kind)
            .map(|served| Kind::of(served))
    }
}
