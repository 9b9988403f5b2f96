//! What is made of whole collections, kept as long as they stay the same.

use std::sync::{Arc, Mutex, PoisonError};

use super::View;
use crate::GroupResource;

/// Something made of the present state of some collections.
#[derive(Debug)]
pub(super) struct Cached<T> {
    of: Vec<GroupResource>,
    made: Mutex<Option<(Vec<u64>, Arc<T>)>>,
}

impl<T> Cached<T> {
    /// Nothing yet, of those collections.
    pub(super) fn of(of: Vec<GroupResource>) -> Self {
        Self {
            of,
            made: Mutex::new(None),
        }
    }

    /// What is made of them as they are now.
    pub(super) fn get(&self, view: &dyn View, make: impl FnOnce() -> T) -> Arc<T> {
        let versions: Vec<u64> = self.of.iter().map(|of| view.version(of)).collect();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some((own, made)) if *own == versions => made.clone(),
            _ => {
                let new = Arc::new(make());
                *made = Some((versions, new.clone()));
                new
            }
        }
    }
}
