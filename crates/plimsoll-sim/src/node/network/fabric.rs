//! Connections between pods, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_apiserver::elapse;
use plimsoll_probe::host::{Connection, Listener};
use tokio::sync::Notify;

/// What the kernel calls a port at which nobody listens, and one that is taken.
const CONNECTION_REFUSED: i32 = 111;
const ADDRESS_IN_USE: i32 = 98;

/// How long a packet takes.
const LATENCY: Duration = Duration::from_millis(1);

/// All pods' network. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fabric(Arc<Mutex<Ports>>);

#[derive(Debug, Default)]
struct Ports {
    /// By address of a pod: who is to be woken there.
    pods: BTreeMap<IpAddr, Arc<Notify>>,
    listening: BTreeMap<(IpAddr, u16), Arc<Mutex<VecDeque<PodConnection>>>>,
}

impl Fabric {
    /// Connects a pod to the network.
    pub(crate) fn plug_in(&self, address: IpAddr) -> Endpoint {
        let news = Arc::new(Notify::new());
        self.ports().pods.insert(address, Arc::clone(&news));
        Endpoint {
            fabric: self.clone(),
            address,
            news,
        }
    }

    /// Takes a pod off the network: nobody reaches it any more.
    pub(crate) fn unplug(&self, address: IpAddr) {
        let mut ports = self.ports();
        ports.pods.remove(&address);
        ports.listening.retain(|(at, _), _| *at != address);
    }

    /// Whether somebody takes connections in there.
    pub(crate) fn listens(&self, address: IpAddr, port: u16) -> bool {
        self.ports().listening.contains_key(&(address, port))
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pod's place on the network; its containers share it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    fabric: Fabric,
    address: IpAddr,
    news: Arc<Notify>,
}

impl Endpoint {
    /// Takes connections in at a port.
    pub(crate) fn listen(&self, port: u16) -> io::Result<PodListener> {
        let mut ports = self.fabric.ports();
        // Any port will do.
        let port = if port == 0 {
            (32_768..u16::MAX).find(|port| !ports.listening.contains_key(&(self.address, *port)))
        } else {
            Some(port).filter(|port| !ports.listening.contains_key(&(self.address, *port)))
        };
        let port = port.ok_or_else(|| io::Error::from_raw_os_error(ADDRESS_IN_USE))?;
        let queue = Arc::<Mutex<VecDeque<PodConnection>>>::default();
        ports.listening.insert((self.address, port), Arc::clone(&queue));
        Ok(PodListener {
            queue,
            place: (self.address, port),
            fabric: self.fabric.clone(),
        })
    }

    /// Connects to another pod. An address that no pod has never answers.
    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<PodConnection> {
        elapse(LATENCY).await;
        let connected = self.knock(to);
        match connected {
            Some(outcome) => {
                elapse(LATENCY).await;
                outcome
            }
            None => std::future::pending().await,
        }
    }

    fn knock(&self, to: SocketAddr) -> Option<io::Result<PodConnection>> {
        let ports = self.fabric.ports();
        let news = ports.pods.get(&to.ip())?;
        let Some(queue) = ports.listening.get(&(to.ip(), to.port())) else {
            return Some(Err(io::Error::from_raw_os_error(CONNECTION_REFUSED)));
        };
        let (there, back) = (Arc::<Pipe>::default(), Arc::<Pipe>::default());
        let theirs = PodConnection {
            incoming: Arc::clone(&there),
            outgoing: Arc::clone(&back),
            other_side: Arc::clone(&self.news),
        };
        let ours = PodConnection {
            incoming: back,
            outgoing: there,
            other_side: Arc::clone(news),
        };
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(theirs);
        news.notify_waiters();
        Some(Ok(ours))
    }

    /// Waits until somebody knocks at `listener`, or one of `connections` has something to read or is over.
    pub(crate) async fn wait(&self, listener: Option<&PodListener>, connections: &[&PodConnection]) {
        loop {
            let news = self.news.notified();
            let mut news = std::pin::pin!(news);
            news.as_mut().enable();
            let knocked = listener.is_some_and(PodListener::has_guests);
            if knocked || connections.iter().any(|connection| connection.has_news()) {
                return;
            }
            news.await;
        }
    }
}

/// Takes connections in at a port.
#[derive(Debug)]
pub(crate) struct PodListener {
    queue: Arc<Mutex<VecDeque<PodConnection>>>,
    place: (IpAddr, u16),
    fabric: Fabric,
}

impl PodListener {
    fn queue(&self) -> MutexGuard<'_, VecDeque<PodConnection>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_guests(&self) -> bool {
        !self.queue().is_empty()
    }
}

impl Drop for PodListener {
    fn drop(&mut self) {
        let mut ports = self.fabric.ports();
        // A pod that came later may have the place by now.
        if ports
            .listening
            .get(&self.place)
            .is_some_and(|queue| Arc::ptr_eq(queue, &self.queue))
        {
            ports.listening.remove(&self.place);
        }
    }
}

impl Listener for PodListener {
    type Connection = PodConnection;

    fn accept(&self) -> Option<PodConnection> {
        self.queue().pop_front()
    }
}

/// What one side sends and the other has not read yet.
#[derive(Debug, Default)]
struct Pipe(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    bytes: VecDeque<u8>,
    is_over: bool,
}

impl Pipe {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct PodConnection {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    other_side: Arc<Notify>,
}

impl PodConnection {
    fn has_news(&self) -> bool {
        let content = self.incoming.content();
        content.is_over || !content.bytes.is_empty()
    }
}

impl Drop for PodConnection {
    fn drop(&mut self) {
        self.outgoing.content().is_over = true;
        self.other_side.notify_waiters();
    }
}

impl Connection for PodConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut content = self.incoming.content();
        if content.bytes.is_empty() {
            return if content.is_over {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let length = buffer.len().min(content.bytes.len());
        for (place, byte) in buffer.iter_mut().zip(content.bytes.drain(..length)) {
            *place = byte;
        }
        Ok(length)
    }

    async fn write(&mut self, bytes: &[u8], _limit: Duration) -> io::Result<()> {
        elapse(LATENCY).await;
        self.outgoing.content().bytes.extend(bytes);
        self.other_side.notify_waiters();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> (Endpoint, Endpoint) {
        let fabric = Fabric::default();
        (
            fabric.plug_in("10.128.0.1".parse().unwrap()),
            fabric.plug_in("10.128.1.1".parse().unwrap()),
        )
    }

    fn place(endpoint: &Endpoint, port: u16) -> SocketAddr {
        SocketAddr::new(endpoint.address, port)
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_side_writes_the_other_reads_until_it_is_over() {
        let (one, two) = pods();
        let listener = two.listen(80).unwrap();
        let mut ours = one.connect(place(&two, 80)).await.unwrap();
        two.wait(Some(&listener), &[]).await;
        let mut theirs = listener.accept().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(
            theirs.read(&mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        ours.write(b"hello", Duration::from_secs(1)).await.unwrap();
        two.wait(None, &[&theirs]).await;
        assert_eq!(theirs.read(&mut buffer).unwrap(), 5);
        drop(ours);
        two.wait(None, &[&theirs]).await;
        assert_eq!(theirs.read(&mut buffer).unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_without_a_listener_refuses_and_an_address_without_a_pod_is_silent() {
        let (one, two) = pods();
        let refused = one.connect(place(&two, 80)).await.unwrap_err();
        assert_eq!(refused.to_string(), "Connection refused (os error 111)");
        let nobody = one.connect("10.128.9.9:80".parse().unwrap());
        assert!(
            tokio::time::timeout(Duration::from_secs(5), nobody)
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_is_taken_until_its_listener_goes() {
        let (one, _) = pods();
        let listener = one.listen(80).unwrap();
        assert_eq!(one.listen(80).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(one.listen(80).is_ok());
    }
}
