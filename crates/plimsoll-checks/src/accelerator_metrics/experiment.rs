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
    /// The part of the time that it truly worked, 0 to 1, as its own container saw it: what was asked for until then, and
    /// less where the machine's processors were busy with something else.
    pub(super) duty: f64,
    pub(super) held_bytes: u64,
    /// Where the readings before it begin.
    pub(super) idle_from: u64,
    /// Where they end: before anybody prepared the device, which may be work for it.
    pub(super) idle_to: u64,
    pub(super) began: u64,
    pub(super) ended: u64,
    /// Where the readings after it end.
    pub(super) after_to: u64,
}

/// A load that comes and goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wave {
    /// How long each half is.
    pub(super) half_ms: u64,
    /// The part of each half with work that was truly worked, 0 to 1; of the half with the least.
    pub(super) duty: f64,
    /// Begin of work, end of work, and end of the rest after it.
    pub(super) cycles: Vec<(u64, u64, u64)>,
}
