//! A checkout of submissions as a registry: what is certified, and until when.
//!
//! [`Registry::read`] gathers the products; [`Filter`] chooses among them; [`stats`] counts what they name, each with
//! the line that says so. No file of a submission tells when it was merged, so dates come from a file or
//! from the history of the checkout.

mod certificate;
mod dates;
mod document;
mod entry;
mod filter;
mod mentions;
mod registry;
mod site;
mod tables;

pub use certificate::{Certificate, DateSource};
pub use dates::{Dates, DatesError};
pub use document::{REGISTRY_SCHEMA, registry_schema};
pub use entry::{ClaimEntry, Entry};
pub use filter::{Filter, FilterError, Support};
pub use mentions::{Mention, Stats, stats};
pub use registry::{Registry, RegistryError};
pub use site::{SiteError, site, write_site};
pub use tables::{expiring_table, list_table, show_text, stats_table};
