//! MutatingWebhookConfigurations: one webhook after the other, each seeing what those before it changed.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Hook,
    call::{Caller, Role},
    read,
};
use crate::{
    Status, convert,
    policy::{
        View,
        admission::{Request, expressions::versioned, matching, reinvocation::Rounds},
        cached::Cached,
        fields::text,
        refusal,
    },
    resources,
    schema::{FieldValidation, Schema},
};

/// The webhooks.
#[derive(Debug)]
pub(in crate::policy::admission) struct Mutating {
    minor: u32,
    hooks: Cached<Vec<Arc<Hook>>>,
}

impl Mutating {
    pub(in crate::policy::admission) fn new(minor: u32) -> Self {
        Self {
            minor,
            hooks: Cached::of(vec![resources::MUTATING_WEBHOOK_CONFIGURATIONS]),
        }
    }

    /// Lets webhooks change what a request brings.
    pub(in crate::policy::admission) async fn mutate(
        &self,
        caller: (&dyn View, &dyn super::Webhooks, &crate::Seed),
        request: &mut Request,
        rounds: &mut Rounds,
    ) -> Result<(), Status> {
        if matching::is_exempt(request) {
            return Ok(());
        }
        let (view, webhooks, seed) = caller;
        let caller = Caller { view, webhooks, seed };
        let hooks = self
            .hooks
            .get(view, || read(view, &resources::MUTATING_WEBHOOK_CONFIGURATIONS));
        rounds.begin(request.object.as_ref());
        for (at, hook) in hooks.iter().enumerate() {
            let Some(version) = hook.version(view, request)? else {
                continue;
            };
            if !rounds.is_due(&hook.key) {
                continue;
            }
            let before = request.object.clone();
            let asked = caller.ask(hook, request, &version, Role::Mutating).await;
            match asked {
                Ok(answer) => {
                    request.warnings.extend(answer.warnings);
                    request.audit.extend(answer.audit);
                    let schema = view.schema(&request.of, &version);
                    self.apply(hook, request, &version, schema, answer.patch)?;
                }
                Err(refused) => {
                    if let Some(status) = refused.status(hook) {
                        return Err(status);
                    }
                    let round = u8::from(rounds.again);
                    let key =
                        format!("failed-open.mutation.webhook.admission.k8s.io/round_{round}_index_{at}");
                    request.audit.insert(key, hook.name().to_owned());
                }
            }
            let if_needed = text(&hook.entry, "reinvocationPolicy") == "IfNeeded";
            rounds.was_asked(hook.key.clone(), request.object != before, if_needed);
        }
        rounds.end(request.object.as_ref());
        Ok(())
    }

    /// Applies a webhook's patch to the object in the version that the webhook was shown.
    fn apply(
        &self,
        hook: &Hook,
        request: &mut Request,
        version: &str,
        schema: Option<Schema>,
        patch: Value,
    ) -> Result<(), Status> {
        if patch.as_array().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        let Some(before) = request.object.as_ref() else {
            return Err(refusal::internal(&format!(
                "admission webhook {:?} attempted to modify the object, which is not supported for this operation",
                hook.name()
            )));
        };
        let mut object = versioned(before, request, version);
        let patch: json_patch::Patch =
            serde_json::from_value(patch).map_err(|error| refusal::internal(&error.to_string()))?;
        json_patch::patch(&mut object, &patch).map_err(|error| refusal::internal(&error.to_string()))?;
        let api_version = text(&object, "apiVersion").to_owned();
        let builtin = || Schema::builtin(self.minor, &api_version, &request.kind);
        if let Some(schema) = schema.or_else(builtin) {
            schema
                .decode(&mut object, FieldValidation::Ignore, &[])
                .map_err(|status| refusal::internal(&status.message))?;
            schema.default(&mut object);
        }
        let mut after = convert::to_hub(object);
        after["apiVersion"] = before["apiVersion"].clone();
        request.object = Some(after);
        Ok(())
    }
}
