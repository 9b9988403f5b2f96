//! Readiness by systemd's notification protocol: a datagram `READY=1` on the socket named in `NOTIFY_SOCKET`.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The socket on which one process says that it is ready.
pub(super) struct ReadySocket {
    path: PathBuf,
    socket: UnixDatagram,
}

impl ReadySocket {
    /// Opens the socket in `folder`; a stale one of an earlier process of that name is replaced.
    pub(super) fn open(folder: &Path, process: &str) -> io::Result<Self> {
        let path = folder.join(format!("{process}.ready"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&path)?;
        Ok(Self { path, socket })
    }

    /// What the process finds in `NOTIFY_SOCKET`.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Blocks until the process says that it is ready (true), or [`ReadySocket::give_up`] is called (false).
    pub(super) fn wait(&self) -> io::Result<bool> {
        let mut message = [0_u8; 4096];
        loop {
            let length = self.socket.recv(&mut message)?;
            if says(&message[..length], READY) {
                return Ok(true);
            }
            if says(&message[..length], ENDED) {
                return Ok(false);
            }
        }
    }

    /// Ends [`ReadySocket::wait`] for a process that will not say anything any more.
    pub(super) fn give_up(&self) -> io::Result<()> {
        UnixDatagram::unbound()?.send_to(ENDED, &self.path).map(drop)
    }
}

impl Drop for ReadySocket {
    fn drop(&mut self) {
        // A leftover is replaced by the next process of that name.
        let _ = std::fs::remove_file(&self.path);
    }
}

const READY: &[u8] = b"READY=1";
/// Not part of systemd's protocol: the keeper's word to itself.
const ENDED: &[u8] = b"PLIMSOLL_ENDED=1";

fn says(message: &[u8], what: &[u8]) -> bool {
    message.split(|byte| *byte == b'\n').any(|line| line == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_says_so_means_ready() {
        assert!(says(b"READY=1", READY));
        assert!(says(b"STATUS=serving\nREADY=1\n", READY));
        assert!(!says(b"STATUS=READY=1", READY));
        assert!(!says(b"STOPPING=1", READY));
        assert!(!says(b"", READY));
    }

    #[test]
    fn a_process_is_ready_when_its_datagram_arrives_and_not_by_others() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let ready = ReadySocket::open(folder.path(), "etcd")?;
        let sender = UnixDatagram::unbound()?;
        sender.send_to(b"STATUS=starting", ready.path())?;
        sender.send_to(b"READY=1", ready.path())?;
        assert!(ready.wait()?);
        Ok(())
    }

    #[test]
    fn giving_up_ends_the_wait_of_a_process_that_died() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let ready = ReadySocket::open(folder.path(), "etcd")?;
        ready.give_up()?;
        assert!(!ready.wait()?);
        Ok(())
    }

    #[test]
    fn a_socket_left_by_a_killed_predecessor_is_replaced() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        std::mem::forget(ReadySocket::open(folder.path(), "etcd")?);
        ReadySocket::open(folder.path(), "etcd").map(drop)
    }
}
