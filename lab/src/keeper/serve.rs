//! The keeper's own life: prepare the ground, say so, then serve requests until killed.
//!
//! Threads and blocking calls, no async runtime: it is process 1 of its namespace and must reap every child
//! itself, and it should weigh nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use rustix::process::{Pid, Signal};

use super::ground::{self, GroundError};
use super::protocol::{Answer, KeeperConfig, ProcessReport, ProcessSpec, ReadySignal, Request};
use super::readiness::ReadySocket;
use super::table::Table;

/// What a keeper writes on its standard output once it serves.
pub(super) const SERVING: &str = "serving";

/// Why a keeper could not begin to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("could not read the keeper's configuration `{path}`")]
    Config { path: PathBuf, source: io::Error },
    #[error("the keeper's configuration `{path}` is not valid")]
    Garbled {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(transparent)]
    Ground(#[from] GroundError),
    #[error("could not listen on `{path}`")]
    Listen { path: PathBuf, source: io::Error },
}

struct Keeper {
    config: KeeperConfig,
    table: Table,
}

/// Serves until killed; returns only when it could not begin.
///
/// # Errors
/// When the configuration cannot be read or the ground cannot be prepared.
pub(crate) fn serve(config: &Path) -> Result<(), ServeError> {
    let text = fs::read(config).map_err(|source| ServeError::Config {
        path: config.to_owned(),
        source,
    })?;
    let config: KeeperConfig = serde_json::from_slice(&text).map_err(|source| ServeError::Garbled {
        path: config.to_owned(),
        source,
    })?;
    ground::prepare(&config)?;
    let failed = |source| ServeError::Listen {
        path: config.socket.clone(),
        source,
    };
    match fs::remove_file(&config.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&config.socket).map_err(failed)?;
    // Whoever launched this waits for the line; if it is gone already, there is nobody to tell.
    let _ = writeln!(io::stdout(), "{SERVING}");
    let keeper = Arc::new(Keeper {
        config,
        table: Table::default(),
    });
    let reaper = Arc::clone(&keeper);
    thread::spawn(move || reaper.table.reap_forever());
    for connection in listener.incoming().flatten() {
        let keeper = Arc::clone(&keeper);
        thread::spawn(move || {
            // A client that went away needs no answer.
            let _ = keeper.converse(&connection);
        });
    }
    Ok(())
}

impl Keeper {
    fn converse(&self, connection: &UnixStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        let answer = match serde_json::from_str(&line) {
            Ok(request) => self.answer(request),
            Err(error) => Answer::Refused(format!("not a request: {error}")),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        (&mut &*connection).write_all(&line)
    }

    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Start(spec) => self.start(&spec),
            Request::List => Answer::Processes(self.table.reports()),
            Request::Stop { name, force } => self.stop(&name, force),
        }
    }

    fn start(&self, spec: &ProcessSpec) -> Answer {
        let processes = self.table.lock();
        if processes
            .get(&spec.name)
            .is_some_and(|report| report.ended.is_none())
        {
            return Answer::Refused(format!("`{}` runs already", spec.name));
        }
        let ready = match self.ready_socket(spec) {
            Ok(ready) => ready,
            Err(error) => {
                return Answer::Refused(format!("no readiness socket for `{}`: {error}", spec.name));
            }
        };
        let pid = match self.spawn(spec, ready.as_ref()) {
            Ok(pid) => pid,
            Err(error) => {
                return Answer::Refused(format!("`{}` did not start: {error}", spec.program.display()));
            }
        };
        self.table.insert(processes, &spec.name, pid, ready.is_none());
        match self.await_ready(&spec.name, pid, ready.as_ref()) {
            Some(report) => report.ended.map_or(Answer::Ready, Answer::Ended),
            None => Answer::Refused(format!("`{}` is gone", spec.name)),
        }
    }

    fn await_ready(&self, name: &str, pid: i32, ready: Option<&ReadySocket>) -> Option<ProcessReport> {
        let Some(ready) = ready else {
            return self.table.wait(name, |report| report.ready);
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                if ready.wait().unwrap_or(false) {
                    self.table.mark_ready(name, pid);
                }
            });
            let report = self.table.wait(name, |report| report.ready);
            // Whoever is ready has ended the thread's wait already; the word then goes unheard.
            let _ = ready.give_up();
            report
        })
    }

    fn ready_socket(&self, spec: &ProcessSpec) -> io::Result<Option<ReadySocket>> {
        match spec.ready {
            ReadySignal::Started => Ok(None),
            ReadySignal::Notified => {
                let folder = self.config.socket.parent().unwrap_or(Path::new("."));
                ReadySocket::open(folder, &spec.name).map(Some)
            }
        }
    }

    fn spawn(&self, spec: &ProcessSpec, ready: Option<&ReadySocket>) -> io::Result<i32> {
        let log: File = OpenOptions::new().create(true).append(true).open(&spec.log)?;
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.args)
            .env_clear()
            .envs(&self.config.env)
            .envs(&spec.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(ready) = ready {
            command.env("NOTIFY_SOCKET", ready.path());
        }
        // The table's reaper collects the exit status, so the handle is not kept.
        Ok(command.spawn()?.id().cast_signed())
    }

    fn stop(&self, name: &str, force: bool) -> Answer {
        let running = self
            .table
            .lock()
            .get(name)
            .filter(|report| report.ended.is_none())
            .map(|report| report.pid);
        let Some(pid) = running.and_then(Pid::from_raw) else {
            return Answer::Refused(format!("`{name}` does not run"));
        };
        let signal = if force { Signal::KILL } else { Signal::TERM };
        if let Err(error) = rustix::process::kill_process(pid, signal) {
            return Answer::Refused(format!("could not signal `{name}`: {error}"));
        }
        match self.table.wait(name, |_| false).and_then(|report| report.ended) {
            Some(ending) => Answer::Ended(ending),
            None => Answer::Refused(format!("`{name}` is gone")),
        }
    }
}
