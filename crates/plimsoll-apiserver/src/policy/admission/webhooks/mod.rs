//! Admission webhooks: who is asked, what they are told, and what their answers do.
//!
//! A webhook is reached through [`Webhooks`]: in this process that is a registry of handlers. [`call`] words what goes
//! wrong on the way as the server does.

mod answer;
mod call;
mod handlers;
mod mutating;
mod review;
mod validating;

use std::sync::Arc;

use serde_json::Value;

use super::{
    Request,
    expressions::{Conditions, Inputs, Variables, name_of},
    matching,
};
use crate::{
    GroupResource, Status,
    policy::{
        View,
        fields::{items, text},
    },
};

pub use handlers::{CallError, Endpoint, Handlers, Webhooks};
pub(super) use mutating::Mutating;
pub(super) use validating::Validating;

/// A webhook of a configuration.
#[derive(Debug)]
struct Hook {
    /// What it is known again by.
    key: String,
    /// The webhook's entry in its configuration.
    entry: Value,
    conditions: Conditions,
}

/// The webhooks of all configurations, in the order of their configurations' names.
fn read(view: &dyn View, of: &GroupResource) -> Vec<Arc<Hook>> {
    view.list(of, None)
        .iter()
        .flat_map(|configuration| {
            let key = format!("{}/{}", name_of(configuration), matching::identity(configuration));
            items(configuration, "webhooks")
                .enumerate()
                .map(move |(at, entry)| {
                    Arc::new(Hook {
                        key: format!("{key}/{at}"),
                        entry: entry.clone(),
                        conditions: Conditions::read(entry, &Variables::default(), false),
                    })
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Hook {
    fn name(&self) -> &str {
        text(&self.entry, "name")
    }

    fn ignores_failures(&self) -> bool {
        text(&self.entry, "failurePolicy") == "Ignore"
    }

    /// The version in which it wants to be asked about the request, if it does.
    ///
    /// # Errors
    /// `Forbidden` where its conditions can't be judged and it does not overlook failures.
    fn version(&self, view: &dyn View, request: &Request) -> Result<Option<String>, Status> {
        let Some(version) = matching::version(view, request, &self.entry, "rules") else {
            return Ok(None);
        };
        if self.conditions.is_empty() {
            return Ok(Some(version));
        }
        match self.conditions.hold(&Inputs::new(view, request, &version)) {
            Ok(holds) => Ok(holds.then_some(version)),
            Err(_) if self.ignores_failures() => Ok(None),
            Err(why) => Err(request.forbidden(&why)),
        }
    }
}

#[cfg(test)]
mod tests;
