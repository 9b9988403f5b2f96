//! Probe pods: how every check asks the platform to run `plimsoll-probe`, and how it hears back.
//!
//! [`ProbePod`] and [`ProbeContainer`] write the manifest, [`Placement`] says where it may run, [`Grant`]
//! how a container asks for accelerators, and [`mod@run`] creates the pod and waits for what it reports.
//! Nothing here decides a control.

mod claim;
mod container;
mod grant;
mod manifest;
mod placement;

pub use claim::{ClaimSpec, Count, Request};
pub use container::{Privilege, ProbeContainer};
pub use grant::{ClaimSource, Grant};
pub use manifest::{ProbePod, Restart};
pub use placement::{NodeTaint, Placement};
