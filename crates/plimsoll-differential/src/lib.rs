//! The same scenarios on real Kubernetes and on the simulated platform.
//!
//! A [`Scenario`] is a file of steps; running it on a platform gives a transcript: what each step answered, with what
//! differs from run to run (uids, times, addresses) taken out. Transcripts of a real Kubernetes are kept beside the
//! scenarios. A simulated platform whose transcript differs lies.

mod all;
mod normal;
mod path;
mod request;
mod scenario;
mod stage;

pub use all::{Difference, SCENARIOS, compare, file, perform, recorded};
pub use scenario::{Scenario, ScenarioError};
pub use stage::{Ground, transcript};
