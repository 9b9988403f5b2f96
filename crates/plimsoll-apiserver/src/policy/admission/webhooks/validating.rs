//! ValidatingWebhookConfigurations: all at the same time.

use std::sync::Arc;

use futures::future::join_all;

use super::{
    Hook,
    call::{Caller, Role},
    read,
};
use crate::{
    Status,
    policy::{
        View,
        admission::{Request, matching},
        cached::Cached,
    },
    resources,
};

/// The webhooks.
#[derive(Debug)]
pub(in crate::policy::admission) struct Validating {
    hooks: Cached<Vec<Arc<Hook>>>,
}

impl Default for Validating {
    fn default() -> Self {
        Self {
            hooks: Cached::of(vec![resources::VALIDATING_WEBHOOK_CONFIGURATIONS]),
        }
    }
}

impl Validating {
    /// Lets webhooks judge a request. Of several that refuse, the first by order speaks.
    pub(in crate::policy::admission) async fn validate(
        &self,
        caller: (&dyn View, &dyn super::Webhooks, &crate::Seed),
        request: &mut Request,
    ) -> Result<(), Status> {
        if matching::is_exempt(request) {
            return Ok(());
        }
        let (view, webhooks, seed) = caller;
        let caller = Caller { view, webhooks, seed };
        let hooks = self
            .hooks
            .get(view, || read(view, &resources::VALIDATING_WEBHOOK_CONFIGURATIONS));
        let mut concerned = Vec::new();
        for hook in hooks.iter() {
            if let Some(version) = hook.version(view, request)? {
                concerned.push((hook, version));
            }
        }
        let asked = concerned
            .iter()
            .map(|(hook, version)| caller.ask(hook, request, version, Role::Validating));
        let answers = join_all(asked).await;
        let mut refused = None;
        for (at, ((hook, _), answer)) in concerned.iter().zip(answers).enumerate() {
            match answer {
                Ok(answer) => {
                    request.warnings.extend(answer.warnings);
                    request.audit.extend(answer.audit);
                }
                Err(refusal) => match refusal.status(hook) {
                    Some(status) => refused = refused.or(Some(status)),
                    None => {
                        let key =
                            format!("failed-open.validating.webhook.admission.k8s.io/round_0_index_{at}");
                        request.audit.insert(key, hook.name().to_owned());
                    }
                },
            }
        }
        refused.map_or(Ok(()), Err)
    }
}
