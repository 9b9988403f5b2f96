//! Parts of accelerators: hardware partitions and virtual functions, as a platform offers them and as pods hold them.
//!
//! [`Offer`] is what one driver or device plugin offers on one node, [`Ground`] where pods are tried on it, [`Sight`] what a
//! container sees of its part, of the device that is made of, and of other parts. Which parts overlap is read from the
//! counters that drivers publish; how large a part is, from the kernel or the device itself.

mod absence;
mod ground;
mod offer;
mod refusal;
mod sight;
mod whole;

pub(crate) use absence::none_offered;
pub(crate) use ground::{Ground, Held, Pending, slices};
pub(crate) use offer::{Kind, Offer, Unit, offers};
pub(crate) use refusal::{hand_over, hold};
pub(crate) use sight::{Sight, exclusive, gib, ids, parent_of, size};
pub(crate) use whole::whole_first;
