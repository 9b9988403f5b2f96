//! Runs a scenario on a platform and writes down what it answers.

mod answers;
mod places;
mod waits;
mod watched;

use futures::{FutureExt, future::LocalBoxFuture};
use kube::Client;
use plimsoll_platform::{ApiError, Apis, Platform};
use serde_json::json;

use self::answers::described;
use crate::{
    Scenario,
    normal::normal,
    path::at,
    scenario::{PatchKind, Step, Until},
};

/// A platform that scenarios run on.
#[derive(Clone)]
pub struct Ground {
    client: Client,
    apis: Apis,
    probe: String,
}

impl Ground {
    /// The ground of a connected platform, whose nodes have the probe's image by that name.
    ///
    /// # Errors
    /// When it can't be discovered.
    pub async fn of(platform: &Platform, probe: &str) -> Result<Self, ApiError> {
        Ok(Self {
            client: platform.client(),
            apis: platform.discover().await?,
            probe: probe.to_owned(),
        })
    }
}

/// Runs a scenario in a namespace of that name, which is created and removed, and returns its transcript.
///
/// # Errors
/// When a request gets no answer at all. What the platform refuses is part of the transcript.
pub async fn transcript(
    ground: &Ground,
    scenario: &Scenario,
    namespace: &str,
) -> Result<String, kube::Error> {
    let mut stage = Stage {
        ground,
        namespace,
        text: format!("# {}\n", scenario.shows),
        depth: 0,
    };
    stage.open(scenario).await?;
    let outcome = stage.perform(&scenario.steps).await;
    stage.close().await?;
    outcome?;
    Ok(normal(&stage.text, namespace))
}

struct Stage<'a> {
    ground: &'a Ground,
    namespace: &'a str,
    text: String,
    depth: usize,
}

impl Stage<'_> {
    async fn open(&self, scenario: &Scenario) -> Result<(), kube::Error> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": scenario.labels}});
        self.send("POST", "/api/v1/namespaces".to_owned(), Some(&object))
            .await?;
        // Pods are refused before that: no part of what scenarios are about.
        let accounts = self.target("serviceaccounts/default");
        self.until(
            accounts.as_ref(),
            &Until {
                path: "metadata.uid".to_owned(),
                is: None,
                absent: false,
                gone: false,
            },
        )
        .await;
        Ok(())
    }

    async fn close(&self) -> Result<(), kube::Error> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.send("DELETE", path, Some(&json!({"propagationPolicy": "Background"})))
            .await?;
        Ok(())
    }

    fn perform<'a>(&'a mut self, steps: &'a [Step]) -> LocalBoxFuture<'a, Result<(), kube::Error>> {
        async move {
            for step in steps {
                self.step(step).await?;
            }
            Ok(())
        }
        .boxed_local()
    }

    async fn step(&mut self, step: &Step) -> Result<(), kube::Error> {
        match step {
            Step::Create {
                object,
                show,
                query,
                user,
            } => {
                let object = self.filled(object);
                self.head(&format!("create {}", described(&object)), user.as_deref());
                let path = self.of_manifest(&object, None, query, false);
                let asked = self.asked("POST", path, Some(&object), user.as_deref());
                self.answered(asked, show).await
            }
            Step::Replace {
                object,
                show,
                subresource,
                query,
            } => {
                let mut object = self.filled(object);
                self.head(&format!("replace {}", described(&object)), None);
                let path = self.of_manifest(&object, subresource.as_deref(), query, true);
                if at(&object, "metadata.resourceVersion").is_null() {
                    let plain = path
                        .as_deref()
                        .map(|path| path.split('?').next().unwrap_or_default().to_owned());
                    let current = self
                        .asked("GET", plain, None, None)
                        .send(&self.ground.client)
                        .await?;
                    object["metadata"]["resourceVersion"] = at(&current.body, "metadata.resourceVersion");
                }
                let asked = self.asked("PUT", path, Some(&object), None);
                self.answered(asked, show).await
            }
            Step::Apply {
                object,
                manager,
                force,
                show,
            } => {
                let object = self.filled(object);
                self.head(&format!("apply {} as {manager}", described(&object)), None);
                let query = format!("fieldManager={manager}&force={force}");
                let path = self.of_manifest(&object, None, &query, true);
                let mut asked = self.asked("PATCH", path, Some(&object), None);
                asked.content_type = Some("application/apply-patch+yaml");
                self.answered(asked, show).await
            }
            Step::Patch {
                of,
                kind,
                body,
                subresource,
                show,
                query,
            } => {
                let body = self.filled(body);
                let name = match kind {
                    PatchKind::Merge => "merge",
                    PatchKind::Json => "json",
                    PatchKind::Strategic => "strategic",
                };
                self.head(&format!("patch {of} ({name})"), None);
                let path = self.of_target(of, subresource.as_deref(), query);
                let mut asked = self.asked("PATCH", path, Some(&body), None);
                asked.content_type = Some(kind.content_type());
                self.answered(asked, show).await
            }
            Step::Delete {
                of,
                options,
                query,
                user,
            } => {
                self.head(&format!("delete {of}"), user.as_deref());
                let body = (!options.is_null()).then(|| self.filled(options));
                let path = self.of_target(of, None, query);
                let asked = self.asked("DELETE", path, body.as_ref(), user.as_deref());
                self.answered(asked, &[]).await
            }
            Step::Get {
                of,
                show,
                subresource,
                query,
                user,
            } => {
                self.head(&format!("get {of}"), user.as_deref());
                let path = self.of_target(of, subresource.as_deref(), query);
                let asked = self.asked("GET", path, None, user.as_deref());
                self.answered(asked, show).await
            }
            Step::List {
                of,
                query,
                show,
                user,
            } => {
                let query = query.replace("$NS", self.namespace);
                self.head(&format!("list {of} {query}"), user.as_deref());
                let path = self.of_target(of, None, &query);
                let answer = self
                    .asked("GET", path, None, user.as_deref())
                    .send(&self.ground.client)
                    .await?;
                self.listed(&answer, show);
                Ok(())
            }
            Step::Wait {
                of,
                until,
                within,
                show,
            } => self.wait(of, until, *within, show).await,
            Step::Hold { of, until, seconds } => {
                self.hold(of, until, *seconds).await;
                Ok(())
            }
            Step::Events {
                of,
                reasons,
                messages,
            } => self.events(of, reasons, *messages).await,
            Step::Request {
                method,
                path,
                accept,
                body,
                show,
                user,
            } => {
                let path = path.replace("$NS", self.namespace);
                self.head(&format!("{method} {path}"), user.as_deref());
                let body = (!body.is_null()).then(|| self.filled(body));
                let mut asked = self.asked(method, Some(path), body.as_ref(), user.as_deref());
                asked.accept = accept.as_deref();
                self.answered(asked, show).await
            }
            Step::Watch {
                of,
                query,
                events,
                steps,
                show,
            } => self.watch(of, query, *events, steps, show).await,
        }
    }
}
