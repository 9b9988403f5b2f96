//! Will this workload run there?
//!
//! Data flows one way: manifests ([`read()`]) are sorted into [`Workload`]s; what each needs is derived from its objects
//! as [`Need`]s, each with its place in the manifests; a [`Platform`] is what a survey saw and what the controls of a run
//! showed; [`answer()`] matches the two. [`rows`] is the answer for programs, [`table()`] for people, [`adapted`] the
//! manifests with the changes made.
//!
//! What nobody can tell is never taken for met. Nothing here touches a cluster but [`live`], which asks one what a
//! record can't say.

mod adapt;
mod answer;
mod change;
mod devices;
pub mod document;
pub mod live;
mod need;
mod needs;
mod node;
mod platform;
mod pods;
mod read;
mod rewrite;
mod table;
mod workload;

pub use adapt::{AdaptError, Files, adapted, write};
pub use answer::{Answer, Answers, Verdict, answer};
pub use change::{Change, Edit};
pub use document::rows;
pub use need::{Fit, Need, NeedKind, Place};
pub use node::Node;
pub use platform::{Facts, Platform, PlatformError};
pub use read::{Document, Limits, Manifests, Note, ReadError, ReadFault, Source, read};
pub use table::{Colour, table};
pub use workload::{Workload, workloads};
