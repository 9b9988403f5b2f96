//! What a run changes of nodes, and how that is put back whatever becomes of the run.
//!
//! A namespace of the run is made that remembers the change before it is made: whoever removes that namespace, be it the
//! check, the run's cleanup or a later [`cleanup_all`](super::cleanup_all), puts the label back first. One that somebody
//! else has set to another value meanwhile is theirs.

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::MANAGER;
use crate::platform::Platform;

/// Where a namespace remembers it.
pub(super) const ANNOTATION: &str = "plimsoll.dev/undo";

/// A label of a node that is another for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelChange {
    /// The node.
    pub node: String,
    /// The label.
    pub label: String,
    /// Its value before; none where there was no such label.
    pub before: Option<String>,
    /// The value that it is given.
    pub after: String,
}

impl LabelChange {
    /// Makes the change.
    ///
    /// # Errors
    /// When the node can't be changed.
    pub async fn make(&self, platform: &Platform) -> Result<(), kube::Error> {
        set(&Api::all(platform.client()), self, json!(self.after)).await
    }

    /// Puts the label back, unless it is another than it was given. A node that is gone has none.
    ///
    /// # Errors
    /// When the node can't be read or changed.
    pub async fn undo(&self, platform: &Platform) -> Result<(), kube::Error> {
        let api: Api<Node> = Api::all(platform.client());
        let Some(node) = api.get_opt(&self.node).await? else {
            return Ok(());
        };
        if node.labels().get(&self.label) != Some(&self.after) {
            return Ok(());
        }
        set(&api, self, json!(self.before)).await
    }
}

async fn set(api: &Api<Node>, change: &LabelChange, value: Value) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"labels": {&change.label: value}}});
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(&change.node, &params, &Patch::Merge(&patch))
        .await
        .map(drop)
}

/// What a namespace with these annotations remembers. What can't be read was not written by us.
pub(super) fn remembered(annotations: &std::collections::BTreeMap<String, String>) -> Vec<LabelChange> {
    annotations
        .get(ANNOTATION)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Undoes all of it; what could not be, and why.
pub(super) async fn undo_all(platform: &Platform, changes: &[LabelChange]) -> Result<(), String> {
    for change in changes {
        change.undo(platform).await.map_err(|error| {
            let LabelChange {
                node,
                label,
                before,
                after,
            } = change;
            let due = match before {
                Some(before) => format!("back to `{before}`"),
                None => "away".to_owned(),
            };
            format!("label {label} of node `{node}`, set to `{after}`, could not be put {due}: {error}")
        })?;
    }
    Ok(())
}
