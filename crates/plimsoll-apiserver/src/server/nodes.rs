//! What the API server asks of the platform's nodes.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

use crate::Status;

/// Whoever answers for pods: kubelets.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// A container's log. It ends at once, or with the container where `follow` is set.
    async fn logs(&self, request: LogRequest) -> Result<BoxStream<'static, Bytes>, Status>;

    /// A request to a port of a pod, of a path that begins with `/`.
    async fn proxy(
        &self,
        namespace: &str,
        pod: &str,
        port: Option<u16>,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Status>;
}

/// Which log, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container; the API server has filled in the only one where none was named.
    pub container: String,
    /// Whether to go on until the container ends.
    pub follow: bool,
    /// The log of the container before its last restart.
    pub previous: bool,
    /// Only the last lines.
    pub tail_lines: Option<u64>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
    /// Only lines since then.
    pub since: Option<Timestamp>,
    /// Only that many bytes.
    pub limit_bytes: Option<u64>,
}
