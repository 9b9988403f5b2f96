//! The system that the process really runs on.

mod kernel;
mod network;
mod stop;
mod storage;
mod walk;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Clock, Host, Orphans, Process, Rest};
use crate::protocol::Errno;
use stop::Stop;
use storage::LinuxStorage;

/// The file that the kubelet reads a container's last words from.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// The running kernel, and the requests to stop that it passes on.
#[derive(Debug)]
pub struct Linux {
    stop: Stop,
}

impl Linux {
    /// Takes over the signals by which container runtimes and people stop a process. The first process of a container
    /// ignores every signal that it does not handle, so this is to be had before anything else.
    ///
    /// # Errors
    /// When the kernel has no descriptors left.
    pub fn start() -> io::Result<Self> {
        Stop::on_signals().map(|stop| Self { stop })
    }
}

/// Runs a program over [`Linux`], whose futures are ready when they are polled: they wait in the kernel.
pub fn run_now<F: Future>(program: F) -> F::Output {
    let mut program = pin!(program);
    loop {
        if let Poll::Ready(output) = program.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

impl Clock for Linux {
    fn unix(&self) -> Duration {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Duration::try_from(now).unwrap_or_default()
    }

    async fn rest(&self, duration: Duration) -> Rest {
        match self.stop.wait(&[], Some(duration)) {
            Ok(woken) if !woken.stopped => Rest::Over,
            // A kernel that cannot wait any more will not let anything else work either.
            Ok(_) | Err(_) => Rest::Stopped,
        }
    }
}

impl Host for Linux {
    type Storage = LinuxStorage;

    fn open_storage(&self, path: &Path) -> Result<LinuxStorage, Errno> {
        LinuxStorage::open(path)
    }

    fn process(&self) -> Process {
        Process {
            id: std::process::id(),
            user: rustix::process::geteuid().as_raw(),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    fn make_file(&self, path: &Path) -> io::Result<bool> {
        match fs::OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn log(&self, text: &str) -> io::Result<()> {
        let mut log = io::stdout().lock();
        log.write_all(text.as_bytes())?;
        log.flush()
    }

    fn complain(&self, text: &str) {
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn leave_message(&self, text: &str) {
        // Only where the kubelet made it: anywhere else it would be one more file in /dev.
        if Path::new(TERMINATION_LOG).is_file() {
            // The log has it all; the message is a convenience.
            let _ = fs::write(TERMINATION_LOG, text);
        }
    }

    async fn hold(&self, orphans: Orphans) -> io::Result<()> {
        match orphans {
            Orphans::Ignored => self.stop.hold(),
            Orphans::Reaped => self.stop.hold_and_reap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_go_forward() {
        let linux = Linux::start().unwrap();
        let before = linux.monotonic();
        assert_eq!(run_now(linux.rest(Duration::from_millis(2))), Rest::Over);
        assert!(linux.monotonic() - before >= Duration::from_millis(2));
        assert!(linux.unix() > Duration::from_secs(1_700_000_000));
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_no_time() {
        let linux = Linux::start().unwrap();
        assert_eq!(linux.until(Duration::ZERO), Duration::ZERO);
    }
}
