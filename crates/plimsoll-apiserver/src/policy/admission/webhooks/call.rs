//! One call of a webhook.

use std::time::Duration;

use serde_json::Value;

use super::{
    Hook,
    answer::{Answer, read},
    handlers::{CallError, Endpoint, Webhooks},
    review::review,
};
use crate::{
    Reason, Seed, Status,
    policy::{
        View,
        admission::Request,
        fields::{items, text},
        refusal,
    },
    resources,
};

/// How long a webhook may take that does not say.
const TIMEOUT_SECONDS: u64 = 10;

/// What a webhook is called with.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) view: &'a dyn View,
    pub(super) webhooks: &'a dyn Webhooks,
    pub(super) seed: &'a Seed,
}

/// Why a webhook did not let a request pass.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It could not be asked; its failure policy decides.
    Failed(String),
    /// Somebody refused the request, it or the server.
    Refused(Status),
}

impl Refusal {
    /// What the client is told, unless the failure is to be overlooked.
    pub(super) fn status(self, hook: &Hook) -> Option<Status> {
        match self {
            Self::Failed(_) if hook.ignores_failures() => None,
            Self::Failed(why) => Some(refusal::internal(&format!(
                "failed calling webhook {:?}: {why}",
                hook.name()
            ))),
            Self::Refused(status) => Some(status),
        }
    }
}

/// Whether an answer may change the object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Mutating,
    Validating,
}

impl Caller<'_> {
    /// Asks a webhook about a request in a version of its kind.
    pub(super) async fn ask(
        self,
        hook: &Hook,
        request: &Request,
        version: &str,
        role: Role,
    ) -> Result<Answer, Refusal> {
        if request.dry_run && !matches!(text(&hook.entry, "sideEffects"), "None" | "NoneOnDryRun") {
            let message = format!("admission webhook {:?} does not support dry run", hook.name());
            return Err(Refusal::Refused(Status::new(Reason::BadRequest, message)));
        }
        let spoken = items(&hook.entry, "admissionReviewVersions")
            .filter_map(Value::as_str)
            .find(|version| matches!(*version, "v1" | "v1beta1"));
        let Some(spoken) = spoken else {
            let why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
            return Err(Refusal::Failed(format!(
                "could not create admission objects: {why}"
            )));
        };
        let uid = uid(self.seed);
        let review = review(spoken, &uid, request, version);
        let seconds = hook.entry["timeoutSeconds"].as_u64().unwrap_or(TIMEOUT_SECONDS);
        let answer = self
            .post(&endpoint(&hook.entry["clientConfig"]), review, seconds)
            .await
            .map_err(|why| Refusal::Failed(format!("failed to call webhook: {why}")))?;
        read(hook.name(), answer, spoken, &uid, role)
    }

    /// Sends a review; what goes wrong is worded as the server's HTTP client does.
    async fn post(self, endpoint: &Endpoint, review: Value, seconds: u64) -> Result<Value, String> {
        let timeout = Duration::from_secs(seconds);
        let failed = |why: &str| format!("Post \"{endpoint}?timeout={seconds}s\": {why}");
        let address = self.address(endpoint).map_err(|why| failed(&why))?;
        match tokio::time::timeout(timeout, self.webhooks.call(endpoint, review, timeout)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(CallError::Unreachable(why))) => Err(failed(&format!("dial tcp {address}: {why}"))),
            Ok(Err(CallError::Nonsense(what))) => Err(what),
            Err(_) => Err(failed("context deadline exceeded")),
        }
    }

    /// The address behind an endpoint.
    fn address(self, endpoint: &Endpoint) -> Result<String, String> {
        match endpoint {
            Endpoint::Service {
                namespace,
                name,
                port,
                ..
            } => {
                let service = self
                    .view
                    .get(&resources::SERVICES, Some(namespace), name)
                    .ok_or_else(|| format!("service {name:?} not found"))?;
                match text(&service["spec"], "clusterIP") {
                    "" | "None" => Ok(format!("{name}.{namespace}.svc:{port}")),
                    ip => Ok(format!("{ip}:{port}")),
                }
            }
            Endpoint::Url(url) => {
                let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let host = host.split('/').next().unwrap_or_default();
                Ok(if host.contains(':') {
                    host.to_owned()
                } else {
                    format!("{host}:443")
                })
            }
        }
    }
}

/// Where a `clientConfig` leads.
fn endpoint(config: &Value) -> Endpoint {
    let service = &config["service"];
    if service.is_null() {
        return Endpoint::Url(text(config, "url").to_owned());
    }
    let port = service["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let path = text(service, "path");
    Endpoint::Service {
        namespace: text(service, "namespace").to_owned(),
        name: text(service, "name").to_owned(),
        port: port.unwrap_or(443),
        path: match path.starts_with('/') || path.is_empty() {
            true => path.to_owned(),
            false => format!("/{path}"),
        },
    }
}

/// What the question and its answer are known by.
fn uid(seed: &Seed) -> String {
    let (high, low) = (seed.number(), seed.number());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}
