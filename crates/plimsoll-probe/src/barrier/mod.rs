//! A rendezvous: all members of a group say that they are there, and all learn who was.
//!
//! Rank 0 listens; the others find it by name and connect. Members start at different times, and rank 0's name may lead
//! nowhere until its pod runs, so the others try again until their own deadline. All waiting ends at once when the process
//! is asked to stop.

mod follower;
mod leader;
mod line;
mod roll;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Say;
use crate::dns::Resolver;
use crate::host::{Clock, Network, millis};
use crate::protocol::{Barrier, Report, Summary};
use roll::{Hello, Roll};

/// A member's part in a rendezvous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendezvous {
    /// The group's name: members of another one are not counted.
    pub group: String,
    /// Which member this is, from 0.
    pub rank: u32,
    /// How many members there are.
    pub size: u32,
    /// How long to wait for the others.
    pub patience: Duration,
}

/// Where rank 0 is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leader {
    /// At an address.
    At(SocketAddr),
    /// At the addresses that a name leads to.
    Named {
        /// The name.
        name: String,
        /// The port.
        port: u16,
        /// Who knows about names.
        resolver: Resolver,
    },
}

/// A rendezvous that could not be held.
#[derive(Debug, thiserror::Error)]
pub enum BarrierError {
    /// The port is taken, or low and forbidden.
    #[error("rank 0 cannot listen on port {port}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses to wait.
    #[error("cannot wait for the network")]
    Wait(#[source] io::Error),
    /// The process is asked to stop.
    #[error("asked to stop")]
    Stopped,
    /// Nobody listens to reports any more.
    #[error("cannot write a report")]
    Say(#[from] io::Error),
}

/// What a member knows in the end.
struct Outcome {
    roll: Roll,
    unreached: Option<String>,
}

impl Rendezvous {
    /// Waits for the others, as rank 0, on `port`.
    ///
    /// # Errors
    /// When the port cannot be had, the process is asked to stop, and those of `say`.
    pub async fn lead<H: Clock + Network>(
        &self,
        port: u16,
        host: &H,
        say: Say<'_>,
    ) -> Result<Summary, BarrierError> {
        let listener = host
            .listen(port)
            .map_err(|source| BarrierError::Listen { port, source })?;
        let began = host.monotonic();
        let deadline = began.saturating_add(self.patience);
        let outcome = leader::lead(self, &listener, host, deadline, &mut *say).await?;
        self.tell(outcome, host.monotonic().saturating_sub(began), say)
    }

    /// Waits for the others, as any other rank.
    ///
    /// # Errors
    /// When the process is asked to stop, and those of `say`. Not reaching rank 0 is a result, not an error.
    pub async fn follow<H: Clock + Network>(
        &self,
        leader: &Leader,
        host: &H,
        say: Say<'_>,
    ) -> Result<Summary, BarrierError> {
        let began = host.monotonic();
        let outcome = follower::follow(self, leader, host, began.saturating_add(self.patience)).await?;
        self.tell(outcome, host.monotonic().saturating_sub(began), say)
    }

    fn tell(&self, outcome: Outcome, waited: Duration, say: Say<'_>) -> Result<Summary, BarrierError> {
        let Outcome { roll, unreached } = outcome;
        let (complete, came) = (roll.is_complete(), roll.came());
        let summary = Summary::Barrier {
            complete,
            came: came.len() as u64,
            size: u64::from(self.size),
        };
        say(Report::Barrier(Barrier {
            rank: self.rank,
            size: self.size,
            complete,
            came,
            missing: roll.missing(),
            waited_ms: millis(waited),
            unreached,
        }))?;
        Ok(summary)
    }

    fn welcomes(&self, hello: &Hello) -> bool {
        hello.group == self.group
            && hello.size == self.size
            && hello.rank < self.size
            && hello.rank != self.rank
    }
}

#[cfg(test)]
mod tests;
