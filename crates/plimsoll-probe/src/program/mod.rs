//! The program as a whole: arguments, the first line, the mode's work, the last line, and what comes after it.

mod arguments;
mod output;

use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Look;
use crate::barrier::{BarrierError, Leader};
use crate::dns::Resolver;
use crate::host::{Host, Orphans, Process, millis};
use crate::protocol::{
    DeviceNode, DeviceRole, Failed, Finished, NodeKind, PROTOCOL, Report, Started, Summary,
};
use arguments::{Choice, Command, Peers};
use output::{say, say_last};

const HELP: &str = include_str!("help.txt");
const VERSION: &str = concat!("plimsoll-probe ", env!("CARGO_PKG_VERSION"), "\n");

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// The work is done, or the process was asked to stop.
    Done,
    /// The work is not done, or the group is not complete.
    NotDone,
    /// The arguments make no sense.
    BadArguments,
}

impl Exit {
    /// The process's exit status.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotDone => 1,
            Self::BadArguments => 2,
        }
    }
}

/// What a mode came to.
enum End {
    /// The work is done; with a summary, unless the mode has no work.
    Done(Option<Summary>),
    /// The process was asked to stop meanwhile.
    Stopped,
}

type Problem = Box<dyn Error + Send + Sync>;

/// Runs the program on that host, from the arguments after its own name to its end.
pub async fn run<H: Host>(arguments: impl IntoIterator<Item = OsString>, host: &H) -> Exit {
    let command = match arguments::parse(arguments) {
        Ok(command) => command,
        Err(error) => {
            host.complain(&format!("plimsoll-probe: {error}\nTry plimsoll-probe --help.\n"));
            return Exit::BadArguments;
        }
    };
    match obey(&command, host).await {
        Ok(exit) => exit,
        Err(error) => {
            let reason = chain(error.as_ref());
            host.complain(&format!("plimsoll-probe: {reason}\n"));
            let _ = say_last(host, Report::Failed(Failed { reason }));
            Exit::NotDone
        }
    }
}

async fn obey<H: Host>(command: &Command, host: &H) -> Result<Exit, Problem> {
    let held = match command {
        Command::Help => return print(host, HELP),
        Command::Version => return print(host, VERSION),
        Command::Devices { hold, .. }
        | Command::Load { hold, .. }
        | Command::Scrape { hold, .. }
        | Command::Barrier { hold, .. } => *hold,
        Command::Pause => false,
    };
    let began = host.monotonic();
    say(host, Report::Started(started(command.mode(), host)))?;
    let summary = match work(command, host).await? {
        End::Stopped | End::Done(None) => return Ok(Exit::Done),
        End::Done(Some(summary)) => summary,
    };
    let complete = !matches!(summary, Summary::Barrier { complete: false, .. });
    let elapsed_ms = millis(host.monotonic().saturating_sub(began));
    say_last(host, Report::Finished(Finished { elapsed_ms, summary }))?;

    if let Command::Devices {
        fail_first: Some(marker),
        ..
    } = command
        && host
            .make_file(marker)
            .map_err(|error| format!("cannot make {}: {error}", marker.display()))?
    {
        return Ok(Exit::NotDone);
    }
    if held {
        host.hold(Orphans::Ignored).await?;
        Ok(Exit::Done)
    } else if complete {
        Ok(Exit::Done)
    } else {
        Ok(Exit::NotDone)
    }
}

/// Does what the mode is for.
async fn work<H: Host>(command: &Command, host: &H) -> Result<End, Problem> {
    let mut tell = |report| say(host, report);
    match command {
        Command::Help | Command::Version => Ok(End::Done(None)),
        Command::Pause => {
            host.hold(Orphans::Reaped).await?;
            Ok(End::Done(None))
        }
        Command::Devices { look, .. } => Ok(End::Done(Some(look.run(host, host.variables(), &mut tell)?))),
        Command::Load { device, load, .. } => {
            let device = choose(device, host)?;
            let name = device.display().to_string();
            let mut storage = host
                .open_storage(&device)
                .map_err(|errno| format!("opening {name} gave {errno}"))?;
            let summary = load.run(&name, &mut storage, host, &mut tell).await?;
            Ok(End::Done(Some(summary)))
        }
        Command::Scrape { scrape, .. } => Ok(End::Done(Some(scrape.run(host, &mut tell).await?))),
        Command::Barrier {
            rendezvous,
            peers,
            port,
            ..
        } => {
            let met = if rendezvous.rank == 0 {
                rendezvous.lead(*port, host, &mut tell).await
            } else {
                let leader = leader(peers, *port, host)?;
                rendezvous.follow(&leader, host, &mut tell).await
            };
            match met {
                Ok(summary) => Ok(End::Done(Some(summary))),
                Err(BarrierError::Stopped) => Ok(End::Stopped),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// The device to work on. One that is looked for is told, with what says who it is.
fn choose(device: &Choice, host: &impl Host) -> Result<PathBuf, Problem> {
    let globs = match device {
        Choice::At(path) => return Ok(path.clone()),
        Choice::Matching(globs) => globs,
    };
    let look = Look {
        globs: globs.clone(),
        ..Look::default()
    };
    let granted = look.granted(host)?;
    for node in &granted {
        say(host, Report::Node(node.clone()))?;
    }
    // What has content can be worked on; a character device has none, as a rule, nor has what only lets another be used.
    let is_capability = |node: &&DeviceNode| {
        let role = node.identity.as_ref().and_then(|identity| identity.role);
        role == Some(DeviceRole::Capability)
    };
    let chosen = granted
        .iter()
        .filter(|node| !is_capability(node))
        .find(|node| node.number.kind == NodeKind::Block)
        .or(granted.first());
    let chosen = chosen.ok_or_else(|| match globs.as_slice() {
        [] => "no device was given that opens".to_owned(),
        globs => format!("no device that opens is called {}", globs.join(" or ")),
    })?;
    Ok(PathBuf::from(&chosen.path))
}

fn leader(peers: &Peers, port: u16, host: &impl Host) -> Result<Leader, Problem> {
    match peers {
        Peers::Addresses(addresses) => {
            let first = addresses.first().ok_or("no address of rank 0")?;
            Ok(Leader::At(SocketAddr::new(*first, port)))
        }
        Peers::Names(template) => {
            let configuration = host
                .file(Path::new("/etc/resolv.conf"))
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

fn started(mode: &str, host: &impl Host) -> Started {
    let capabilities = host.text(Path::new("/proc/self/status")).and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        Some(line.trim().to_owned())
    });
    let Process { id, user, hostname } = host.process();
    Started {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: mode.to_owned(),
        pid: id,
        uid: user,
        capabilities,
        hostname,
        boot_id: host
            .text(Path::new("/proc/sys/kernel/random/boot_id"))
            .map(|boot_id| boot_id.trim().to_owned()),
        unix_ms: millis(host.unix()),
        monotonic_ms: millis(host.monotonic()),
    }
}

fn print(host: &impl Host, text: &str) -> Result<Exit, Problem> {
    host.log(text)?;
    Ok(Exit::Done)
}

/// An error and what it comes from, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Linux;

    #[test]
    fn the_program_can_be_a_task_among_others() {
        fn sendable(_: &(impl Future + Send)) {}
        let linux = Linux::start().unwrap();
        sendable(&run([], &linux));
    }

    #[test]
    fn a_reason_tells_its_cause_too() {
        let error = BarrierError::Wait(std::io::Error::other("no sockets left"));
        assert_eq!(chain(&error), "cannot wait for the network: no sockets left");
    }
}
