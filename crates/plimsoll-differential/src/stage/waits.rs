//! Waiting for what objects come to.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api,
    core::DynamicObject,
    runtime::{WatchStreamExt, wait::await_condition, watcher},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{Stage, places::Target};
use crate::{path::at, scenario::Until};

/// How long events may take to arrive.
const EVENTS: Duration = Duration::from_secs(20);

impl Stage<'_> {
    pub(super) async fn wait(
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

    /// Makes sure that the object stays as it is for so long.
    pub(super) async fn hold(&mut self, of: &str, until: &Until, seconds: u64) {
        let target = self.target(of);
        self.head(&format!("hold {of} {} for {seconds} s", worded(until)), None);
        let broken = self.broken(target.as_ref(), until);
        let line = match timeout(Duration::from_secs(seconds), broken).await {
            Err(_) => "held".to_owned(),
            Ok(found) => format!("did not hold: {}", at(&found, &until.path)),
        };
        self.line(&line);
    }

    /// What the object is once it has come to `until`; waits for ever otherwise.
    pub(super) async fn until(&self, target: Option<&Target>, until: &Until) -> Value {
        self.observe(target, |object| meets(object, until)).await
    }

    /// What the object is once it is not `until` any more.
    async fn broken(&self, target: Option<&Target>, until: &Until) -> Value {
        self.observe(target, |object| !meets(object, until)).await
    }

    /// Waits until each of these reasons was given about an object, or for as long as that may take: an event is sent
    /// after the state that it is about, and arrives when it does.
    pub(super) async fn until_given(&self, name: &str, reasons: &[String]) {
        let api: Api<Event> = Api::namespaced(self.ground.client.clone(), self.namespace);
        let about = watcher::Config::default().fields(&format!("involvedObject.name={name}"));
        let mut events = watcher(api, about).default_backoff().applied_objects().boxed();
        let mut missing: BTreeSet<&str> = reasons.iter().map(String::as_str).collect();
        let given = async {
            while !missing.is_empty()
                && let Some(event) = events.next().await
            {
                let reason = event.ok().and_then(|event| event.reason);
                missing.remove(reason.as_deref().unwrap_or_default());
            }
        };
        // What is missing then, the transcript misses as well.
        let _late = timeout(EVENTS, given).await;
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
