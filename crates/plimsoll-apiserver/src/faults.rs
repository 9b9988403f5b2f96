//! Trouble with the API itself, on demand.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{GroupResource, Status, store::Store};

/// Scripted trouble of an API server. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ApiFaults {
    scripts: Arc<Mutex<Scripts>>,
    store: Store,
}

#[derive(Debug, Default)]
struct Scripts {
    answers: Vec<Script>,
    latency: Vec<(Matching, Duration)>,
    dropped: Vec<(GroupResource, String)>,
}

#[derive(Debug)]
struct Script {
    matching: Matching,
    trouble: Trouble,
    times: Option<u32>,
}

/// Which requests are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The HTTP method; any for `None`.
    pub method: Option<http::Method>,
    /// What the path begins with, such as `/api/v1/namespaces/x/pods`; everything for an empty one.
    pub path_prefix: String,
    /// Only requests of users of this name; anybody's for `None`.
    pub user: Option<String>,
}

impl Matching {
    /// Requests whose path begins so.
    #[must_use]
    pub fn path(prefix: &str) -> Self {
        Self {
            path_prefix: prefix.to_owned(),
            ..Self::default()
        }
    }

    /// Of these only those with that method.
    #[must_use]
    pub fn method(mut self, method: http::Method) -> Self {
        self.method = Some(method);
        self
    }

    fn is_met(&self, user: &str, method: &http::Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|own| own == method)
            && path.starts_with(&self.path_prefix)
            && self.user.as_deref().is_none_or(|own| own == user)
    }
}

/// What befalls a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// This answer instead of the real one.
    Refuse(Status),
    /// The request has its effect, and then this answer.
    RefuseAfterwards(Status),
    /// No answer, ever.
    Silence,
}

impl ApiFaults {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            scripts: Arc::default(),
            store,
        }
    }

    /// Ends every watch that came over HTTP, as a server does that restarts.
    pub fn close_watches(&self) {
        self.store.lock().close_watches();
    }

    /// Forgets what happened: nobody can go on from an earlier resourceVersion or continue token.
    pub fn forget_history(&self) {
        self.store.lock().forget_history();
    }

    /// Lets requests run into trouble, `times` of them or all.
    pub fn script(&self, matching: Matching, trouble: Trouble, times: Option<u32>) {
        self.lock().answers.push(Script {
            matching,
            trouble,
            times,
        });
    }

    /// Lets requests take that much longer.
    pub fn delay(&self, matching: Matching, latency: Duration) {
        self.lock().latency.push((matching, latency));
    }

    /// Drops a field whenever an object of that collection is written, as a server does that does not know it.
    /// The field is a JSON pointer, such as `/spec/schedulingGroup`; a `*` stands for every item of a list.
    pub fn drop_field(&self, of: GroupResource, pointer: &str) {
        self.lock().dropped.push((of, pointer.to_owned()));
    }

    /// Ends all scripted trouble.
    pub fn clear(&self) {
        *self.lock() = Scripts::default();
    }

    pub(crate) fn trouble(&self, user: &str, method: &http::Method, path: &str) -> Option<Trouble> {
        let mut scripts = self.lock();
        let script = scripts
            .answers
            .iter_mut()
            .find(|script| script.times != Some(0) && script.matching.is_met(user, method, path))?;
        if let Some(times) = &mut script.times {
            *times -= 1;
        }
        Some(script.trouble.clone())
    }

    pub(crate) fn extra_latency(&self, user: &str, method: &http::Method, path: &str) -> Duration {
        self.lock()
            .latency
            .iter()
            .filter(|(matching, _)| matching.is_met(user, method, path))
            .map(|(_, latency)| *latency)
            .sum()
    }

    pub(crate) fn drop_fields(&self, of: &GroupResource, object: &mut serde_json::Value) {
        for (_, pointer) in self.lock().dropped.iter().filter(|(own, _)| own == of) {
            let steps: Vec<&str> = pointer.split('/').skip(1).collect();
            drop_at(object, &steps);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_at(value: &mut serde_json::Value, steps: &[&str]) {
    match steps {
        [] => {}
        [last] => {
            if let Some(object) = value.as_object_mut() {
                object.remove(*last);
            }
        }
        ["*", rest @ ..] => {
            for item in value.as_array_mut().into_iter().flatten() {
                drop_at(item, rest);
            }
        }
        [step, rest @ ..] => {
            if let Some(child) = value.get_mut(*step) {
                drop_at(child, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Reason, resources};

    #[test]
    fn a_script_ends_after_its_times() {
        let faults = ApiFaults::default();
        let refusal = Trouble::Refuse(Status::new(Reason::InternalError, "etcd is gone"));
        faults.script(
            Matching::path("/api/v1/pods").method(http::Method::GET),
            refusal.clone(),
            Some(2),
        );
        let ask = |method: http::Method, path| faults.trouble("u", &method, path);
        assert_eq!(ask(http::Method::POST, "/api/v1/pods"), None);
        assert_eq!(ask(http::Method::GET, "/api/v1/nodes"), None);
        assert_eq!(ask(http::Method::GET, "/api/v1/pods"), Some(refusal.clone()));
        assert_eq!(ask(http::Method::GET, "/api/v1/pods/x"), Some(refusal));
        assert_eq!(ask(http::Method::GET, "/api/v1/pods"), None);
    }

    #[test]
    fn fields_are_dropped_also_within_lists() {
        let faults = ApiFaults::default();
        faults.drop_field(resources::PODS, "/spec/containers/*/resources");
        let mut pod = json!({"spec": {"containers": [{"name": "a", "resources": {}}]}});
        faults.drop_fields(&resources::PODS, &mut pod);
        assert_eq!(pod, json!({"spec": {"containers": [{"name": "a"}]}}));
    }
}
