//! The API as clients have it.

mod custom;
mod lists;
mod objects;
mod trouble;
mod versions;
mod watches;

use std::time::Duration;

use ::http::Response;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use super::*;
use crate::{ApiServer, Clock, Config, Gates, Matching, Reason, Seed, resources};

/// A server and who asks it.
struct Client(ApiServer, User);

fn client_of(minor: u32) -> Client {
    let server = ApiServer::new(Config {
        minor,
        clock: Clock::starting_at("2026-10-01T08:00:00Z".parse().unwrap()),
        seed: Seed::new(1),
        gates: Gates::default(),
        latency: Duration::ZERO,
    });
    server.load(vec![account()]).unwrap();
    Client(server, User::admin())
}

/// What a controller makes in every namespace.
fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}})
}

fn client() -> Client {
    client_of(36)
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Response<Body> {
        self.0.handle(&self.1, request).await
    }

    async fn ask(&self, method: Method, path: &str, media: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, media)
            .header(header::USER_AGENT, "test/1")
            .body(bytes)
            .unwrap();
        let answer = self.send(request).await;
        let code = answer.status().as_u16();
        let bytes = answer.into_body().bytes().await;
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, "", &Value::Null).await
    }

    async fn get_as(&self, path: &str, accept: &str) -> Value {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, accept)
            .body(Bytes::new())
            .unwrap();
        let bytes = self.send(request).await.into_body().bytes().await;
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, path, "application/json", body).await
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PUT, path, "application/json", body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PATCH, path, "application/merge-patch+json", body)
            .await
    }

    async fn delete(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::DELETE, path, "application/json", body).await
    }

    async fn watch(&self, path: &str) -> Body {
        let request = Request::builder().uri(path).body(Bytes::new()).unwrap();
        self.send(request).await.into_body()
    }
}

/// The lines that are there by now, as type, name and resourceVersion.
async fn lines(watch: &mut Body, count: usize) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for _ in 0..count {
        let line: Value = serde_json::from_slice(&watch.next().await.unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines.push((text(&line["type"]), text(&line["object"]["metadata"]["name"])));
    }
    lines
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/i:1"}]},
    })
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

fn definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}, "color": {"type": "string"}}},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    }}});
    let subresources = json!({
        "status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
    });
    let columns = json!([{"name": "Color", "type": "string", "jsonPath": ".spec.color"}]);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": subresources,
                 "additionalPrinterColumns": columns, "selectableFields": [{"jsonPath": ".spec.color"}]},
                {"name": "v1alpha1", "served": true, "storage": false, "schema": schema},
            ],
        },
    })
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn widget(name: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name},
        "spec": {"replicas": 2, "color": "red"}, "status": {"replicas": 9},
    })
}
