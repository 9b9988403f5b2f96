//! Every other rank: finds rank 0, says that it is there, and waits to be told who came.

use std::net::SocketAddr;
use std::time::Duration;

use super::line::{Incoming, Received, send};
use super::roll::{Hello, Roll, Roster};
use super::{BarrierError, Leader, Outcome, Rendezvous};
use crate::dns::ResolveError;
use crate::host::{Clock, Network, Rest, Unanswered, millis};

/// A thousand members make a roster of 50 KiB.
const ROSTER_BYTES: usize = 16 << 20;
/// Between two attempts: rank 0 may not have been scheduled yet, and nothing tells when it is.
const PAUSE: Duration = Duration::from_millis(200);
/// For one attempt to connect: an address may be that of a pod that is gone.
const CONNECT: Duration = Duration::from_secs(2);

/// Goes to rank 0, again and again until the deadline.
pub(super) async fn follow(
    rendezvous: &Rendezvous,
    leader: &Leader,
    host: &(impl Clock + Network),
    deadline: Duration,
) -> Result<Outcome, BarrierError> {
    let came_at = millis(host.unix());
    loop {
        let failure = match attempt(rendezvous, leader, host, deadline).await {
            Ok(roster) => {
                return Ok(Outcome {
                    roll: Roll::told(rendezvous.size, &roster.came),
                    unreached: None,
                });
            }
            Err(Failure::Stopped) => return Err(BarrierError::Stopped),
            Err(Failure::Because(reason)) => reason,
        };
        let remaining = host.until(deadline);
        if remaining == Duration::ZERO {
            let mut roll = Roll::new(rendezvous.size);
            roll.arrive(rendezvous.rank, came_at);
            return Ok(Outcome {
                roll,
                unreached: Some(failure),
            });
        }
        if host.rest(PAUSE.min(remaining)).await == Rest::Stopped {
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

async fn attempt(
    rendezvous: &Rendezvous,
    leader: &Leader,
    host: &(impl Clock + Network),
    deadline: Duration,
) -> Result<Roster, Failure> {
    let addresses = leader.addresses(host, deadline).await?;
    let mut failure = Failure::Because("rank 0 has no address".to_owned());
    for address in addresses {
        match ask(rendezvous, address, host, deadline).await {
            Ok(roster) => return Ok(roster),
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}

impl Leader {
    async fn addresses(
        &self,
        host: &(impl Clock + Network),
        deadline: Duration,
    ) -> Result<Vec<SocketAddr>, Failure> {
        match self {
            Self::At(address) => Ok(vec![*address]),
            Self::Named { name, port, resolver } => match resolver.lookup(name, host, deadline).await {
                Ok(found) => Ok(found
                    .into_iter()
                    .map(|address| SocketAddr::new(address, *port))
                    .collect()),
                Err(ResolveError::Stopped) => Err(Failure::Stopped),
                Err(error) => Err(because(&format!("looking up {name}"), &error)),
            },
        }
    }
}

/// One visit: the hello, then as long a wait as there is for the roster.
async fn ask(
    rendezvous: &Rendezvous,
    address: SocketAddr,
    host: &(impl Clock + Network),
    deadline: Duration,
) -> Result<Roster, Failure> {
    let limit = host.until(deadline).min(CONNECT);
    let failed = |error: Unanswered| match error {
        Unanswered::Stopped => Failure::Stopped,
        Unanswered::Late | Unanswered::Failed(_) => because(&format!("connecting to {address}"), &error),
    };
    let mut connection = host.connect(address, limit).await.map_err(failed)?;
    let hello = Hello {
        group: rendezvous.group.clone(),
        size: rendezvous.size,
        rank: rendezvous.rank,
    };
    send(&mut connection, &hello)
        .await
        .map_err(|error| because(&format!("speaking to {address}"), &error))?;

    let mut incoming = Incoming::new(ROSTER_BYTES);
    loop {
        match host.wait(None, &[&connection], host.until(deadline)).await {
            Ok(()) => {}
            Err(Unanswered::Stopped) => return Err(Failure::Stopped),
            Err(Unanswered::Late) => {
                return Err(Failure::Because(format!(
                    "{address} did not say who came before the deadline"
                )));
            }
            Err(Unanswered::Failed(error)) => return Err(because("waiting for the network", &error)),
        }
        match incoming.receive::<Roster>(&mut connection) {
            Received::Line(roster) => return Ok(roster),
            Received::Partial => {}
            Received::Over => return Err(Failure::Because(format!("{address} ended the connection"))),
        }
    }
}
