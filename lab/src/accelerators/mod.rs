//! The lab's accelerators: which ones a node has, the loop devices they are made of, and when they are ready.
//!
//! - [`request`] what is asked for on the command line;
//! - [`loop_devices`] what they are made of;
//! - [`process`] the node's process that offers them (`plimsoll-accelerator` does the work);
//! - [`ready`] when pods can have them.

pub(crate) mod loop_devices;
pub(crate) mod process;
pub(crate) mod ready;
pub(crate) mod request;
