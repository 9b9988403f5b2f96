//! Being asked to stop, and waiting for anything else meanwhile.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Requests to stop. The first process of a container ignores every signal that it does not handle, so this is to be
/// had before anything else.
#[derive(Debug)]
pub(super) struct Stop {
    requests: UnixStream,
}

/// What was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Woken {
    /// Whether the process is asked to stop.
    pub(super) stopped: bool,
    /// Whether each of the descriptors has something, in their order.
    pub(super) ready: Vec<bool>,
}

impl Stop {
    /// Takes over the signals by which container runtimes and people stop a process.
    ///
    /// # Errors
    /// When the kernel has no descriptors left.
    pub(super) fn on_signals() -> io::Result<Self> {
        let (requests, sender) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self { requests })
    }

    /// Waits until one of `others` has something, the process is asked to stop, or the time has passed.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub(super) fn wait(
        &self,
        others: &[(BorrowedFd<'_>, PollFlags)],
        timeout: Option<Duration>,
    ) -> io::Result<Woken> {
        // A moment too far away to be told is never reached either.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut descriptors = vec![PollFd::new(&self.requests, PollFlags::IN)];
        descriptors.extend(
            others
                .iter()
                .map(|(other, events)| PollFd::from_borrowed_fd(*other, *events)),
        );
        loop {
            let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let remaining = remaining.and_then(|remaining| Timespec::try_from(remaining).ok());
            match poll(&mut descriptors, remaining.as_ref()) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut ready = descriptors
            .iter()
            .map(|descriptor| !descriptor.revents().is_empty());
        Ok(Woken {
            stopped: ready.next().unwrap_or(false),
            ready: ready.collect(),
        })
    }

    /// Waits until the process is asked to stop.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub(super) fn hold(&self) -> io::Result<()> {
        while !self.wait(&[], None)?.stopped {}
        Ok(())
    }

    /// Does what the first process of a sandbox has to: waits to be stopped, and takes leave of the processes that
    /// ended without anybody else to do so.
    ///
    /// # Errors
    /// When the kernel refuses to wait.
    pub(super) fn hold_and_reap(&self) -> io::Result<()> {
        use std::io::Read as _;
        let (mut ended, sender) = UnixStream::pair()?;
        ended.set_nonblocking(true)?;
        pipe::register(SIGCHLD, sender)?;
        loop {
            // Before the first wait as well: a child may have ended before its signal was handled.
            while matches!(
                rustix::process::wait(rustix::process::WaitOptions::NOHANG),
                Ok(Some(_))
            ) {}
            if self.wait(&[(ended.as_fd(), PollFlags::IN)], None)?.stopped {
                return Ok(());
            }
            while matches!(ended.read(&mut [0; 64]), Ok(1..)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end_with_the_time_or_with_a_descriptor() {
        let stop = Stop::on_signals().unwrap();
        let nothing = stop.wait(&[], Some(Duration::from_millis(1))).unwrap();
        assert_eq!(
            nothing,
            Woken {
                stopped: false,
                ready: Vec::new()
            }
        );

        let (one, other) = UnixStream::pair().unwrap();
        drop(other);
        let woken = stop.wait(&[(one.as_fd(), PollFlags::IN)], None).unwrap();
        assert_eq!(
            woken,
            Woken {
                stopped: false,
                ready: vec![true]
            }
        );
    }
}
