//! A simulated platform on a loopback port, with TLS and a kubeconfig, for `kubectl` and everything else that speaks to a
//! cluster.

mod authentication;
mod credentials;
mod kubeconfig;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use plimsoll_apiserver::{ApiServer, Body};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use authentication::Authentication;
use credentials::Credentials;

/// How long open connections may take to end when the server stops: a watch ends only when it is told to.
const FAREWELL: Duration = Duration::from_millis(500);

/// The platform can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else has the port.
    #[error("port {port} of this machine is in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port can't be had for another reason.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("could not make the server's certificate")]
    Certificate(#[source] rcgen::Error),
    /// TLS would not have it.
    #[error("could not set up TLS")]
    Tls(#[source] tokio_rustls::rustls::Error),
}

/// A port that is listened on, and what it takes to be let in.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    credentials: Credentials,
}

impl Listening {
    /// Listens on a loopback port; 0 lets the operating system choose.
    ///
    /// # Errors
    /// [`ServeError::PortInUse`] and others.
    pub async fn on(port: u16) -> Result<Self, ServeError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortInUse { port },
            _ => ServeError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            credentials: Credentials::create()?,
        })
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig for the platform's administrator; `name` is that of cluster, user and context.
    #[must_use]
    pub fn kubeconfig(&self, name: &str) -> String {
        kubeconfig::of(name, self.address, &self.credentials)
    }

    /// Answers requests until `stop` resolves, and then ends all connections.
    pub async fn serve(self, server: ApiServer, stop: impl Future<Output = ()>) {
        let authentication = Arc::new(Authentication::new(&self.credentials));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let connection = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            // A connection that was gone before it was taken concerns nobody else.
            if let Ok((stream, _)) = connection {
                let acceptor = self.credentials.acceptor();
                let connection = Connection {
                    server: server.clone(),
                    authentication: Arc::clone(&authentication),
                };
                tokio::spawn(connection.serve(stream, acceptor, graceful.watcher()));
            }
        }
        // Watches go on until they are cut off.
        let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    }
}

struct Connection {
    server: ApiServer,
    authentication: Arc<Authentication>,
}

impl Connection {
    async fn serve(
        self,
        stream: TcpStream,
        acceptor: TlsAcceptor,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        // Answers are small and somebody waits for each.
        let _ = stream.set_nodelay(true);
        let Ok(stream) = acceptor.accept(stream).await else {
            return;
        };
        let this = Arc::new(self);
        let service = service_fn(move |request| {
            let this = Arc::clone(&this);
            async move { this.answer(request).await }
        });
        let builder = Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        // What goes wrong on a connection is the client's to tell.
        let _ = watcher.watch(connection.into_owned()).await;
    }

    async fn answer(&self, request: http::Request<Incoming>) -> Result<http::Response<Body>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let body = collect(body).await?;
        let request = http::Request::from_parts(parts, body);
        match self.authentication.user(&self.server, request.headers()) {
            Ok(user) => Ok(self.server.handle(&user, request).await),
            Err(refused) => Ok(*refused),
        }
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    use hyper::body::Body as _;
    let mut all = Vec::new();
    let mut body = std::pin::Pin::new(&mut body);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Ok(all.into())
}
