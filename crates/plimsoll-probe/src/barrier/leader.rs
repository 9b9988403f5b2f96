//! Rank 0: listens, ticks members off, and tells everybody who came.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::line::{Incoming, Received, send};
use super::roll::{Hello, Roll, Roster};
use super::{BarrierError, Outcome, Rendezvous};
use crate::host::{Clock, Stop, SystemClock, millis};
use crate::protocol::Report;

/// A hello is a short line.
const HELLO_BYTES: usize = 1024;

/// A connection: of a member, once it has said which.
struct Guest {
    stream: TcpStream,
    incoming: Incoming,
    rank: Option<u32>,
}

/// Listens on all addresses of the pod, of whichever family it has.
pub(super) fn listen(port: u16) -> Result<TcpListener, BarrierError> {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|source| BarrierError::Listen { port, source })
}

/// Waits for everybody, or for the deadline, and says who came.
pub(super) fn lead(
    rendezvous: &Rendezvous,
    listener: &TcpListener,
    stop: &Stop,
    deadline: Instant,
    say: &mut dyn FnMut(Report) -> io::Result<()>,
) -> Result<Outcome, BarrierError> {
    let clock = SystemClock::new(stop);
    let mut roll = Roll::new(rendezvous.size);
    let mut guests: Vec<Guest> = Vec::new();
    // Strangers may knock as well; that many are heard at once, and no more.
    let room = usize::try_from(rendezvous.size)
        .unwrap_or(usize::MAX)
        .saturating_mul(2)
        .saturating_add(16);

    if let Some(own) = roll.arrive(rendezvous.rank, millis(clock.unix())) {
        say(Report::Arrival(own))?;
    }
    while !roll.is_complete() {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining == Duration::ZERO {
            break;
        }
        wait(listener, &guests, room, stop, remaining)?;
        admit(listener, &mut guests, room);
        for rank in hear(&mut guests, rendezvous) {
            if let Some(arrival) = roll.arrive(rank, millis(clock.unix())) {
                say(Report::Arrival(arrival))?;
            }
        }
    }
    let roster = Roster { came: roll.came() };
    for guest in guests.iter_mut().filter(|guest| guest.rank.is_some()) {
        // Who does not take it knows no more than that it came; its own report says so.
        let _ = send(&mut guest.stream, &roster);
    }
    Ok(Outcome {
        roll,
        unreached: None,
    })
}

/// Waits until somebody knocks or speaks, or time is up.
fn wait(
    listener: &TcpListener,
    guests: &[Guest],
    room: usize,
    stop: &Stop,
    remaining: Duration,
) -> Result<(), BarrierError> {
    let silent = guests.iter().filter(|guest| guest.rank.is_none());
    let mut descriptors: Vec<_> = silent
        .map(|guest| (guest.stream.as_fd(), PollFlags::IN))
        .collect();
    if guests.len() < room {
        descriptors.push((listener.as_fd(), PollFlags::IN));
    }
    let woken = stop
        .wait(&descriptors, Some(remaining))
        .map_err(BarrierError::Wait)?;
    if woken.stopped {
        Err(BarrierError::Stopped)
    } else {
        Ok(())
    }
}

fn admit(listener: &TcpListener, guests: &mut Vec<Guest>, room: usize) {
    while guests.len() < room {
        let Ok((stream, _)) = listener.accept() else { break };
        if stream.set_nonblocking(true).is_ok() {
            guests.push(Guest {
                stream,
                incoming: Incoming::new(HELLO_BYTES),
                rank: None,
            });
        }
    }
}

/// Reads what the guests who have not spoken yet say. Strangers are shown out; a member who comes again, as after a
/// restart of its container, takes the place of its former self.
fn hear(guests: &mut Vec<Guest>, rendezvous: &Rendezvous) -> Vec<u32> {
    let mut spoke = Vec::new();
    guests.retain_mut(|guest| {
        if guest.rank.is_some() {
            return true;
        }
        match guest.incoming.receive::<Hello>(&mut guest.stream) {
            Received::Partial => true,
            Received::Line(hello) if rendezvous.welcomes(&hello) => {
                guest.rank = Some(hello.rank);
                spoke.push(hello.rank);
                true
            }
            Received::Line(_) | Received::Over => false,
        }
    });
    let mut seen = BTreeSet::new();
    guests.reverse();
    guests.retain(|guest| guest.rank.is_none_or(|rank| seen.insert(rank)));
    guests.reverse();
    spoke
}
