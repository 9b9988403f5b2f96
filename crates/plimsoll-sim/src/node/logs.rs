//! What the API server asks of kubelets: logs, and requests to pods.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use plimsoll_apiserver::{LogRequest, Nodes, Reason, Status, resources};
use serde_json::Value;

use super::fleet::Fleet;

#[async_trait]
impl Nodes for Fleet {
    async fn logs(&self, request: LogRequest) -> Result<BoxStream<'static, Bytes>, Status> {
        let pod = self
            .api()
            .get(&resources::PODS, Some(&request.namespace), &request.pod);
        let Some(pod) = pod else {
            return Err(Status::new(
                Reason::NotFound,
                format!("pods \"{}\" not found", request.pod),
            ));
        };
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let bad = |message: String| Status::new(Reason::BadRequest, message);
        let (container, name) = (&request.container, &request.pod);
        let status = status_of(&pod, container).ok_or_else(|| {
            bad(format!(
                "container \"{container}\" in pod \"{name}\" is not available"
            ))
        })?;
        if request.previous && status["lastState"]["terminated"]["containerID"].is_null() {
            return Err(bad(format!(
                "previous terminated container \"{container}\" in pod \"{name}\" not found"
            )));
        }
        let waits = &status["state"]["waiting"]["reason"];
        let has_run = !status["lastState"]["terminated"].is_null();
        if let (Some(reason), false) = (waits.as_str(), has_run) {
            let why = match reason {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                other => other,
            };
            return Err(bad(format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: {why}"
            )));
        }
        let Some(worker) = self.worker(uid) else {
            // Containers that ran before the platform began have nothing to say.
            return Ok(stream::empty().boxed());
        };
        let log = worker
            .container(container, request.previous)
            .map(|found| found.log);
        Ok(log.map_or_else(|| stream::empty().boxed(), |log| log.read(&request)))
    }

    async fn proxy(
        &self,
        namespace: &str,
        pod: &str,
        port: Option<u16>,
        _request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Status> {
        let object = self.api().get(&resources::PODS, Some(namespace), pod);
        let address = object
            .as_ref()
            .and_then(|pod| pod["status"]["podIP"].as_str().map(str::to_owned))
            .unwrap_or_default();
        let port = port.unwrap_or(80);
        Err(Status::new(
            Reason::ServiceUnavailable,
            format!("error trying to reach service: dial tcp {address}:{port}: connect: connection refused"),
        ))
    }
}

fn status_of<'a>(pod: &'a Arc<Value>, container: &str) -> Option<&'a Value> {
    [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .into_iter()
    .flat_map(|list| pod["status"][list].as_array().into_iter().flatten())
    .find(|status| status["name"] == container)
}
