//! The API for components of the same process.

mod kinds;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    vec,
};

use futures::{Stream, StreamExt};
pub use kinds::Kind;
use serde_json::{Value, json};

use crate::{
    Clock, DeleteOptions, GroupResource, Object, Reason, Seed, Status, User,
    catalog::Served,
    resources,
    server::{Inner, Target, WriteOptions, micro_time, time},
    store::{Item, Key, Record, Subscription, What},
};

/// The API as one user has it, without HTTP. It is cheap to clone.
///
/// Objects are those of the store, in the hub version of their kind; nothing is converted. Writes take the same way
/// through admission and validation as those that come over HTTP; RBAC is not asked.
#[derive(Clone)]
pub struct Direct {
    server: Arc<Inner>,
    user: Arc<User>,
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is there now, or was when the watch began.
    Added(GroupResource, Object),
    /// It changed.
    Modified {
        /// The collection.
        of: GroupResource,
        /// The state before.
        old: Object,
        /// The state now.
        new: Object,
    },
    /// It is gone; the last state.
    Deleted(GroupResource, Object),
}

impl Change {
    /// The collection.
    #[must_use]
    pub fn of(&self) -> &GroupResource {
        match self {
            Self::Added(of, _) | Self::Deleted(of, _) | Self::Modified { of, .. } => of,
        }
    }

    /// The object: its state now, or the last one.
    #[must_use]
    pub fn object(&self) -> &Object {
        match self {
            Self::Added(_, object) | Self::Deleted(_, object) | Self::Modified { new: object, .. } => object,
        }
    }
}

impl Direct {
    pub(crate) fn new(server: Arc<Inner>, user: User) -> Self {
        Self {
            server,
            user: Arc::new(user),
        }
    }

    /// The platform's time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.server.config.clock
    }

    /// What decides everything that would be random.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.server.config.seed.clone()
    }

    /// The minor version of Kubernetes.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.server.config.minor
    }

    /// One object.
    #[must_use]
    pub fn get(&self, of: &GroupResource, namespace: Option<&str>, name: &str) -> Option<Object> {
        let key = Key::new(namespace.unwrap_or_default(), name);
        self.server.store.lock().get(of, &key).map(|item| item.object())
    }

    /// All objects, or those of one namespace, sorted by namespace and name.
    #[must_use]
    pub fn list(&self, of: &GroupResource, namespace: Option<&str>) -> Vec<Object> {
        let state = self.server.store.lock();
        state.list(of, namespace).map(|(_, item)| item.object()).collect()
    }

    /// Those of them that are wanted.
    #[must_use]
    pub fn list_where(
        &self,
        of: &GroupResource,
        namespace: Option<&str>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Vec<Object> {
        let state = self.server.store.lock();
        state
            .list(of, namespace)
            .map(|(_, item)| item.object())
            .filter(|object| wanted(object))
            .collect()
    }

    /// The pods that are bound to that node; for an empty name those that are bound to none.
    #[must_use]
    pub fn pods_on(&self, node: &str) -> Vec<Object> {
        self.server
            .store
            .lock()
            .pods_on(node)
            .map(|(_, item)| item.object())
            .collect()
    }

    /// What names that uid among its owners.
    #[must_use]
    pub fn owned_by(&self, uid: &str) -> Vec<(GroupResource, Object)> {
        let state = self.server.store.lock();
        state
            .owned_by(uid)
            .map(|(of, _, item)| (of.clone(), item.object()))
            .collect()
    }

    /// The collections that have or had objects, custom resources among them.
    #[must_use]
    pub fn collections(&self) -> Vec<GroupResource> {
        self.server.store.lock().collections().cloned().collect()
    }

    /// Creates an object; its apiVersion and kind say what it is.
    ///
    /// # Errors
    /// What the API server refuses it for.
    pub async fn create(&self, object: Value) -> Result<Object, Status> {
        let (served, version) = self.server.served_kind(&object)?;
        let target = self.target(served, version, &object, false, "");
        self.server.create(&target, object).await
    }

    /// Replaces an object; only in the state of its `metadata.resourceVersion`, if that is set.
    ///
    /// # Errors
    /// What the API server refuses it for.
    pub async fn update(&self, object: Value) -> Result<Object, Status> {
        let (served, version) = self.server.served_kind(&object)?;
        let target = self.target(served, version, &object, true, "");
        self.server.update(&target, object).await
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// What the API server refuses it for.
    pub async fn update_status(&self, object: Value) -> Result<Object, Status> {
        let (served, version) = self.server.served_kind(&object)?;
        let target = self.target(served, version, &object, true, "status");
        self.server.update(&target, object).await
    }

    /// Applies a merge patch to an object, or to a subresource of it such as `status`.
    ///
    /// # Errors
    /// What the API server refuses it for.
    pub async fn merge(
        &self,
        of: &GroupResource,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, Status> {
        let target = self.named(of, namespace, name, subresource)?;
        self.server
            .change(&target, |current| {
                let mut present = current.clone();
                if let Some(metadata) = present["metadata"].as_object_mut() {
                    metadata.remove("resourceVersion");
                }
                self.server.decode(&target, crate::patch::merge(&present, &patch))
            })
            .await
    }

    /// Binds a pod to a node.
    ///
    /// # Errors
    /// The pod is gone, or it is bound already.
    pub async fn bind(&self, namespace: &str, pod: &str, node: &str) -> Result<(), Status> {
        let target = self.named(&resources::PODS, Some(namespace), pod, Some("binding"))?;
        self.server.bind(&target, node, None).await
    }

    /// Deletes an object, or begins to: pods take their leave, finalizers are waited for.
    ///
    /// # Errors
    /// It is not there, or not in the state that the options name.
    pub async fn delete(
        &self,
        of: &GroupResource,
        namespace: Option<&str>,
        name: &str,
        options: DeleteOptions,
    ) -> Result<(), Status> {
        let target = self.named(of, namespace, name, None)?;
        self.server.delete(&target, &options).await.map(drop)
    }

    /// Every present object as added, and then what happens, in its order and without a gap.
    #[must_use]
    pub fn watch(&self, of: &[GroupResource]) -> Watch {
        let mut state = self.server.store.lock();
        let present = of
            .iter()
            .map(|of| {
                let items: Vec<_> = state.list(of, None).map(|(_, item)| Arc::clone(item)).collect();
                Present {
                    of: of.clone(),
                    is_long: items.len() > LONG,
                    items: items.into_iter(),
                }
            })
            .collect();
        Watch {
            server: Arc::clone(&self.server),
            present,
            in_a_row: 0,
            changes: state.subscribe(of),
        }
    }

    /// Tells something about an object as an Event. What is told again is counted. An `about` with a `fieldPath` of its
    /// own is about that part of the object.
    pub async fn event(&self, about: &Value, component: &str, kind: &str, reason: &str, message: &str) {
        let metadata = &about["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        let name = metadata["name"].as_str().unwrap_or_default();
        let key = [
            namespace,
            component,
            kind,
            reason,
            message,
            &about["kind"].to_string(),
            &metadata["uid"].to_string(),
            name,
            about["fieldPath"].as_str().unwrap_or_default(),
        ]
        .join("\u{1}");
        let now = time(self.clock().now());
        let known = self.server.events().get(&key).cloned();
        if let Some(event) = known
            && let Some(last) = self.get(&resources::EVENTS, Some(namespace), &event)
        {
            let count = last["count"].as_i64().unwrap_or(1) + 1;
            let patch = json!({"count": count, "lastTimestamp": now});
            if self
                .merge(&resources::EVENTS, Some(namespace), &event, None, patch)
                .await
                .is_ok()
            {
                return;
            }
        }
        let event_name = format!("{name}.{:016x}", self.seed().number());
        let mut involved = json!({"kind": about["kind"], "apiVersion": about["apiVersion"], "name": name});
        for field in ["namespace", "uid", "resourceVersion"] {
            if let Some(value) = metadata.get(field) {
                involved[field] = value.clone();
            }
        }
        if let Some(part) = about.get("fieldPath") {
            involved["fieldPath"] = part.clone();
        }
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": event_name, "namespace": namespace},
            "involvedObject": involved, "reason": reason, "message": message, "type": kind,
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": null,
        });
        // An Event that can't be stored, as in a namespace that ends, is lost; so it is on a real platform.
        if self.create(event).await.is_ok() {
            self.server.events().insert(key, event_name);
        }
    }

    /// A time as the API writes it.
    #[must_use]
    pub fn now(&self) -> String {
        time(self.clock().now())
    }

    /// A time as the API writes it in Leases, in microseconds.
    #[must_use]
    pub fn now_micros(&self) -> String {
        micro_time(self.clock().now())
    }

    fn named(
        &self,
        of: &GroupResource,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
    ) -> Result<Target<'_>, Status> {
        let served = self.server.served(of).ok_or_else(|| {
            Status::new(
                Reason::NotFound,
                "the server could not find the requested resource",
            )
        })?;
        Ok(Target {
            user: &self.user,
            version: served.hub.clone(),
            served,
            namespace: namespace.unwrap_or_default().to_owned(),
            name: name.to_owned(),
            subresource: subresource.unwrap_or_default().to_owned(),
            options: self.options(),
        })
    }

    fn target(
        &self,
        served: Arc<Served>,
        version: String,
        object: &Value,
        named: bool,
        subresource: &str,
    ) -> Target<'_> {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        Target {
            user: &self.user,
            served,
            version,
            namespace: text("namespace"),
            name: if named { text("name") } else { String::new() },
            subresource: subresource.to_owned(),
            options: self.options(),
        }
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            field_manager: self.user.name.trim_start_matches("system:").to_owned(),
            ..WriteOptions::default()
        }
    }
}

/// The present and the future of some collections.
///
/// Where there is much of the present, it comes in strides, and others have their turn in between. So all who begin
/// together get through it together, and what one of them unpacked is still there for the others.
pub struct Watch {
    server: Arc<Inner>,
    present: VecDeque<Present>,
    in_a_row: usize,
    changes: Subscription,
}

/// What there is of one collection.
struct Present {
    of: GroupResource,
    items: vec::IntoIter<Arc<Item>>,
    is_long: bool,
}

/// From how many objects on a collection comes in strides, and how many objects are in one.
const LONG: usize = 10_000;
const STRIDE: usize = 256;

impl Watch {
    /// Whether everything that was there in the beginning has come.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.present.iter().all(|present| present.items.len() == 0)
    }
}

impl Stream for Watch {
    type Item = Change;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Change>> {
        let this = self.get_mut();
        while let Some(present) = this.present.front_mut() {
            if present.is_long && this.in_a_row == STRIDE {
                this.in_a_row = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(item) = present.items.next() {
                this.in_a_row += usize::from(present.is_long);
                let object = item.object();
                this.server.recent.keep(&object);
                return Poll::Ready(Some(Change::Added(present.of.clone(), object)));
            }
            this.present.pop_front();
        }
        this.changes
            .poll_next_unpin(context)
            .map(|record| record.map(|record| change(&record)))
    }
}

/// The objects that somebody unpacked last, so that others need not.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Object>>);

impl Recent {
    /// As many as are unpacked while everybody takes a stride or two.
    const COUNT: usize = 4 * STRIDE;

    /// Keeps an object that nobody else has.
    fn keep(&self, object: &Object) {
        if Arc::strong_count(object) > 1 {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == Self::COUNT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(object));
    }
}

fn change(record: &Record) -> Change {
    let of = record.of.clone();
    match &record.what {
        What::Added(new) => Change::Added(of, new.object()),
        What::Modified { old, new } => Change::Modified {
            of,
            old: old.object(),
            new: new.object(),
        },
        What::Deleted { last, .. } => Change::Deleted(of, last.object()),
    }
}

#[cfg(test)]
mod tests;
