//! One file per command.

pub(crate) mod calibrate;
pub(crate) mod check_page;
pub(crate) mod checks;
pub(crate) mod cleanup;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod image;
pub(crate) mod permissions;
pub(crate) mod portability;
pub(crate) mod registry;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod simulated;
pub(crate) mod submission;
pub(crate) mod survey;
pub(crate) mod validate;
pub(crate) mod verify;

use std::{
    future::Future,
    io::{self, Write},
};

use plimsoll_platform::{ConnectError, ConnectOptions, Platform};

use crate::{cli::ClusterArgs, failure::Failure};

/// What a command ends with when it could do its work: an exit code.
pub(crate) type Ended = Result<u8, Failure>;

/// How much to say to people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    /// Only results and errors.
    pub(crate) quiet: bool,
    /// Everything.
    pub(crate) verbose: bool,
}

impl Voice {
    /// Says something to people, on standard error.
    pub(crate) fn say(self, line: impl AsRef<str>) {
        if !self.quiet {
            anstream::eprintln!("{}", line.as_ref());
        }
    }
}

/// Runs a command's asynchronous part. One thread: the work is waiting.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error: io::Error| Failure::input(&error))?
        .block_on(work)
}

/// Connects to the cluster the user named.
pub(crate) async fn connect(args: &ClusterArgs) -> Result<Platform, Failure> {
    Ok(try_connect(args).await?)
}

/// The same, for those who know what to do without a cluster.
pub(crate) async fn try_connect(args: &ClusterArgs) -> Result<Platform, ConnectError> {
    let options = ConnectOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        ..ConnectOptions::default()
    };
    Platform::connect(&options).await
}

/// Prints a value as JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    // Piece by piece: the inventory of a big cluster is tens of megabytes.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut out, value)
        .map_err(io::Error::from)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush());
    unless_gone(written)
}

/// Prints a command's result on standard output. A reader that went away is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    unless_gone(anstream::stdout().write_all(text.as_bytes()))
}

fn unless_gone(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::input(&error)),
        _ => Ok(()),
    }
}
