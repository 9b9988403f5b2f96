//! What was done to the devices of a node, and when: what the charts are compared with. Times are milliseconds since 1970
//! by the node's own clock.

use super::{device::Held, vocabulary::Holder};

/// A load that goes on without a break, with device memory held meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steady {
    /// The device.
    pub(super) held: Held,
    /// The container that did it.
    pub(super) by: Holder,
    /// The part of the time that it worked, 0 to 1.
    pub(super) duty: f64,
    pub(super) held_bytes: u64,
    /// Where the readings before it begin.
    pub(super) idle_from: u64,
    pub(super) began: u64,
    pub(super) ended: u64,
    /// Where the readings after it end.
    pub(super) after_to: u64,
}

/// A load that comes and goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wave {
    /// How long each half is.
    pub(super) half_ms: u64,
    /// Begin of work, end of work, and end of the rest after it.
    pub(super) cycles: Vec<(u64, u64, u64)>,
}
