//! What goes on at the same time on a platform's nodes, for as long as the platform does.

use std::future::Future;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Starts tasks that end with the platform. Clones start them in the same place.
#[derive(Clone, Debug)]
pub(crate) struct Tasks(mpsc::UnboundedSender<BoxFuture<'static, ()>>);

impl Tasks {
    /// Where tasks are started, and what runs them: they end when it is dropped.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let run = async move {
            let mut running = JoinSet::new();
            loop {
                tokio::select! {
                    biased;
                    task = receiver.recv() => match task {
                        Some(task) => drop(running.spawn(task)),
                        None => return,
                    },
                    Some(_) = running.join_next() => {}
                }
            }
        };
        (Self(sender), run)
    }

    /// Starts a task.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Nobody is there any more: the platform has stopped.
        let _ = self.0.send(Box::pin(task));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn tasks_end_with_what_runs_them() {
        let (tasks, run) = Tasks::new();
        let runner = tokio::spawn(run);
        let held = Arc::new(());
        let own = Arc::clone(&held);
        tasks.spawn(async move {
            let _own = own;
            std::future::pending().await
        });
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2);
        runner.abort();
        assert!(runner.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
