//! What collections tell while things happen: events and watches.

use std::{collections::BTreeSet, time::Duration};

use futures::TryStreamExt;
use http::Request;
use kube::core::{DynamicObject, WatchEvent};
use serde_json::json;
use tokio::time::timeout;

use super::{Stage, answers::items};
use crate::{path::at, scenario::Step};

/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

impl Stage<'_> {
    pub(super) async fn events(
        &mut self,
        of: &str,
        reasons: &[String],
        messages: bool,
    ) -> Result<(), kube::Error> {
        self.head(&format!("events about {of}"), None);
        let name = of
            .split('/')
            .nth(1)
            .unwrap_or_default()
            .replace("$NS", self.namespace);
        self.until_given(&name, reasons).await;
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

    pub(super) async fn watch(
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
}
