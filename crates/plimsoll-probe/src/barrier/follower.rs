//! Every other rank: finds rank 0, says that it is there, and waits to be told who came.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::line::{Incoming, Received, send};
use super::roll::{Hello, Roll, Roster};
use super::{BarrierError, Leader, Outcome, Rendezvous};
use crate::host::{Clock, Rest, Stop, SystemClock, millis};

/// A thousand members make a roster of 50 KiB.
const ROSTER_BYTES: usize = 16 << 20;
/// Between two attempts: rank 0 may not have been scheduled yet, and nothing tells when it is.
const PAUSE: Duration = Duration::from_millis(200);
/// For one attempt to connect: an address may be that of a pod that is gone.
const CONNECT: Duration = Duration::from_secs(2);

/// Goes to rank 0, again and again until the deadline.
pub(super) fn follow(
    rendezvous: &Rendezvous,
    leader: &Leader,
    stop: &Stop,
    deadline: Instant,
) -> Result<Outcome, BarrierError> {
    let mut clock = SystemClock::new(stop);
    let came_at = millis(clock.unix());
    loop {
        let failure = match attempt(rendezvous, leader, stop, deadline) {
            Ok(roster) => {
                return Ok(Outcome {
                    roll: Roll::told(rendezvous.size, &roster.came),
                    unreached: None,
                });
            }
            Err(Failure::Stopped) => return Err(BarrierError::Stopped),
            Err(Failure::Because(reason)) => reason,
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining == Duration::ZERO {
            let mut roll = Roll::new(rendezvous.size);
            roll.arrive(rendezvous.rank, came_at);
            return Ok(Outcome {
                roll,
                unreached: Some(failure),
            });
        }
        if clock.rest(PAUSE.min(remaining)) == Rest::Stopped {
            return Err(BarrierError::Stopped);
        }
    }
}

/// Why an attempt led to nothing.
enum Failure {
    Stopped,
    Because(String),
}

fn because(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Because(format!("{what}: {error}"))
}

fn attempt(
    rendezvous: &Rendezvous,
    leader: &Leader,
    stop: &Stop,
    deadline: Instant,
) -> Result<Roster, Failure> {
    let addresses = leader.addresses(stop, deadline)?;
    let mut failure = Failure::Because("rank 0 has no address".to_owned());
    for address in addresses {
        match ask(rendezvous, address, stop, deadline) {
            Ok(roster) => return Ok(roster),
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}

impl Leader {
    fn addresses(&self, stop: &Stop, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
        match self {
            Self::At(address) => Ok(vec![*address]),
            Self::Named { name, port, resolver } => match resolver.lookup(name, stop, deadline) {
                Ok(found) => Ok(found
                    .into_iter()
                    .map(|address| SocketAddr::new(address, *port))
                    .collect()),
                Err(crate::dns::ResolveError::Stopped) => Err(Failure::Stopped),
                Err(error) => Err(because(&format!("looking up {name}"), &error)),
            },
        }
    }
}

/// One visit: the hello, then as long a wait as there is for the roster.
fn ask(
    rendezvous: &Rendezvous,
    address: SocketAddr,
    stop: &Stop,
    deadline: Instant,
) -> Result<Roster, Failure> {
    let limit = deadline.saturating_duration_since(Instant::now()).min(CONNECT);
    let mut stream = connect(address, stop, limit)?;
    let hello = Hello {
        group: rendezvous.group.clone(),
        size: rendezvous.size,
        rank: rendezvous.rank,
    };
    send(&mut stream, &hello).map_err(|error| because(&format!("speaking to {address}"), &error))?;

    let mut incoming = Incoming::new(ROSTER_BYTES);
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if !ready(&stream, PollFlags::IN, stop, remaining)? {
            return Err(Failure::Because(format!(
                "{address} did not say who came before the deadline"
            )));
        }
        match incoming.receive::<Roster>(&mut stream) {
            Received::Line(roster) => return Ok(roster),
            Received::Partial => {}
            Received::Over => return Err(Failure::Because(format!("{address} ended the connection"))),
        }
    }
}

/// Connects without blocking, so that a request to stop is heard meanwhile.
fn connect(address: SocketAddr, stop: &Stop, limit: Duration) -> Result<TcpStream, Failure> {
    let failed =
        |error: rustix::io::Errno| because(&format!("connecting to {address}"), &io::Error::from(error));
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(failed)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(failed(error)),
    }
    let stream = TcpStream::from(socket);
    if !ready(&stream, PollFlags::OUT, stop, limit)? {
        return Err(Failure::Because(format!("connecting to {address}: no answer")));
    }
    match stream.take_error() {
        Ok(None) => Ok(stream),
        Ok(Some(error)) | Err(error) => Err(because(&format!("connecting to {address}"), &error)),
    }
}

/// Waits until the stream is ready. False when it was not in time.
fn ready(stream: &TcpStream, events: PollFlags, stop: &Stop, limit: Duration) -> Result<bool, Failure> {
    let woken = stop
        .wait(&[(stream.as_fd(), events)], Some(limit))
        .map_err(|error| because("waiting for the network", &error))?;
    if woken.stopped {
        Err(Failure::Stopped)
    } else {
        Ok(woken.ready.contains(&true))
    }
}
