//! Runs a scenario on a platform and writes down what it answers.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use futures::{FutureExt, TryStreamExt, future::LocalBoxFuture};
use http::Request;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, WatchEvent},
    runtime::wait::await_condition,
};
use plimsoll_platform::{ApiError, Apis, Platform};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Scenario,
    normal::normal,
    path::at,
    request::{Answer, Asked},
    scenario::{PatchKind, Step, Until},
};

/// How long anything may take that is no wait.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// A collection, or an object in it.
struct Target {
    resource: ApiResource,
    namespaced: bool,
    name: Option<String>,
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
                let target = self.target(of);
                self.head(&format!("hold {of} {} for {seconds} s", worded(until)), None);
                let broken = self.broken(target.as_ref(), until);
                let line = match timeout(Duration::from_secs(*seconds), broken).await {
                    Err(_) => "held".to_owned(),
                    Ok(found) => format!("did not hold: {}", at(&found, &until.path)),
                };
                self.line(&line);
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

    async fn wait(
        &mut self,
        of: &str,
        until: &Until,
        within: u64,
        show: &[String],
    ) -> Result<(), kube::Error> {
        let target = self.target(of);
        self.head(&format!("wait for {of} {}", worded(until)), None);
        let came = timeout(Duration::from_secs(within), self.until(target.as_ref(), until)).await;
        match came {
            Ok(object) => {
                self.line("so it is");
                self.show(&object, show);
            }
            Err(_) => {
                let path = self.of_target(of, None, "");
                let answer = self
                    .asked("GET", path, None, None)
                    .send(&self.ground.client)
                    .await?;
                let found = at(&answer.body, &until.path);
                self.line(&format!("not within {within} s: {found}"));
            }
        }
        Ok(())
    }

    /// What the object is once it has come to `until`; waits for ever otherwise.
    async fn until(&self, target: Option<&Target>, until: &Until) -> Value {
        self.observe(target, |object| meets(object, until)).await
    }

    /// What the object is once it is not `until` any more.
    async fn broken(&self, target: Option<&Target>, until: &Until) -> Value {
        self.observe(target, |object| !meets(object, until)).await
    }

    async fn observe(&self, target: Option<&Target>, met: impl Fn(Option<&Value>) -> bool) -> Value {
        let Some(Target {
            resource,
            namespaced,
            name: Some(name),
        }) = target
        else {
            return std::future::pending().await;
        };
        let api: Api<DynamicObject> = if *namespaced {
            Api::namespaced_with(self.ground.client.clone(), self.namespace, resource)
        } else {
            Api::all_with(self.ground.client.clone(), resource)
        };
        loop {
            let condition = |object: Option<&DynamicObject>| {
                let value = object.and_then(|object| serde_json::to_value(object).ok());
                met(value.as_ref())
            };
            // A watch that is lost is begun again; the caller's patience ends it.
            if let Ok(object) = await_condition(api.clone(), name, condition).await {
                return object
                    .and_then(|object| serde_json::to_value(object).ok())
                    .unwrap_or_default();
            }
        }
    }

    async fn events(&mut self, of: &str, reasons: &[String], messages: bool) -> Result<(), kube::Error> {
        self.head(&format!("events about {of}"), None);
        let name = of
            .split('/')
            .nth(1)
            .unwrap_or_default()
            .replace("$NS", self.namespace);
        let path = format!(
            "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.name%3D{name}",
            self.namespace
        );
        let answer = self
            .asked("GET", Some(path), None, None)
            .send(&self.ground.client)
            .await?;
        let lines: BTreeSet<String> = items(&answer.body)
            .filter(|event| {
                let reason = event["reason"].as_str().unwrap_or_default();
                reasons.is_empty() || reasons.iter().any(|wanted| wanted == reason)
            })
            .map(|event| {
                let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                if messages {
                    format!("{} {}: {}", text("type"), text("reason"), text("message"))
                } else {
                    format!("{} {}", text("type"), text("reason"))
                }
            })
            .collect();
        for line in lines {
            self.line(&line);
        }
        Ok(())
    }

    async fn watch(
        &mut self,
        of: &str,
        query: &str,
        count: usize,
        steps: &[Step],
        show: &[String],
    ) -> Result<(), kube::Error> {
        let query = query.replace("$NS", self.namespace);
        self.head(&format!("watch {of} {query}"), None);
        let list = self.of_target(of, None, "limit=1");
        let listed = self
            .asked("GET", list, None, None)
            .send(&self.ground.client)
            .await?;
        let version = at(&listed.body, "metadata.resourceVersion");
        let from = if query.contains("resourceVersion=") || query.contains("sendInitialEvents") {
            String::new()
        } else {
            format!("&resourceVersion={}", version.as_str().unwrap_or_default())
        };
        let path = self.of_target(of, None, &format!("watch=true{from}&{query}"));
        let request = Request::get(path.unwrap_or_default())
            .body(Vec::new())
            .map_err(kube::Error::HttpError)?;
        let stream = self.ground.client.request_events::<DynamicObject>(request).await;
        let stream = match stream {
            Ok(stream) => stream,
            Err(kube::Error::Api(status)) => {
                self.line(&format!("{} {}: {}", status.code, status.reason, status.message));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.depth += 1;
        self.perform(steps).await?;
        self.depth -= 1;
        let mut stream = std::pin::pin!(stream);
        let mut came = 0;
        while came < count {
            let event = match timeout(PATIENCE, stream.try_next()).await {
                Ok(Ok(Some(event))) => event,
                Ok(Ok(None)) => {
                    self.line("the watch ended");
                    break;
                }
                Ok(Err(error)) => {
                    self.line(&format!("the watch failed: {error}"));
                    break;
                }
                Err(_) => {
                    self.line(&format!("{came} events only"));
                    break;
                }
            };
            came += 1;
            let (kind, object) = match event {
                WatchEvent::Added(object) => ("ADDED", Some(object)),
                WatchEvent::Modified(object) => ("MODIFIED", Some(object)),
                WatchEvent::Deleted(object) => ("DELETED", Some(object)),
                WatchEvent::Bookmark(bookmark) => {
                    let annotations = json!(bookmark.metadata.annotations);
                    self.line(&format!("BOOKMARK {annotations}"));
                    continue;
                }
                WatchEvent::Error(status) => {
                    self.line(&format!("ERROR {} {}", status.code, status.reason));
                    continue;
                }
            };
            let object = object
                .and_then(|object| serde_json::to_value(object).ok())
                .unwrap_or_default();
            let name = at(&object, "metadata.name");
            self.line(&format!("{kind} {}", name.as_str().unwrap_or_default()));
            self.show(&object, show);
        }
        Ok(())
    }

    fn asked<'b>(
        &self,
        method: &'b str,
        path: Option<String>,
        body: Option<&Value>,
        user: Option<&'b str>,
    ) -> Asked<'b> {
        Asked {
            method,
            // A kind that is not served is asked for all the same: its refusal is the transcript.
            path: path.unwrap_or_else(|| "/apis/not.served/v1/nothing".to_owned()),
            body: body.map(|body| body.to_string().into_bytes()),
            user,
            ..Asked::default()
        }
    }

    async fn send(&self, method: &str, path: String, body: Option<&Value>) -> Result<Answer, kube::Error> {
        self.asked(method, Some(path), body, None)
            .send(&self.ground.client)
            .await
    }

    async fn answered(&mut self, asked: Asked<'_>, show: &[String]) -> Result<(), kube::Error> {
        let answer = asked.send(&self.ground.client).await?;
        self.code(&answer);
        if answer.code < 300 {
            self.show(&answer.body, show);
        }
        Ok(())
    }

    fn listed(&mut self, answer: &Answer, show: &[String]) {
        self.code(answer);
        if answer.code >= 300 {
            return;
        }
        let more = !at(&answer.body, "metadata.continue").is_null()
            && at(&answer.body, "metadata.continue") != json!("");
        let objects: Vec<Value> = items(&answer.body).cloned().collect();
        for object in &objects {
            let name = at(object, "metadata.name");
            self.line(name.as_str().unwrap_or_default());
            self.show(object, show);
        }
        if more {
            let remaining = at(&answer.body, "metadata.remainingItemCount");
            self.line(&format!("and more: {remaining}"));
        }
    }

    fn code(&mut self, answer: &Answer) {
        for warning in &answer.warnings {
            self.line(&format!("warning: {warning}"));
        }
        if answer.code < 300 {
            self.line(&answer.code.to_string());
        } else {
            let text = |path: &str| at(&answer.body, path);
            self.line(&format!(
                "{} {}: {}",
                answer.code,
                text("reason").as_str().unwrap_or_default(),
                text("message").as_str().unwrap_or_default()
            ));
            let causes = text("details.causes");
            for cause in causes.as_array().into_iter().flatten() {
                let field = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
                self.line(&format!(
                    "  {} {}: {}",
                    field("reason"),
                    field("field"),
                    field("message")
                ));
            }
        }
    }

    fn show(&mut self, object: &Value, show: &[String]) {
        for path in show {
            self.line(&format!("  {path} = {}", at(object, path)));
        }
    }

    fn head(&mut self, what: &str, user: Option<&str>) {
        let indent = "  ".repeat(self.depth);
        let by = user.map(|user| format!(" by {user}")).unwrap_or_default();
        let what = what.trim_end();
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{indent}> {what}{by}");
    }

    fn line(&mut self, line: &str) {
        let indent = "  ".repeat(self.depth + 1);
        let _ = writeln!(self.text, "{indent}{line}");
    }

    fn filled(&self, value: &Value) -> Value {
        let text = value
            .to_string()
            .replace("$NS", self.namespace)
            .replace("$PROBE", &self.ground.probe);
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn target(&self, of: &str) -> Option<Target> {
        let (collection, name) = match of.split_once('/') {
            Some((collection, name)) => (collection, Some(name.replace("$NS", self.namespace))),
            None => (of, None),
        };
        let (plural, group) = collection.split_once('.').unwrap_or((collection, ""));
        let (resource, namespaced) = self.ground.apis.plural(group, plural)?;
        Some(Target {
            resource,
            namespaced,
            name,
        })
    }

    fn of_target(&self, of: &str, subresource: Option<&str>, query: &str) -> Option<String> {
        let target = self.target(of)?;
        Some(self.path(
            &target.resource,
            target.namespaced,
            target.name.as_deref(),
            subresource,
            query,
        ))
    }

    fn of_manifest(
        &self,
        object: &Value,
        subresource: Option<&str>,
        query: &str,
        named: bool,
    ) -> Option<String> {
        let text = |path: &str| at(object, path).as_str().map(str::to_owned);
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        let resource = self.ground.apis.named(&version, &kind)?;
        let namespaced = self.ground.apis.is_namespaced(&version, &kind)?;
        let name = if named { text("metadata.name") } else { None };
        Some(self.path(&resource, namespaced, name.as_deref(), subresource, query))
    }

    fn path(
        &self,
        resource: &ApiResource,
        namespaced: bool,
        name: Option<&str>,
        subresource: Option<&str>,
        query: &str,
    ) -> String {
        let mut path = if resource.group.is_empty() {
            "/api/"
        } else {
            "/apis/"
        }
        .to_owned();
        path.push_str(&resource.api_version);
        if namespaced {
            path.push_str("/namespaces/");
            path.push_str(self.namespace);
        }
        for part in [Some(resource.plural.as_str()), name, subresource]
            .into_iter()
            .flatten()
        {
            path.push('/');
            path.push_str(part);
        }
        if !query.is_empty() {
            path.push('?');
            path.push_str(query);
        }
        path
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn described(object: &Value) -> String {
    let text = |path: &str| at(object, path).as_str().unwrap_or_default().to_owned();
    format!(
        "{} {}{}",
        text("kind"),
        text("metadata.name"),
        text("metadata.generateName")
    )
}

fn meets(object: Option<&Value>, until: &Until) -> bool {
    let Some(object) = object else { return until.gone };
    if until.gone {
        return false;
    }
    let found = at(object, &until.path);
    match &until.is {
        Some(wanted) => found == *wanted,
        None => found.is_null() == until.absent,
    }
}

fn worded(until: &Until) -> String {
    match until {
        Until { gone: true, .. } => "gone".to_owned(),
        Until {
            path,
            is: Some(wanted),
            ..
        } => format!("{path} = {wanted}"),
        Until {
            path, absent: true, ..
        } => format!("without {path}"),
        Until { path, .. } => format!("with {path}"),
    }
}
