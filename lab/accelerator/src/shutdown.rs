//! The one signal that ends all parts of a process.

use std::{future::Future, time::Duration};

use tokio::sync::watch;

/// Ends everything that holds a [`Shutdown`]; dropping it does too.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

/// A part's view of whether it should end.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// The two ends of a signal.
pub(crate) fn channel() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

impl Stop {
    /// Tells all parts to end.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when it is time to end.
    pub(crate) async fn wait(&self) {
        let mut receiver = self.0.clone();
        // An error means that the other end is gone, which ends us too.
        let _ended = receiver.wait_for(|stop| *stop).await;
    }

    /// Lets a pace go by; false when it is time to end instead.
    pub(crate) async fn pace(&self, pace: Duration) -> bool {
        tokio::time::timeout(pace, self.wait()).await.is_err()
    }

    /// What `future` comes to, or `None` when it is time to end first.
    pub(crate) async fn unless_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            output = future => Some(output),
        }
    }
}

/// Resolves when the process is asked to end by a signal.
pub(crate) async fn asked_by_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pace_ends_early_when_told_to_stop() {
        let (stop, shutdown) = channel();
        assert!(shutdown.pace(Duration::from_secs(1)).await);
        stop.stop();
        assert!(!shutdown.pace(Duration::from_secs(3600)).await);
        assert_eq!(shutdown.unless_stopped(async { 1 }).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn everything_ends_when_the_owner_is_gone() {
        let (stop, shutdown) = channel();
        drop(stop);
        shutdown.wait().await;
    }
}
