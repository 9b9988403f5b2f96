//! Asking the server as some user.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use plimsoll_apiserver::{ApiServer, Clock, Config, Gates, Seed, User};
use serde_json::{Value, json};

/// An answer.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
}

impl Answer {
    /// What the server says, for refusals.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The body of an answer that has to be a success.
    #[track_caller]
    pub(crate) fn done(self) -> Value {
        assert!(self.code < 300, "{}: {}", self.code, self.message());
        self.body
    }

    /// What the server says in an answer that has to be a refusal with this code.
    #[track_caller]
    pub(crate) fn refused(self, code: u16) -> String {
        assert_eq!(self.code, code, "{}", self.body);
        self.message().to_owned()
    }
}

/// A server with a namespace `ns` and its default account.
pub(crate) async fn server(minor: u32) -> ApiServer {
    let server = ApiServer::new(Config {
        minor,
        clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
        seed: Seed::new(1),
        gates: Gates::default(),
        latency: Duration::ZERO,
    });
    post(
        &server,
        &User::admin(),
        "/api/v1/namespaces",
        json!({"metadata": {"name": "ns"}}),
    )
    .await
    .done();
    let account = json!({"metadata": {"name": "default"}});
    post(
        &server,
        &User::admin(),
        "/api/v1/namespaces/ns/serviceaccounts",
        account,
    )
    .await
    .done();
    server
}

pub(crate) async fn ask(server: &ApiServer, user: &User, method: Method, path: &str, body: Value) -> Answer {
    let media = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let bytes = match body {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, media)
        .body(bytes)
        .unwrap();
    let response = server.handle(user, request).await;
    let warnings = response.headers().get_all(header::WARNING).iter();
    let warnings = warnings
        .map(|value| value.to_str().unwrap_or_default().to_owned())
        .collect();
    Answer {
        code: response.status().as_u16(),
        warnings,
        body: serde_json::from_slice(&response.into_body().bytes().await).unwrap_or_default(),
    }
}

pub(crate) async fn get(server: &ApiServer, user: &User, path: &str) -> Answer {
    ask(server, user, Method::GET, path, Value::Null).await
}

pub(crate) async fn post(server: &ApiServer, user: &User, path: &str, body: Value) -> Answer {
    ask(server, user, Method::POST, path, body).await
}

pub(crate) async fn patch(server: &ApiServer, user: &User, path: &str, body: Value) -> Answer {
    ask(server, user, Method::PATCH, path, body).await
}

pub(crate) async fn delete(server: &ApiServer, user: &User, path: &str) -> Answer {
    let now = json!({"gracePeriodSeconds": 0});
    ask(server, user, Method::DELETE, path, now).await
}
