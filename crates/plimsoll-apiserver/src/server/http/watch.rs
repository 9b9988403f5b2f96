//! Watches: changes as they happen, a line of JSON each.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Asked,
    accept::Form,
    answer::{self, Answer},
    present::Presentation,
};
use crate::{
    Body, Reason, Status,
    catalog::Served,
    server::{Inner, refusal, selector::Selectors},
    store::{Item, Record, Store, Subscription, What},
};

/// How often a watcher that wants bookmarks gets one.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// How long a watch goes on that says nothing of it.
const LONGEST: Duration = Duration::from_secs(45 * 60);

/// What is to be told, and how.
struct Subject {
    store: Store,
    served: Arc<Served>,
    version: String,
    form: Form,
    include: String,
    namespace: String,
    name: String,
    selectors: Selectors,
    clock: crate::Clock,
}

/// The lines of a watch.
struct Lines {
    subject: Subject,
    /// What was there when it began.
    present: VecDeque<Arc<Item>>,
    /// The version at which that was all, if it is to be told.
    presented: Option<u64>,
    /// What happened before it began.
    replayed: VecDeque<Arc<Record>>,
    changes: Subscription,
    end: BoxFuture<'static, ()>,
    bookmark: Option<BoxFuture<'static, ()>>,
    failed: Option<Status>,
}

impl Inner {
    /// Answers a watch.
    pub(super) fn watch(&self, asked: &Asked) -> Result<Answer, Status> {
        let query = &asked.query;
        let bookmarks = query.flag("allowWatchBookmarks");
        let initial = initial_events(asked)?;
        let from = match query.text("resourceVersion") {
            "" | "0" => None,
            text => Some(text.parse::<u64>().map_err(|_| {
                refusal::bad_request(format!(
                    "Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
                ))
            })?),
        };
        let subject = Subject {
            store: self.store.clone(),
            served: Arc::clone(&asked.served),
            version: asked.path.version.clone(),
            form: asked.form,
            include: query.text("includeObject").to_owned(),
            namespace: asked.path.namespace.clone(),
            name: asked.path.name.clone(),
            selectors: asked.selectors()?,
            clock: self.config.clock,
        };
        let timeout = query
            .number::<u64>("timeoutSeconds")?
            .filter(|seconds| *seconds > 0);
        let of = &asked.served.stored_as;
        let mut state = self.store.lock();
        let mut failed = None;
        let mut present = VecDeque::new();
        let mut replayed = VecDeque::new();
        if initial.unwrap_or(from.is_none()) {
            let namespace = Some(subject.namespace.as_str()).filter(|namespace| !namespace.is_empty());
            present.extend(state.list(of, namespace).map(|(_, item)| Arc::clone(item)));
        } else if let Some(from) = from {
            match state.since(of, from) {
                Ok(records) => replayed.extend(records),
                Err(oldest) => {
                    failed = Some(Status::new(
                        Reason::Expired,
                        format!("too old resource version: {from} ({oldest})"),
                    ));
                }
            }
        }
        let lines = Lines {
            present,
            presented: (initial == Some(true) && bookmarks).then(|| state.version()),
            replayed,
            changes: state.watch(of),
            end: crate::elapse(timeout.map_or(LONGEST, Duration::from_secs)).boxed(),
            bookmark: bookmarks.then(|| crate::elapse(BOOKMARKS).boxed()),
            failed,
            subject,
        };
        drop(state);
        let mut answer = answer::json(StatusCode::OK, "");
        *answer.body_mut() = Body::pieces(lines);
        Ok(answer)
    }
}

/// Whether present objects come first, if the request says so.
fn initial_events(asked: &Asked) -> Result<Option<bool>, Status> {
    let query = &asked.query;
    let forbidden = |field: &str, why: &str| {
        let message = format!("Forbidden: {why}");
        refusal::invalid(
            "ListOptions",
            "meta.k8s.io",
            "",
            field,
            "FieldValueForbidden",
            &message,
        )
    };
    let matching = query.text("resourceVersionMatch");
    if query.text("sendInitialEvents").is_empty() {
        return match matching {
            "" => Ok(None),
            _ => Err(forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )),
        };
    }
    if matching != "NotOlderThan" {
        return Err(forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    Ok(Some(query.flag("sendInitialEvents")))
}

impl Stream for Lines {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let lines = &mut *self;
        if let Some(status) = lines.failed.take() {
            // Nothing follows an error.
            lines.changes.close();
            lines.end = futures::future::ready(()).boxed();
            return Poll::Ready(Some(line("ERROR", &status.to_json().to_string())));
        }
        while let Some(item) = lines.present.pop_front() {
            let object = item.object();
            if lines.subject.is_about(&object) {
                return Poll::Ready(Some(line("ADDED", &lines.subject.show(&item))));
            }
        }
        if let Some(version) = lines.presented.take() {
            return Poll::Ready(Some(lines.subject.bookmark(version, true)));
        }
        while let Some(record) = lines.replayed.pop_front() {
            if let Some(line) = lines.subject.tell(&record) {
                return Poll::Ready(Some(line));
            }
        }
        loop {
            match lines.changes.poll_next_unpin(context) {
                Poll::Ready(Some(record)) => {
                    if let Some(line) = lines.subject.tell(&record) {
                        return Poll::Ready(Some(line));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        if lines.end.poll_unpin(context).is_ready() {
            lines.changes.close();
            lines.end = futures::future::ready(()).boxed();
            return Poll::Ready(None);
        }
        if let Some(bookmark) = &mut lines.bookmark
            && bookmark.poll_unpin(context).is_ready()
        {
            lines.bookmark = Some(crate::elapse(BOOKMARKS).boxed());
            // Everything up to here has been told.
            let version = lines.subject.store.lock().version();
            context.waker().wake_by_ref();
            return Poll::Ready(Some(lines.subject.bookmark(version, false)));
        }
        Poll::Pending
    }
}

impl Subject {
    fn is_about(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        (self.namespace.is_empty()
            || !self.served.namespaced
            || metadata["namespace"] == self.namespace.as_str())
            && (self.name.is_empty() || metadata["name"] == self.name.as_str())
            && self.selectors.select(object)
    }

    fn presentation(&self) -> Presentation<'_> {
        Presentation {
            served: &self.served,
            version: &self.version,
            form: self.form,
            now: self.now(),
            include: &self.include,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn show(&self, item: &Item) -> String {
        self.presentation().item(item)
    }

    /// The line about a change, if the watcher sees it.
    fn tell(&self, record: &Record) -> Option<Bytes> {
        if !self.namespace.is_empty() && self.served.namespaced && *record.key.namespace != *self.namespace {
            return None;
        }
        match &record.what {
            What::Added(new) => self
                .is_about(&new.object())
                .then(|| line("ADDED", &self.show(new))),
            What::Deleted { last, .. } => self
                .is_about(&last.object())
                .then(|| line("DELETED", &self.show(last))),
            What::Modified { old, new } => match (self.is_about(&old.object()), self.is_about(&new.object()))
            {
                (true, true) => Some(line("MODIFIED", &self.show(new))),
                (false, true) => Some(line("ADDED", &self.show(new))),
                // What leaves the selection is shown as it was, under the version at which it left.
                (true, false) => {
                    let mut last = (*old.object()).clone();
                    last["metadata"]["resourceVersion"] = record.version.to_string().into();
                    Some(line("DELETED", &self.presentation().object(&last)))
                }
                (false, false) => None,
            },
        }
    }

    fn bookmark(&self, version: u64, initial: bool) -> Bytes {
        let mut object = json!({
            "kind": self.served.kind, "apiVersion": self.served.api_version(&self.version),
            "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
        });
        if initial {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let text = match self.form {
            Form::Whole => object.to_string(),
            Form::Metadata => {
                object["kind"] = json!("PartialObjectMetadata");
                object["apiVersion"] = json!("meta.k8s.io/v1");
                object.to_string()
            }
            Form::Table => json!({
                "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
                "columnDefinitions": null, "rows": [],
            })
            .to_string(),
        };
        line("BOOKMARK", &text)
    }
}

fn line(kind: &str, object: &str) -> Bytes {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into()
}
