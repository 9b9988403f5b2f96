//! The keeper's own life: prepare the ground, say so, then serve requests until killed.
//!
//! Threads and blocking calls, no async runtime: it is process 1 of its namespace and must reap every child
//! itself, and it should weigh nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal};

use super::ground::{self, GroundError};
use super::protocol::{Answer, Farewell, KeeperConfig, ProcessReport, ProcessSpec, ReadySignal, Request};
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
    specs: Mutex<BTreeMap<String, ProcessSpec>>,
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
        specs: Mutex::default(),
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
            Request::Start(spec) => self.start(spec),
            Request::List => Answer::Processes(self.table.reports()),
            Request::Restart { name, how } => self.restart(&name, how),
        }
    }

    fn start(&self, spec: ProcessSpec) -> Answer {
        let spec = &self.remember(spec);
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

    /// Keeps what a process is started with, for [`Request::Restart`].
    fn remember(&self, spec: ProcessSpec) -> ProcessSpec {
        let mut specs = self.specs.lock().unwrap_or_else(PoisonError::into_inner);
        specs.insert(spec.name.clone(), spec.clone());
        spec
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

    fn restart(&self, name: &str, how: Farewell) -> Answer {
        let Some(spec) = self
            .specs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
        else {
            return Answer::Refused(format!("`{name}` was never started here"));
        };
        if let Err(reason) = self.end(name, how) {
            return Answer::Refused(reason);
        }
        self.start(spec)
    }

    /// Returns when the process has ended; one that does not run is fine.
    fn end(&self, name: &str, how: Farewell) -> Result<(), String> {
        let running = self
            .table
            .lock()
            .get(name)
            .filter(|report| report.ended.is_none())
            .map(|report| report.pid);
        let Some(pid) = running.and_then(Pid::from_raw) else {
            return Ok(());
        };
        let signal = match how {
            Farewell::Asked => Signal::TERM,
            Farewell::Killed => Signal::KILL,
        };
        rustix::process::kill_process(pid, signal)
            .map_err(|error| format!("could not signal `{name}`: {error}"))?;
        self.table.wait(name, |_| false);
        Ok(())
    }
}
