//! A small API server in memory, for tests: lists, watches, creates and deletes objects, loses watches, forgets
//! history and fails on demand. It does nothing by itself: tests put objects into the states they need.

mod store;
mod watch;

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::body::Body;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch as signal;

use crate::{
    apis::Apis,
    clock::Clock,
    ground::Ground,
    platform::{Platform, ServerVersion},
};
use store::{Address, Store};

/// The server. Clones are the same server.
#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: signal::Sender<u64>,
}

struct State {
    store: Store,
    requests: Vec<String>,
    agents: Vec<String>,
    /// Answers to the next requests of that method and path prefix.
    scripted: VecDeque<(Method, String, Answer)>,
    /// What every request gets while it is set.
    broken: Option<Answer>,
    /// Watches of an earlier epoch have ended.
    epoch: u64,
    /// What the next log streams say, and how they end.
    logs: VecDeque<(String, LogEnd)>,
}

/// How a log stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogEnd {
    /// The container has ended.
    Over,
    /// The connection breaks.
    Breaks,
    /// Never.
    Open,
}

/// An answer other than the usual one.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A refusal with a Status.
    Refusal(u16, &'static str, &'static str),
    /// An answer like that.
    Json(Value),
    /// No answer, ever.
    Silence,
    /// The request is carried out and the connection breaks.
    Lost,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let state = State {
            store: Store::default(),
            requests: Vec::new(),
            agents: Vec::new(),
            scripted: VecDeque::new(),
            broken: None,
            epoch: 0,
            logs: VecDeque::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changed: signal::Sender::new(0),
        }
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        Client::new(service, "default")
    }

    /// A platform on this server.
    pub(crate) fn platform(&self) -> Platform {
        let version = ServerVersion {
            major: 1,
            minor: 36,
            git: "v1.36.0".to_owned(),
        };
        Platform::new(
            self.client(),
            version,
            Some("fake".to_owned()),
            Ground::Cluster,
            Clock::default(),
        )
    }

    /// Stores an object, new or changed.
    pub(crate) fn put(&self, object: Value) {
        let address = Address::of_object(&object);
        self.lock().store.put(&address, object);
        self.notify();
    }

    /// Removes an object.
    pub(crate) fn remove(&self, path: &str) {
        let address = Address::parse(path).expect("a path");
        self.lock().store.remove(&address).expect("an object to remove");
        self.notify();
    }

    /// An object as it is stored.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let address = Address::parse(path).expect("a path");
        self.lock().store.get(&address).cloned()
    }

    /// Ends every watch; with `forget`, they can't go on from where they were.
    pub(crate) fn lose_watches(&self, forget: bool) {
        let mut state = self.lock();
        state.epoch += 1;
        if forget {
            state.store.forget();
        }
        drop(state);
        self.notify();
    }

    /// Keeps watches from seeing anything new until they are lost.
    pub(crate) fn stall_watches(&self) {
        self.lock().store.stall();
    }

    /// Every request gets that answer from now on; watches that are open stay open.
    pub(crate) fn set_broken(&self, answer: Option<Answer>) {
        self.lock().broken = answer;
    }

    /// The next request of that method whose path begins so gets that answer.
    pub(crate) fn script(&self, method: Method, path: &str, answer: Answer) {
        self.lock().scripted.push_back((method, path.to_owned(), answer));
    }

    /// The next log stream says that.
    pub(crate) fn log(&self, text: &str, end: LogEnd) {
        self.lock().logs.push_back((text.to_owned(), end));
    }

    /// The requests so far, as `GET /path?query`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// The user agents of the requests so far.
    pub(crate) fn agents(&self) -> Vec<String> {
        self.lock().agents.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn notify(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Result<Response<Body>, Lost> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = body.collect_bytes().await.map_err(|_| Lost)?;
        let answer = {
            let mut state = self.lock();
            state.requests.push(format!("{} {}", parts.method, parts.uri));
            let agent = parts
                .headers
                .get(http::header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok());
            state.agents.extend(agent.map(str::to_owned));
            let scripted = state
                .scripted
                .iter()
                .position(|(method, prefix, _)| *method == parts.method && path.starts_with(prefix.as_str()));
            let scripted = scripted
                .and_then(|index| state.scripted.remove(index))
                .map(|(_, _, answer)| answer);
            scripted.or_else(|| state.broken.clone())
        };
        match answer {
            Some(Answer::Silence) => std::future::pending().await,
            Some(Answer::Refusal(code, reason, message)) => return Ok(refusal(code, reason, message)),
            Some(Answer::Json(value)) => return Ok(reply(StatusCode::OK, &value)),
            Some(Answer::Lost) | None => {}
        }
        if query.contains("watch=true") {
            return Ok(self.watch(&path, &query));
        }
        if path.ends_with("/log") {
            let next = self.lock().logs.pop_front();
            return Ok(next.map_or_else(not_found, |(text, end)| log_stream(text, end)));
        }
        let reply = self.carry_out(&parts.method, &path, &query, &body);
        if matches!(answer, Some(Answer::Lost)) {
            Err(Lost)
        } else {
            Ok(reply)
        }
    }

    fn carry_out(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Response<Body> {
        if let Some(discovery) = discovery(path) {
            return reply(StatusCode::OK, &discovery);
        }
        let Some(mut address) = Address::parse(path) else {
            return refusal(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        };
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut state = self.lock();
        let result = match (method.as_str(), address.name.is_some()) {
            ("GET", false) => Ok(state.store.list(&address, query)),
            ("GET", true) => state.store.get(&address).cloned().ok_or_else(not_found),
            ("POST", _) => {
                address.name = sent
                    .pointer("/metadata/name")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                if state.store.get(&address).is_some() {
                    Err(refusal(409, "AlreadyExists", "it already exists"))
                } else {
                    Ok(state.store.put(&address, sent))
                }
            }
            ("PATCH", _) => match state.store.get(&address).cloned() {
                Some(mut object) => {
                    merge(&mut object, &sent);
                    Ok(state.store.put(&address, object))
                }
                None => Err(not_found()),
            },
            ("DELETE", true) => {
                let wanted = sent.pointer("/preconditions/uid").filter(|uid| !uid.is_null());
                match state.store.get(&address) {
                    None => Err(not_found()),
                    Some(object)
                        if wanted.is_some_and(|uid| object.pointer("/metadata/uid") != Some(uid)) =>
                    {
                        Err(refusal(
                            409,
                            "Conflict",
                            "the uid in the precondition does not match",
                        ))
                    }
                    Some(_) => state.store.remove(&address).ok_or_else(not_found),
                }
            }
            ("DELETE", false) => Ok(state.store.list(&address, query)),
            _ => Err(refusal(405, "MethodNotAllowed", "not here")),
        };
        drop(state);
        self.notify();
        result.map_or_else(|refusal| refusal, |value| reply(StatusCode::OK, &value))
    }
}

/// The connection broke.
#[derive(Debug, thiserror::Error)]
#[error("connection reset by peer")]
pub(crate) struct Lost;

impl From<Infallible> for Lost {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn log_stream(text: String, end: LogEnd) -> Response<Body> {
    let text = stream::once(async move { Ok::<_, Lost>(text) });
    Response::new(match end {
        LogEnd::Over => Body::from_stream(text),
        LogEnd::Breaks => Body::from_stream(text.chain(stream::once(async { Err(Lost) }))),
        LogEnd::Open => Body::from_stream(text.chain(stream::pending::<Result<String, Lost>>())),
    })
}

fn not_found() -> Response<Body> {
    refusal(404, "NotFound", "not found")
}

fn refusal(code: u16, reason: &str, message: &str) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message,
    });
    reply(StatusCode::from_u16(code).expect("a status code"), &status)
}

fn reply(code: StatusCode, value: &Value) -> Response<Body> {
    Response::builder()
        .status(code)
        .body(Body::from(value.to_string()))
        .expect("a response")
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// What is served: the kinds that tests create.
fn discovery(path: &str) -> Option<Value> {
    let resource = |plural: &str, kind: &str, scope: &str| {
        json!({
            "resource": plural, "responseKind": {"kind": kind}, "scope": scope,
            "verbs": ["create", "delete", "get", "list", "patch", "watch"],
        })
    };
    let group = |name: &str, version: &str, resources: Vec<Value>| json!({"metadata": {"name": name}, "versions": [{"version": version, "resources": resources}]});
    let items = match path {
        "/api" => vec![group(
            "",
            "v1",
            vec![
                resource("namespaces", "Namespace", "Cluster"),
                resource("pods", "Pod", "Namespaced"),
                resource("configmaps", "ConfigMap", "Namespaced"),
            ],
        )],
        "/apis" => vec![
            group(
                "coordination.k8s.io",
                "v1",
                vec![resource("leases", "Lease", "Namespaced")],
            ),
            group(
                "resource.k8s.io",
                "v1",
                vec![resource("deviceclasses", "DeviceClass", "Cluster")],
            ),
        ],
        _ => return None,
    };
    Some(json!({"items": items}))
}

#[tokio::test]
async fn the_fake_serves_what_it_says() {
    let apis: Apis = Fake::new().platform().discover().await.unwrap();
    assert_eq!(apis.resource("", "Pod", &[]).unwrap().plural, "pods");
    assert_eq!(
        apis.is_namespaced("resource.k8s.io/v1", "DeviceClass"),
        Some(false)
    );
    assert_eq!(apis.resource("", "Pod", &["v2"]), None);
    assert_eq!(apis.named("v1", "Nothing"), None);
}
