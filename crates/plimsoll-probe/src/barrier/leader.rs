//! Rank 0: listens, ticks members off, and tells everybody who came.

use std::collections::BTreeSet;
use std::time::Duration;

use super::line::{Incoming, Received, send};
use super::roll::{Hello, Roll, Roster};
use super::{BarrierError, Outcome, Rendezvous};
use crate::Say;
use crate::host::{Clock, Connection, Listener as _, Network, Unanswered, millis};
use crate::protocol::Report;

/// A hello is a short line.
const HELLO_BYTES: usize = 1024;

/// A connection: of a member, once it has said which.
struct Guest<C> {
    connection: C,
    incoming: Incoming,
    rank: Option<u32>,
}

/// Waits for everybody, or for the deadline, and says who came.
pub(super) async fn lead<H: Clock + Network>(
    rendezvous: &Rendezvous,
    listener: &H::Listener,
    host: &H,
    deadline: Duration,
    say: Say<'_>,
) -> Result<Outcome, BarrierError> {
    let mut roll = Roll::new(rendezvous.size);
    let mut guests: Vec<Guest<H::Connection>> = Vec::new();
    // Strangers may knock as well; that many are heard at once, and no more.
    let room = usize::try_from(rendezvous.size)
        .unwrap_or(usize::MAX)
        .saturating_mul(2)
        .saturating_add(16);

    if let Some(own) = roll.arrive(rendezvous.rank, millis(host.unix())) {
        say(Report::Arrival(own))?;
    }
    while !roll.is_complete() {
        let remaining = host.until(deadline);
        if remaining == Duration::ZERO {
            break;
        }
        wait(listener, &guests, room, host, remaining).await?;
        admit::<H>(listener, &mut guests, room);
        for rank in hear(&mut guests, rendezvous) {
            if let Some(arrival) = roll.arrive(rank, millis(host.unix())) {
                say(Report::Arrival(arrival))?;
            }
        }
    }
    let roster = Roster { came: roll.came() };
    for guest in guests.iter_mut().filter(|guest| guest.rank.is_some()) {
        // Who does not take it knows no more than that it came; its own report says so.
        let _ = send(&mut guest.connection, &roster).await;
    }
    Ok(Outcome {
        roll,
        unreached: None,
    })
}

/// Waits until somebody knocks or speaks, or time is up.
async fn wait<H: Network>(
    listener: &H::Listener,
    guests: &[Guest<H::Connection>],
    room: usize,
    host: &H,
    remaining: Duration,
) -> Result<(), BarrierError> {
    let silent: Vec<&H::Connection> = guests
        .iter()
        .filter(|guest| guest.rank.is_none())
        .map(|guest| &guest.connection)
        .collect();
    let listener = (guests.len() < room).then_some(listener);
    match host.wait(listener, &silent, remaining).await {
        Ok(()) | Err(Unanswered::Late) => Ok(()),
        Err(Unanswered::Stopped) => Err(BarrierError::Stopped),
        Err(Unanswered::Failed(error)) => Err(BarrierError::Wait(error)),
    }
}

fn admit<H: Network>(listener: &H::Listener, guests: &mut Vec<Guest<H::Connection>>, room: usize) {
    while guests.len() < room {
        let Some(connection) = listener.accept() else {
            break;
        };
        guests.push(Guest {
            connection,
            incoming: Incoming::new(HELLO_BYTES),
            rank: None,
        });
    }
}

/// Reads what the guests who have not spoken yet say. Strangers are shown out; a member who comes again, as after a
/// restart of its container, takes the place of its former self.
fn hear<C: Connection>(guests: &mut Vec<Guest<C>>, rendezvous: &Rendezvous) -> Vec<u32> {
    let mut spoke = Vec::new();
    guests.retain_mut(|guest| {
        if guest.rank.is_some() {
            return true;
        }
        match guest.incoming.receive::<Hello>(&mut guest.connection) {
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
