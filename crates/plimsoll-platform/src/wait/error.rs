//! How a wait can end without its condition.

use std::time::Duration;

use super::Deadline;

/// Why a wait ended without its condition.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("waited {} s for {on} ({}): {last}", .waited.as_secs(), .deadline.name)]
    Elapsed {
        /// What was waited for.
        on: String,
        /// The deadline.
        deadline: Deadline,
        /// How long it was waited.
        waited: Duration,
        /// What was missing last.
        last: String,
        /// Set when the API could not be read at the end, so that nobody knows how things stand.
        #[source]
        api: Option<Box<kube::Error>>,
    },
    /// The platform can't come to it any more.
    #[error("{0}")]
    Never(String),
    /// Something that is not the platform's doing under test is in the way.
    #[error("{0}")]
    Obstructed(String),
    /// What had to hold did not.
    #[error("{0}")]
    Broken(String),
    /// The API refused or failed.
    #[error("could not watch {on}")]
    Api {
        /// What was watched.
        on: String,
        /// The API's answer.
        #[source]
        source: kube::Error,
    },
}

impl WaitError {
    /// Whether the platform had its chance and did not do what was waited for. Otherwise it can't be told.
    #[must_use]
    pub fn blames_platform(&self) -> bool {
        match self {
            Self::Never(_) | Self::Broken(_) => true,
            Self::Elapsed { api, .. } => api.is_none(),
            Self::Obstructed(_) | Self::Api { .. } => false,
        }
    }
}

/// Whether trying again won't help: the answer is about us or about the kind, not about the moment.
pub(crate) fn is_final(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 400 | 401 | 403 | 404 | 405 | 406 | 415 | 422),
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) | kube::Error::Auth(_) => true,
        _ => false,
    }
}

/// What a request that was given up is reported as.
pub(crate) fn silent() -> kube::Error {
    kube::Error::Service("the API server does not answer".into())
}
