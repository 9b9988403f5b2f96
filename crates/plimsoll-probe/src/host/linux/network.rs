//! The kernel's sockets, none of which blocks: waiting is for them and for a request to stop alike.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Linux;
use crate::host::{Clock as _, Connection, Listener, Network, Unanswered};

/// More than any answer by UDP: a cluster's servers may use up to 4096 bytes.
const PACKET_BYTES: usize = 8192;

impl Linux {
    /// Waits until one of the descriptors has something.
    fn ready(&self, descriptors: &[(BorrowedFd<'_>, PollFlags)], limit: Duration) -> Result<(), Unanswered> {
        let woken = self.stop.wait(descriptors, Some(limit))?;
        if woken.stopped {
            Err(Unanswered::Stopped)
        } else if woken.ready.contains(&true) {
            Ok(())
        } else {
            Err(Unanswered::Late)
        }
    }
}

impl Network for Linux {
    type Listener = TcpListener;
    type Connection = TcpStream;

    fn listen(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
    }

    async fn connect(&self, address: SocketAddr, limit: Duration) -> Result<TcpStream, Unanswered> {
        let family = if address.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(io::Error::from)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let stream = TcpStream::from(socket);
        self.ready(&[(stream.as_fd(), PollFlags::OUT)], limit)?;
        match stream.take_error()? {
            None => Ok(stream),
            Some(error) => Err(error.into()),
        }
    }

    async fn wait(
        &self,
        listener: Option<&TcpListener>,
        connections: &[&TcpStream],
        limit: Duration,
    ) -> Result<(), Unanswered> {
        let mut descriptors: Vec<_> = connections
            .iter()
            .map(|connection| (connection.as_fd(), PollFlags::IN))
            .collect();
        descriptors.extend(listener.map(|listener| (listener.as_fd(), PollFlags::IN)));
        self.ready(&descriptors, limit)
    }

    async fn ask(
        &self,
        server: SocketAddr,
        question: &[u8],
        limit: Duration,
        fits: &(dyn Fn(&[u8]) -> bool + Sync),
    ) -> Result<Vec<u8>, Unanswered> {
        let here: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((here, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(server)?;
        socket.send(question)?;

        let deadline = self.monotonic().saturating_add(limit);
        let mut buffer = vec![0; PACKET_BYTES];
        loop {
            self.ready(&[(socket.as_fd(), PollFlags::IN)], self.until(deadline))?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let packet = buffer.get(..length).unwrap_or_default();
                    if fits(packet) {
                        return Ok(packet.to_vec());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Listener for TcpListener {
    type Connection = TcpStream;

    fn accept(&self) -> Option<TcpStream> {
        let (stream, _) = self.accept().ok()?;
        stream.set_nonblocking(true).ok().map(|()| stream)
    }
}

impl Connection for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    async fn write(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        self.set_nonblocking(false)?;
        self.set_write_timeout(Some(limit))?;
        self.write_all(bytes)?;
        self.set_nonblocking(true)
    }
}
