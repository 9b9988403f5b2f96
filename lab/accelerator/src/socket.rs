//! Unix sockets: serving on one, and speaking to one of the kubelet's.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::TryStreamExt;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, server::Router};

use crate::{authority::Tolerant, shutdown::Shutdown};

/// How long calls in progress may go on once it is time to end.
const GRACE: Duration = Duration::from_secs(1);

/// A socket that cannot be served on.
#[derive(Debug, thiserror::Error)]
#[error("could not serve on the socket `{path}`")]
pub struct SocketError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A socket that is listened on; its file goes when this goes.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// Listens at `path`, in place of whatever a process that is gone left there.
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let bind = || -> io::Result<UnixListener> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            UnixListener::bind(path)
        };
        let listener = bind().map_err(|source| SocketError {
            path: path.to_owned(),
            source: source.into(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            listener,
        })
    }

    /// Serves until it is time to end, then removes the socket.
    pub(crate) async fn serve(self, services: Router, shutdown: &Shutdown) -> Result<(), SocketError> {
        let Self { path, listener } = self;
        let incoming = UnixListenerStream::new(listener).map_ok(Tolerant::new);
        let serving = services.serve_with_incoming_shutdown(incoming, shutdown.wait());
        let ended = async {
            shutdown.wait().await;
            // Whoever keeps a stream open does not keep us.
            let _stopped = tokio::time::timeout(GRACE, std::future::pending::<()>()).await;
        };
        let outcome = tokio::select! {
            outcome = serving => outcome,
            () = ended => Ok(()),
        };
        let _gone = std::fs::remove_file(&path);
        outcome.map_err(|source| SocketError {
            path,
            source: source.into(),
        })
    }
}

/// A channel to whoever listens at `path`; it connects with the first call.
pub(crate) fn channel(path: &Path) -> Channel {
    let path = path.to_owned();
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    // The address is never looked at; the connector knows where to go.
    Endpoint::from_static("http://kubelet").connect_with_connector_lazy(connector)
}
