//! Lines of JSON over a connection that is not waited for.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Connection;

/// A member that does not take its line within this time is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The part of a line that has come so far.
#[derive(Debug)]
pub(super) struct Incoming {
    text: Vec<u8>,
    limit: usize,
}

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<T> {
    /// A whole line.
    Line(T),
    /// More is to come.
    Partial,
    /// Nothing will come that could be used: the connection ended, or said something else.
    Over,
}

impl Incoming {
    /// Lines of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            text: Vec::new(),
            limit,
        }
    }

    /// Takes in what has arrived.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, connection: &mut impl Connection) -> Received<T> {
        let mut buffer = [0; 4096];
        loop {
            let length = match connection.read(&mut buffer) {
                Ok(0) => return Received::Over,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Received::Partial,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Received::Over,
            };
            self.text
                .extend_from_slice(buffer.get(..length).unwrap_or_default());
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line = self.text.get(..end).unwrap_or_default();
                return serde_json::from_slice(line).map_or(Received::Over, Received::Line);
            }
            if self.text.len() > self.limit {
                return Received::Over;
            }
        }
    }
}

/// Sends a line, waiting for the other side to take it, though not for long.
pub(super) async fn send<T: Serialize>(connection: &mut impl Connection, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    connection.write(&line, WRITE_TIMEOUT).await
}
