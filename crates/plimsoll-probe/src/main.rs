//! The probe: what the library does, on the system that the process runs on.

mod arguments;
mod output;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use arguments::{Command, Peers};
use plimsoll_probe::host::{Clock as _, Devices as _, Linux, LinuxStorage, Stop, SystemClock};
use plimsoll_probe::protocol::{Failed, Finished, PROTOCOL, Started, Summary};
use plimsoll_probe::{BarrierError, Leader, Report, Resolver};

const HELP: &str = include_str!("help.txt");
const NOT_DONE: u8 = 1;
const BAD_ARGUMENTS: u8 = 2;

/// What a mode came to.
enum End {
    /// The work is done; with a summary, unless the mode has no work.
    Done(Option<Summary>),
    /// The process was asked to stop meanwhile.
    Stopped,
}

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "plimsoll-probe: {error}\nTry plimsoll-probe --help."
            );
            return ExitCode::from(BAD_ARGUMENTS);
        }
    };
    match run(&command) {
        Ok(code) => code,
        Err(error) => {
            let reason = chain(error.as_ref());
            let _ = writeln!(io::stderr(), "plimsoll-probe: {reason}");
            let _ = output::say_last(Report::Failed(Failed { reason }));
            ExitCode::from(NOT_DONE)
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Help => return Ok(print(HELP)?),
        Command::Version => {
            return Ok(print(concat!(
                "plimsoll-probe ",
                env!("CARGO_PKG_VERSION"),
                "\n"
            ))?);
        }
        Command::Devices { .. } | Command::Load { .. } | Command::Barrier { .. } | Command::Pause => {}
    }
    // First of all: until then, the first process of a container cannot be stopped gently.
    let stop = Stop::on_signals()?;
    let began = Instant::now();
    output::say(Report::Started(started(command.mode(), &stop)))?;
    let summary = match work(command, &stop)? {
        End::Stopped | End::Done(None) => return Ok(ExitCode::SUCCESS),
        End::Done(Some(summary)) => summary,
    };
    let complete = !matches!(summary, Summary::Barrier { complete: false, .. });
    let elapsed_ms = u64::try_from(began.elapsed().as_millis())?;
    output::say_last(Report::Finished(Finished { elapsed_ms, summary }))?;

    if let Command::Devices {
        fail_first: Some(marker),
        ..
    } = command
        && make_marker(marker)?
    {
        return Ok(ExitCode::from(NOT_DONE));
    }
    match command {
        Command::Devices { hold: true, .. }
        | Command::Load { hold: true, .. }
        | Command::Barrier { hold: true, .. } => {
            stop.hold()?;
            Ok(ExitCode::SUCCESS)
        }
        _ if complete => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::from(NOT_DONE)),
    }
}

/// Does what the mode is for.
fn work(command: &Command, stop: &Stop) -> Result<End, Box<dyn Error>> {
    match command {
        Command::Help | Command::Version => Ok(End::Done(None)),
        Command::Pause => {
            stop.hold_and_reap()?;
            Ok(End::Done(None))
        }
        Command::Devices { look, .. } => {
            let variables = std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            });
            Ok(End::Done(Some(look.run(&Linux, variables, &mut output::say)?)))
        }
        Command::Load { device, load, .. } => {
            let name = device.display().to_string();
            let mut storage =
                LinuxStorage::open(device).map_err(|errno| format!("opening {name} gave {errno}"))?;
            Ok(End::Done(Some(load.run(
                &name,
                &mut storage,
                &mut SystemClock::new(stop),
                &mut output::say,
            )?)))
        }
        Command::Barrier {
            rendezvous,
            peers,
            port,
            ..
        } => {
            let met = if rendezvous.rank == 0 {
                rendezvous.lead(*port, stop, &mut output::say)
            } else {
                rendezvous.follow(&leader(peers, *port)?, stop, &mut output::say)
            };
            match met {
                Ok(summary) => Ok(End::Done(Some(summary))),
                Err(BarrierError::Stopped) => Ok(End::Stopped),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn leader(peers: &Peers, port: u16) -> Result<Leader, Box<dyn Error>> {
    match peers {
        Peers::Addresses(addresses) => {
            let first = addresses.first().ok_or("no address of rank 0")?;
            Ok(Leader::At(SocketAddr::new(*first, port)))
        }
        Peers::Names(template) => {
            let configuration = fs::read_to_string("/etc/resolv.conf")
                .map_err(|error| format!("cannot read /etc/resolv.conf: {error}"))?;
            let resolver = Resolver::from_resolv_conf(&configuration);
            Ok(Leader::Named {
                name: template.replace("{rank}", "0"),
                port,
                resolver,
            })
        }
    }
}

/// Makes the file that says that there was a first time. True if this is it.
fn make_marker(marker: &Path) -> Result<bool, Box<dyn Error>> {
    match fs::OpenOptions::new().write(true).create_new(true).open(marker) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(format!("cannot make {}: {error}", marker.display()).into()),
    }
}

fn started(mode: &str, stop: &Stop) -> Started {
    let clock = SystemClock::new(stop);
    let whole_ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let capabilities = Linux.text(Path::new("/proc/self/status")).and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        Some(line.trim().to_owned())
    });
    Started {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: mode.to_owned(),
        pid: std::process::id(),
        uid: rustix::process::geteuid().as_raw(),
        capabilities,
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        boot_id: Linux
            .text(Path::new("/proc/sys/kernel/random/boot_id"))
            .map(|boot_id| boot_id.trim().to_owned()),
        unix_ms: whole_ms(clock.unix()),
        monotonic_ms: whole_ms(clock.monotonic()),
    }
}

fn print(text: &str) -> io::Result<ExitCode> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
