//! Ctrl-C once stops cleanly; twice stops at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made, so that no interrupt is missed.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the signals can't be caught.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Resolves at the next interrupt.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}
