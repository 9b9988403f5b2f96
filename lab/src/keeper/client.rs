//! Asks a running keeper.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::protocol::{Answer, Ending, Farewell, ProcessReport, ProcessSpec, Request};

/// A keeper, known by its socket.
#[derive(Clone, Debug)]
pub(crate) struct KeeperClient {
    socket: PathBuf,
}

/// Why a keeper could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeeperError {
    #[error("no keeper answers on `{socket}`")]
    Unreachable { socket: PathBuf, source: io::Error },
    #[error("the keeper on `{socket}` gave an answer that makes no sense")]
    Garbled {
        socket: PathBuf,
        source: serde_json::Error,
    },
    #[error("the keeper on `{socket}` refused: {reason}")]
    Refused { socket: PathBuf, reason: String },
    #[error("`{process}` {ending} before it was ready; the end of `{log}`:\n{tail}")]
    Ended {
        process: String,
        ending: Ending,
        log: PathBuf,
        tail: String,
    },
    #[error("the keeper on `{socket}` answered something else than it was asked")]
    Unexpected { socket: PathBuf },
}

impl KeeperClient {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Starts a process and returns when it is ready.
    ///
    /// # Errors
    /// Also when the process ends before it is ready; the error then quotes the end of its log.
    pub(crate) async fn start(&self, spec: ProcessSpec) -> Result<(), KeeperError> {
        let (process, log) = (spec.name.clone(), spec.log.clone());
        self.started(self.ask(&Request::Start(spec)).await?, &process, &log)
    }

    fn started(&self, answer: Answer, process: &str, log: &Path) -> Result<(), KeeperError> {
        match answer {
            Answer::Ready => Ok(()),
            Answer::Ended(ending) => {
                let (process, log) = (process.to_owned(), log.to_owned());
                let tail = last_lines(&log);
                Err(KeeperError::Ended {
                    process,
                    ending,
                    log,
                    tail,
                })
            }
            answer => Err(self.unexpected(answer)),
        }
    }

    /// Ends a process and starts it again as it was; returns when it is ready.
    pub(crate) async fn restart(&self, name: &str, how: Farewell, log: &Path) -> Result<(), KeeperError> {
        let request = Request::Restart {
            name: name.to_owned(),
            how,
        };
        self.started(self.ask(&request).await?, name, log)
    }

    /// What runs, and how the rest ended.
    pub(crate) async fn list(&self) -> Result<Vec<ProcessReport>, KeeperError> {
        match self.ask(&Request::List).await? {
            Answer::Processes(reports) => Ok(reports),
            answer => Err(self.unexpected(answer)),
        }
    }

    /// The keeper's process id as seen from here: the handle on its namespaces.
    pub(crate) async fn pid(&self) -> Result<i32, KeeperError> {
        let unreachable = |source| KeeperError::Unreachable {
            socket: self.socket.clone(),
            source,
        };
        let stream = UnixStream::connect(&self.socket).await.map_err(unreachable)?;
        let credentials =
            rustix::net::sockopt::socket_peercred(&stream).map_err(|e| unreachable(e.into()))?;
        Ok(credentials.pid.as_raw_nonzero().get())
    }

    async fn ask(&self, request: &Request) -> Result<Answer, KeeperError> {
        let unreachable = |source| KeeperError::Unreachable {
            socket: self.socket.clone(),
            source,
        };
        let garbled = |source| KeeperError::Garbled {
            socket: self.socket.clone(),
            source,
        };
        let mut stream = UnixStream::connect(&self.socket).await.map_err(unreachable)?;
        let mut line = serde_json::to_vec(request).map_err(garbled)?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(unreachable)?;
        let mut answer = String::new();
        BufReader::new(stream)
            .read_line(&mut answer)
            .await
            .map_err(unreachable)?;
        serde_json::from_str(&answer).map_err(garbled)
    }

    fn unexpected(&self, answer: Answer) -> KeeperError {
        match answer {
            Answer::Refused(reason) => KeeperError::Refused {
                socket: self.socket.clone(),
                reason,
            },
            _ => KeeperError::Unexpected {
                socket: self.socket.clone(),
            },
        }
    }
}

/// The last lines of a log: what a process said before it went.
pub(crate) fn last_lines(log: &Path) -> String {
    const LINES: usize = 8;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(LINES).collect();
    lines
        .into_iter()
        .rev()
        .map(|line| format!("  {line}\n"))
        .collect()
}
