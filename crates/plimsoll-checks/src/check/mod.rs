//! What a check is, what it declares, and what it is given.

mod context;
mod declaration;
mod disruption;
mod patience;

use async_trait::async_trait;

pub use context::{Context, Probe, Sink, Trial};
pub use declaration::{ControlSpec, Declaration, Need};
pub(crate) use declaration::{optional, required};
pub use disruption::Disruption;
pub use patience::Patience;

/// The procedure that decides one requirement.
///
/// Its future is not `Send`: all checks of a run share one task, since their work is waiting.
#[async_trait(?Send)]
#[diagnostic::on_unimplemented(
    note = "a check declares its facts once and runs its controls through the `Context`"
)]
pub trait Check: Send + Sync {
    /// Everything that is known of the check without running it.
    fn declaration(&self) -> &'static Declaration;

    /// Runs the controls and reports each through `context`.
    ///
    /// # Errors
    /// When the check can't go on for a reason that is not the platform's fault; the requirement is then
    /// inconclusive, with the error's chain as the reason.
    async fn run(&self, context: &Context) -> Result<Conclusion, CheckError>;
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The controls that were reported decide.
    Controls,
    /// What the check is about can't exist here, so there is nothing to prove: what the platform has by its own
    /// statement, never what nobody got round to try.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// There was nothing to try; what would prove the requirement.
    Absent {
        /// Why, and what would prove it.
        reason: String,
    },
}

/// Why a check could not go on.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A wait did not end well, and the platform is not to blame.
    #[error("could not wait for {on}")]
    Wait {
        /// What was waited for.
        on: String,
        /// Why it ended.
        #[source]
        source: plimsoll_platform::WaitError,
    },
    /// An object could not be created.
    #[error(transparent)]
    Create(#[from] plimsoll_platform::CreateError),
    /// The API server could not be asked.
    #[error("could not {what}")]
    Api {
        /// What was attempted.
        what: String,
        /// The API's answer.
        #[source]
        source: kube::Error,
    },
    /// The platform doesn't have what the check needs at present.
    #[error("{0}")]
    Lacking(String),
}
