//! Subresources: a part of an object, or something that is done with it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Asked,
    answer::{self, Answer},
    patch,
};
use crate::{
    Reason, Status, convert, policy, resources,
    schema::{Cause, invalid},
    server::{DeleteOptions, Inner, Target, metadata, refusal, scale},
};

impl Inner {
    /// Answers a request about a subresource.
    pub(super) async fn subresource(&self, asked: &Asked) -> Result<Answer, Status> {
        let subresource = asked.path.subresource.as_str();
        if !asked.served.has_in(subresource, &asked.path.version) {
            return Ok(answer::no_such_path());
        }
        match (subresource, &asked.method) {
            ("log", &Method::GET) => self.log(asked).await,
            ("proxy", _) => self.proxy(asked).await,
            ("binding", &Method::POST) => {
                let binding = asked.value()?;
                self.post_binding(asked, &asked.path.name, &binding).await
            }
            ("eviction", &Method::POST) => self.evict(asked).await,
            ("token", &Method::POST) => self.token(asked),
            ("scale", _) => self.scale(asked).await,
            ("finalize", &Method::PUT)
            | ("status" | "ephemeralcontainers" | "resize" | "approval", &Method::PUT) => {
                self.replace(asked).await
            }
            ("status" | "ephemeralcontainers" | "resize" | "approval", &Method::PATCH) => {
                self.patch(asked).await
            }
            ("status" | "ephemeralcontainers" | "resize" | "approval", &Method::GET) => self.read(asked),
            ("exec" | "attach" | "portforward", _) => {
                Err(Status::new(Reason::BadRequest, "Upgrade request required"))
            }
            _ => Err(refusal::method_not_allowed()),
        }
    }

    /// Binds a pod as a Binding says.
    pub(super) async fn post_binding(
        &self,
        asked: &Asked,
        pod: &str,
        binding: &Value,
    ) -> Result<Answer, Status> {
        let target = &binding["target"];
        let node = target["name"].as_str().unwrap_or_default();
        if node.is_empty() || !matches!(target["kind"].as_str(), None | Some("" | "Node")) {
            return Err(refusal::invalid(
                "Binding",
                "",
                pod,
                "target.name",
                "FieldValueRequired",
                "Required value",
            ));
        }
        let pods = self
            .served(&resources::PODS)
            .ok_or_else(refusal::no_such_resource)?;
        let target = Target {
            served: pods,
            name: pod.to_owned(),
            subresource: "binding".to_owned(),
            ..asked.target()?
        };
        self.bind(&target, node, binding["metadata"]["uid"].as_str())
            .await?;
        let done =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(answer::json(StatusCode::CREATED, done.to_string()))
    }

    /// Deletes a pod if its disruption budgets have room for that.
    async fn evict(&self, asked: &Asked) -> Result<Answer, Status> {
        let eviction = asked.value()?;
        let named = eviction["metadata"]["name"].as_str().unwrap_or_default();
        if !named.is_empty() && named != asked.path.name {
            return Err(refusal::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let options = &eviction["deleteOptions"];
        let pod = self.present(asked)?.object();
        let mut target = Target {
            subresource: String::new(),
            ..asked.target()?
        };
        target.options.dry_run |= options["dryRun"]
            .as_array()
            .is_some_and(|values| !values.is_empty());
        let phase = pod["status"]["phase"].as_str().unwrap_or_default();
        let budgeted = !matches!(phase, "Pending" | "Succeeded" | "Failed") && !metadata::is_deleting(&pod);
        if budgeted {
            let budgets: Vec<_> = self
                .store
                .lock()
                .list(&resources::POD_DISRUPTION_BUDGETS, Some(&target.namespace))
                .map(|(_, item)| item.object())
                .collect();
            if let Some(write) = policy::disruption::evict(&budgets, &pod, &self.config.clock)?
                && !target.options.dry_run
            {
                self.apply_write(write);
            }
        }
        let options = DeleteOptions {
            uid: options["preconditions"]["uid"].as_str().map(str::to_owned),
            resource_version: options["preconditions"]["resourceVersion"]
                .as_str()
                .map(str::to_owned),
            propagation: None,
            grace_seconds: options["gracePeriodSeconds"].as_u64(),
        };
        self.delete(&target, &options).await?;
        let done =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(answer::json(StatusCode::CREATED, done.to_string()))
    }

    /// Hands out a token of a service account.
    fn token(&self, asked: &Asked) -> Result<Answer, Status> {
        let request = asked.value()?;
        let issued = self.tokens.issue(
            self,
            (&self.config.clock, &self.config.seed),
            &asked.path.namespace,
            &asked.path.name,
            request,
        )?;
        Ok(answer::json(StatusCode::CREATED, issued.to_string()))
    }

    /// How many replicas there are and ought to be.
    async fn scale(&self, asked: &Asked) -> Result<Answer, Status> {
        let paths = scale::Paths::of(&asked.served, &asked.path.version);
        let wanted = match asked.method {
            Method::GET => {
                let object = self.present(asked)?.object();
                let shown = convert::from_hub(&object, &asked.served.api_version(&asked.path.version));
                return Ok(answer::json(StatusCode::OK, paths.show(&shown).to_string()));
            }
            Method::PUT | Method::PATCH => asked.value()?,
            _ => return Err(refusal::method_not_allowed()),
        };
        let kind = (asked.method == Method::PATCH)
            .then(|| asked.patch_kind())
            .transpose()?;
        let target = Target {
            subresource: String::new(),
            ..asked.target()?
        };
        let api_version = asked.served.api_version(&asked.path.version);
        let stored = self
            .change(&target, |current| {
                let mut object = convert::from_hub(current, &api_version);
                let scale = match kind {
                    Some(kind) => patch::patched(kind, None, &paths.show(&object), &wanted)?,
                    None => wanted.clone(),
                };
                let version = metadata::text(&scale, "resourceVersion").to_owned();
                if !version.is_empty() && version != metadata::text(&object, "resourceVersion") {
                    return Err(refusal::modified(&target.served.of, &target.name));
                }
                if asked.served.custom.is_none()
                    && let Some(replicas) = scale["spec"]["replicas"]
                        .as_i64()
                        .filter(|replicas| *replicas < 0)
                {
                    let why = "must be greater than or equal to 0";
                    let cause = Cause::invalid("spec.replicas", &replicas.into(), why);
                    return Err(invalid("autoscaling", "Scale", &asked.path.name, &[cause]));
                }
                paths.set(&mut object, &scale)?;
                self.decode(&target, object)
            })
            .await?;
        let shown = convert::from_hub(&stored, &api_version);
        Ok(answer::json(StatusCode::OK, paths.show(&shown).to_string()))
    }
}
