//! What the API server hands on to the platform's nodes: logs and proxied requests.

use std::{sync::Arc, sync::PoisonError};

use futures::StreamExt;
use http::{Request, StatusCode, Uri};
use serde_json::Value;

use super::{Asked, answer, answer::Answer};
use crate::{
    Body, Reason, Status, resources,
    server::{Inner, LogRequest, Nodes, refusal},
    store::Key,
};

impl Inner {
    fn nodes(&self) -> Result<Arc<dyn Nodes>, Status> {
        self.nodes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(|| Status::new(Reason::ServiceUnavailable, "no node of this platform answers"))
    }

    /// A container's log.
    pub(super) async fn log(&self, asked: &Asked) -> Result<Answer, Status> {
        let pod = self.present(asked)?.object();
        let query = &asked.query;
        let container = container(&pod, query.text("container"))?;
        let since = match (query.number::<i64>("sinceSeconds")?, query.text("sinceTime")) {
            (Some(seconds), _) => self
                .config
                .clock
                .now()
                .checked_sub(jiff::SignedDuration::from_secs(seconds))
                .ok(),
            (None, "") => None,
            (None, text) => Some(
                text.parse()
                    .map_err(|_| refusal::bad_request(format!("invalid sinceTime: {text}")))?,
            ),
        };
        let mut answer = answer::with_type(StatusCode::OK, "text/plain", "");
        if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
            return Ok(answer);
        }
        let request = LogRequest {
            namespace: asked.path.namespace.clone(),
            pod: asked.path.name.clone(),
            container,
            follow: query.flag("follow"),
            previous: query.flag("previous"),
            tail_lines: query.number("tailLines")?,
            timestamps: query.flag("timestamps"),
            since,
            limit_bytes: query.number("limitBytes")?,
        };
        let follow = request.follow;
        let lines = self.nodes()?.logs(request).await?;
        *answer.body_mut() = if follow {
            Body::pieces(lines)
        } else {
            let all: Vec<_> = lines.collect().await;
            super::whole(all.concat())
        };
        Ok(answer)
    }

    /// A request to a pod, a service's pod, or a node.
    pub(super) async fn proxy(&self, asked: &Asked) -> Result<Answer, Status> {
        let (name, port) = name_and_port(&asked.path.name);
        let namespace = asked.path.namespace.as_str();
        let path = if asked.path.rest.is_empty() {
            "/"
        } else {
            asked.path.rest.as_str()
        };
        let (namespace, pod, port) = match &*asked.served.of.resource {
            "services" => self.backend(namespace, name, port)?,
            "nodes" => {
                self.exists(&resources::NODES, "", name)?;
                (String::new(), name.to_owned(), number(port))
            }
            _ => {
                let pod = self.exists(&resources::PODS, namespace, name)?;
                (
                    namespace.to_owned(),
                    name.to_owned(),
                    number(port).or_else(|| first_port(&pod)),
                )
            }
        };
        let path = if asked.raw_query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", asked.raw_query)
        };
        let uri: Uri = path
            .parse()
            .map_err(|_| refusal::bad_request(format!("not a path: {path}")))?;
        let mut request = Request::builder().method(asked.method.clone()).uri(uri);
        if let Some(headers) = request.headers_mut() {
            *headers = asked.headers.clone();
            headers.remove(http::header::AUTHORIZATION);
        }
        let request = request
            .body(asked.body.clone())
            .map_err(|error| refusal::bad_request(error.to_string()))?;
        let answer = self.nodes()?.proxy(&namespace, &pod, port, request).await?;
        Ok(answer.map(Body::whole))
    }

    fn exists(
        &self,
        of: &crate::GroupResource,
        namespace: &str,
        name: &str,
    ) -> Result<crate::Object, Status> {
        let state = self.store.lock();
        state
            .get(of, &Key::new(namespace, name))
            .map(|item| item.object())
            .ok_or_else(|| refusal::not_found(of, name))
    }

    /// A pod behind a service, and its port.
    fn backend(
        &self,
        namespace: &str,
        name: &str,
        port: &str,
    ) -> Result<(String, String, Option<u16>), Status> {
        let service = self.exists(&resources::SERVICES, namespace, name)?;
        let ports = service["spec"]["ports"].as_array();
        let wanted = ports
            .into_iter()
            .flatten()
            .find(|own| {
                port.is_empty()
                    || own["name"] == port
                    || port.parse().is_ok_and(|number: u64| own["port"] == number)
            })
            .ok_or_else(|| {
                Status::new(
                    Reason::ServiceUnavailable,
                    format!("no service port \"{port}\" found for service \"{name}\""),
                )
            })?;
        let state = self.store.lock();
        let slices = state
            .list(&resources::ENDPOINT_SLICES, Some(namespace))
            .map(|(_, item)| item.object());
        for slice in slices.filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name)
        {
            let port = slice["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|own| {
                    own["name"].as_str().unwrap_or_default() == wanted["name"].as_str().unwrap_or_default()
                })
                .and_then(|own| own["port"].as_u64())
                .and_then(|port| u16::try_from(port).ok());
            let ready = |endpoint: &&Value| endpoint["conditions"]["ready"] != false;
            let pod = slice["endpoints"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(ready)
                .find_map(|endpoint| endpoint["targetRef"]["name"].as_str());
            if let (Some(pod), Some(port)) = (pod, port) {
                return Ok((namespace.to_owned(), pod.to_owned(), Some(port)));
            }
        }
        Err(Status::new(
            Reason::ServiceUnavailable,
            format!("no endpoints available for service \"{name}\""),
        ))
    }
}

/// `[scheme:]name[:port]`.
fn name_and_port(text: &str) -> (&str, &str) {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [_, name, port] => (name, port),
        [name, port] => (name, port),
        _ => (text, ""),
    }
}

fn number(port: &str) -> Option<u16> {
    port.parse().ok()
}

fn first_port(pod: &Value) -> Option<u16> {
    pod["spec"]["containers"]
        .as_array()?
        .iter()
        .find_map(|container| container["ports"][0]["containerPort"].as_u64())
        .and_then(|port| u16::try_from(port).ok())
}

/// The container whose log is wanted.
fn container(pod: &Value, wanted: &str) -> Result<String, Status> {
    let names = |field: &str| -> Vec<&str> {
        pod["spec"][field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|container| container["name"].as_str())
            .collect()
    };
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let (containers, init, ephemeral) = (
        names("containers"),
        names("initContainers"),
        names("ephemeralContainers"),
    );
    if !wanted.is_empty() {
        return if [&containers, &init, &ephemeral]
            .iter()
            .any(|names| names.contains(&wanted))
        {
            Ok(wanted.to_owned())
        } else {
            Err(refusal::bad_request(format!(
                "container {wanted} is not valid for pod {name}"
            )))
        };
    }
    match containers.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(refusal::bad_request(format!(
            "a container name must be specified for pod {name}"
        ))),
        several => {
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                several.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(refusal::bad_request(message))
        }
    }
}
