//! Says of validating admission policies which of their generations was looked at.
//!
//! The real controller checks the types of their expressions, too; here expressions have none.

use plimsoll_apiserver::{Change, Direct, resources};
use serde_json::json;

use super::{
    facts::meta::{self, Key},
    status_of,
    work::{Next, Reconcile, Watched, drive},
};
use crate::{Faults, platform::Latencies};

/// Runs it.
pub(crate) async fn run(api: Direct, latencies: Latencies, _faults: Faults) {
    drive(&api, latencies, Policies { api: api.clone() }).await;
}

struct Policies {
    api: Direct,
}

impl Reconcile for Policies {
    type Key = Key;

    fn watches(&self) -> Watched {
        Watched::Only(vec![resources::VALIDATING_ADMISSION_POLICIES])
    }

    fn concerned(&mut self, change: &Change, look_at: &mut dyn FnMut(Key)) {
        let policy = change.object();
        let seen = &policy["status"]["observedGeneration"];
        if !matches!(change, Change::Deleted(..)) && *seen != meta::generation(policy) {
            look_at(Key::of(policy));
        }
    }

    async fn reconcile(&mut self, policy: &Key) -> Next {
        let of = &resources::VALIDATING_ADMISSION_POLICIES;
        let written = status_of(&self.api, of, policy, |policy| {
            policy["status"] = json!({"observedGeneration": meta::generation(policy), "typeChecking": {}});
        });
        match written.await {
            Ok(()) => Next::Done,
            Err(refusal) => refusal.into(),
        }
    }
}
