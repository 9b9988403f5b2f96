//! What devices of one claim have in common, while they are being chosen.

use std::collections::BTreeSet;

use super::{
    inventory::Device,
    request::Common,
    value::{Scalar, scalars},
};

/// One constraint and the devices chosen so far that it is about.
#[derive(Debug)]
pub(super) struct Tracked<'a> {
    common: &'a Common,
    /// The values of each device, for those that must differ; what all have in common so far, for those that must
    /// agree.
    values: Vec<BTreeSet<Scalar>>,
}

impl<'a> Tracked<'a> {
    pub(super) fn new(common: &'a Common) -> Self {
        Self {
            common,
            values: Vec::new(),
        }
    }

    /// Whether it is about devices of that request and choice.
    pub(super) fn is_about(&self, request: &str, choice: Option<&str>) -> bool {
        self.common.is_about(request, choice)
    }

    /// Adds a device; false, and nothing added, where it doesn't go with the others.
    pub(super) fn add(&mut self, device: &Device) -> bool {
        let own = device
            .attribute(&self.common.attribute)
            .map(scalars)
            .unwrap_or_default();
        if own.is_empty() {
            return false;
        }
        if !self.common.is_same {
            let differs = self.values.iter().all(|other| other.is_disjoint(&own));
            if differs {
                self.values.push(own);
            }
            return differs;
        }
        let shared = match self.values.last() {
            Some(so_far) => so_far.intersection(&own).cloned().collect(),
            None => own,
        };
        let agrees = !shared.is_empty();
        if agrees {
            self.values.push(shared);
        }
        agrees
    }

    /// Takes the device that was added last away.
    pub(super) fn undo(&mut self) {
        self.values.pop();
    }
}
