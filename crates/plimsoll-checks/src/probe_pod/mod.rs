//! Probe pods: how every check asks the platform to run `plimsoll-probe`, and how it hears back.
//!
//! [`ProbePod`] and [`ProbeContainer`] write the manifest, [`Placement`] says where it may run, [`Grant`]
//! how a container asks for accelerators and [`ClaimSpec`] what a claim asks for. [`holdings`] and
//! [`trespasses`] read what a probe reported of its container, and a [`Ruling`] is what a check makes of it.

mod claim;
mod container;
mod crew;
mod grant;
mod holding;
mod life;
mod look;
mod manifest;
mod placement;
mod preparation;
mod promised;
mod published;
mod roster;
mod ruling;
mod survival;

pub use claim::{ClaimSpec, Count, Request};
pub use container::{Privilege, ProbeContainer};
pub(crate) use crew::{Crew, Member, slowest};
pub use grant::{ClaimSource, Grant};
pub use holding::{Holding, holdings, shown, trespasses};
pub use life::{LivePod, RemoveError, unmet};
pub use look::Look;
pub use manifest::{ProbePod, Restart};
pub use placement::Placement;
pub use plimsoll_platform::chain;
pub(crate) use preparation::{Prepared, unless_unprepared};
pub use promised::{Promised, delivered};
pub(crate) use published::{
    PCI, claim_of, identities, pci_addresses, promised, read_claim, read_slice, uuid,
};
pub use roster::Roster;
pub use ruling::Ruling;
pub(crate) use survival::goes_on;
