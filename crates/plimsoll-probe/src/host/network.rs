//! The pod's network: connections in and out, and questions to name servers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The pod's network. Whatever waits ends at once when the process is asked to stop.
pub trait Network: Sync {
    /// Takes connections in.
    type Listener: Listener<Connection = Self::Connection>;
    /// A connection, either way.
    type Connection: Connection;

    /// Listens on all addresses of the pod, of whichever family it has.
    ///
    /// # Errors
    /// When the port cannot be had.
    fn listen(&self, port: u16) -> io::Result<Self::Listener>;

    /// Connects, for as long as `limit`.
    fn connect(
        &self,
        address: SocketAddr,
        limit: Duration,
    ) -> impl Future<Output = Result<Self::Connection, Unanswered>> + Send;

    /// Waits until somebody knocks at `listener`, or one of `connections` has something to read or is over.
    fn wait(
        &self,
        listener: Option<&Self::Listener>,
        connections: &[&Self::Connection],
        limit: Duration,
    ) -> impl Future<Output = Result<(), Unanswered>> + Send;

    /// Sends a packet to a server and waits for one that `fits`, passing over others.
    fn ask(
        &self,
        server: SocketAddr,
        question: &[u8],
        limit: Duration,
        fits: &(dyn Fn(&[u8]) -> bool + Sync),
    ) -> impl Future<Output = Result<Vec<u8>, Unanswered>> + Send;
}

/// Takes connections in.
pub trait Listener: Send + Sync {
    /// What it takes in.
    type Connection: Connection;

    /// The next connection, if somebody knocked.
    fn accept(&self) -> Option<Self::Connection>;
}

/// A connection.
pub trait Connection: Send + Sync {
    /// Reads what has arrived; nothing once the other side has ended it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing has, and when the connection broke.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of it, waiting for the other side to take it, though no longer than `limit`.
    fn write(&mut self, bytes: &[u8], limit: Duration) -> impl Future<Output = io::Result<()>> + Send;
}

/// Why waiting for the network led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nothing came in time.
    #[error("no answer")]
    Late,
    /// The process is asked to stop.
    #[error("asked to stop")]
    Stopped,
    /// It could not even be tried, or was refused.
    #[error(transparent)]
    Failed(#[from] io::Error),
}
