//! A container while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use plimsoll_apiserver::elapse;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ContainerLog, Program, Surroundings, host::ContainerHost};
use crate::node::tasks::Tasks;

/// The exit status of a process that was killed, and of one that could not be started.
const KILLED: i32 = 137;
const NOT_STARTED: i32 = 128;

/// A container that was started. Clones are the same one; it ends when it is killed or its program does.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    /// Its id, as the runtime knows it.
    pub(crate) id: String,
    /// When it was started.
    pub(crate) started: Timestamp,
    /// Its log.
    pub(crate) log: ContainerLog,
    stop: Arc<watch::Sender<bool>>,
    kill: Arc<watch::Sender<bool>>,
    ended: watch::Receiver<Option<Ended>>,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Its exit status.
    pub(crate) code: i32,
    /// When.
    pub(crate) at: Timestamp,
    /// The same moment on the runtime's own clock.
    pub(crate) moment: Instant,
    /// Its termination message.
    pub(crate) message: Option<String>,
    /// Whether its program ever ran.
    pub(crate) has_run: bool,
}

impl Container {
    /// Starts a program in it.
    pub(crate) fn start(tasks: &Tasks, id: String, program: Program, around: Surroundings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (kill, mut killed) = watch::channel(false);
        let (tell, ended) = watch::channel(None);
        let (clock, log) = (around.clock, around.log.clone());
        let message = Arc::<Mutex<Option<String>>>::default();
        let host = ContainerHost::new(around, stopped, Arc::clone(&message));
        let container = Self {
            id,
            started: clock.now(),
            log: log.clone(),
            stop: Arc::new(stop),
            kill: Arc::new(kill),
            ended,
        };
        tasks.spawn(async move {
            let code = tokio::select! {
                biased;
                code = program.run(&host) => code,
                // Also where nobody is left that could ask.
                _ = killed.wait_for(|kill| *kill) => KILLED,
            };
            drop(host);
            log.end();
            let message = message.lock().unwrap_or_else(PoisonError::into_inner).take();
            tell.send_replace(Some(Ended {
                code,
                at: clock.now(),
                moment: Instant::now(),
                message,
                has_run: true,
            }));
        });
        container
    }

    /// A container whose program could not be started.
    pub(crate) fn failed(id: String, message: &str, at: Timestamp) -> Self {
        let log = ContainerLog::default();
        log.end();
        let ended = Ended {
            code: NOT_STARTED,
            at,
            moment: Instant::now(),
            message: Some(message.to_owned()),
            has_run: false,
        };
        Self {
            id,
            started: Timestamp::UNIX_EPOCH,
            log,
            stop: Arc::new(watch::Sender::new(false)),
            kill: Arc::new(watch::Sender::new(false)),
            ended: watch::Sender::new(Some(ended)).subscribe(),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for its end.
    pub(crate) async fn end(&self) -> Ended {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone(),
            Err(_) => None,
        }
        // The task always tells, unless the whole runtime goes.
        .unwrap_or(Ended {
            code: KILLED,
            at: self.started,
            moment: Instant::now(),
            message: None,
            has_run: true,
        })
    }

    /// Asks it to stop, and kills it when it does not within `grace`. Returns when it has ended.
    pub(crate) async fn stop(&self, grace: Duration) -> Ended {
        self.stop.send_replace(true);
        tokio::select! {
            biased;
            ended = self.end() => return ended,
            () = elapse(grace) => {}
        }
        self.kill.send_replace(true);
        self.end().await
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        self.kill.send_replace(true);
    }
}
