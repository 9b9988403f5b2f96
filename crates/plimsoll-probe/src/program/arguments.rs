//! The command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt as _};

use crate::scraping::{BadTarget, Scrape};
use crate::{Load, Look, Rendezvous};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// The text about arguments.
    Help,
    /// The version.
    Version,
    /// To look at devices.
    Devices {
        look: Look,
        fail_first: Option<PathBuf>,
        hold: bool,
    },
    /// To work on a device.
    Load { device: Choice, load: Load, hold: bool },
    /// To visit exporters.
    Scrape { scrape: Scrape, hold: bool },
    /// To meet the other members of a group.
    Barrier {
        rendezvous: Rendezvous,
        peers: Peers,
        port: u16,
        hold: bool,
    },
    /// To stay, as a sandbox's first process.
    Pause,
}

impl Command {
    /// The mode's name.
    pub(super) fn mode(&self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Version => "version",
            Self::Devices { .. } => "devices",
            Self::Load { .. } => "load",
            Self::Scrape { .. } => "scrape",
            Self::Barrier { .. } => "barrier",
            Self::Pause => "pause",
        }
    }
}

/// Which device to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// The one at a path.
    At(PathBuf),
    /// The first one that was given and that one of these globs fits, any if there are none.
    Matching(Vec<String>),
}

/// How members of a group are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peers {
    /// By name, with `{rank}` in the place of the rank.
    Names(String),
    /// By address, in the order of ranks.
    Addresses(Vec<IpAddr>),
}

/// Arguments that make no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadArguments {
    /// Not even as arguments go.
    #[error(transparent)]
    Syntax(#[from] lexopt::Error),
    /// No mode at all.
    #[error("no mode: devices, load, scrape, barrier or pause")]
    NoMode,
    /// A mode that there is not.
    #[error("no mode `{0}`: devices, load, scrape, barrier or pause")]
    UnknownMode(String),
    /// Something that the mode cannot do without.
    #[error("{mode} needs {option}")]
    Missing {
        mode: &'static str,
        option: &'static str,
    },
    /// Not where an exporter could be.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A value outside its range.
    #[error("{option} must be {range}")]
    Range {
        option: &'static str,
        range: &'static str,
    },
}

/// Reads the arguments after the program's own name.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, BadArguments> {
    let mut parser = Parser::from_args(arguments);
    let mode = match parser.next()? {
        None => return Err(BadArguments::NoMode),
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Short('V') | Long("version")) => return Ok(Command::Version),
        Some(Value(mode)) => mode.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    match mode.as_str() {
        "devices" => devices(&mut parser),
        "load" => load(&mut parser),
        "scrape" => scrape(&mut parser),
        "barrier" => barrier(&mut parser),
        "pause" => match parser.next()? {
            None => Ok(Command::Pause),
            Some(Short('h') | Long("help")) => Ok(Command::Help),
            Some(other) => Err(other.unexpected().into()),
        },
        "help" => Ok(Command::Help),
        _ => Err(BadArguments::UnknownMode(mode)),
    }
}

fn devices(parser: &mut Parser) -> Result<Command, BadArguments> {
    let mut look = Look::default();
    let mut roots = Vec::new();
    let (mut fail_first, mut hold) = (None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("match") => look.globs.extend(strings(parser)?),
            Long("forge") => {
                for value in parser.values()? {
                    look.forge.push(value.parse()?);
                }
            }
            Long("walk") => roots.extend(parser.values()?.map(PathBuf::from)),
            Long("env") => look.variables.extend(strings(parser)?),
            Long("mount") => look.mounts.extend(strings(parser)?),
            Long("read") => look.texts.extend(parser.values()?.map(PathBuf::from)),
            Long("find") => look.files.extend(strings(parser)?),
            Long("fail-first") => fail_first = Some(PathBuf::from(parser.value()?)),
            Long("hold") => hold = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    if !roots.is_empty() {
        look.roots = roots;
    }
    Ok(Command::Devices {
        look,
        fail_first,
        hold,
    })
}

fn load(parser: &mut Parser) -> Result<Command, BadArguments> {
    let (mut device, mut seconds, mut hold) = (None, None, false);
    let (mut globs, mut any) = (Vec::new(), false);
    let mut load = Load {
        duty_ratio: 0.5,
        period: Duration::from_secs(1),
        duration: Duration::ZERO,
        hold_bytes: 0,
        hold_share: 1.0,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("device") => device = Some(PathBuf::from(parser.value()?)),
            Long("match") => globs.extend(strings(parser)?),
            Long("any") => any = true,
            Long("duty") => load.duty_ratio = parser.value()?.parse()?,
            Long("period-ms") => load.period = Duration::from_millis(parser.value()?.parse()?),
            Long("seconds") => seconds = Some(parser.value()?.parse()?),
            Long("hold-bytes") => load.hold_bytes = parser.value()?.parse()?,
            Long("hold-share") => load.hold_share = parser.value()?.parse()?,
            Long("hold") => hold = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    if !(0.0..=1.0).contains(&load.hold_share) {
        return Err(BadArguments::Range {
            option: "--hold-share",
            range: "between 0 and 1",
        });
    }
    if !(0.0..=1.0).contains(&load.duty_ratio) {
        return Err(BadArguments::Range {
            option: "--duty",
            range: "between 0 and 1",
        });
    }
    if load.period.is_zero() {
        return Err(BadArguments::Range {
            option: "--period-ms",
            range: "at least 1",
        });
    }
    let missing = |option| BadArguments::Missing { mode: "load", option };
    load.duration = Duration::from_secs(seconds.ok_or(missing("--seconds"))?);
    let device = match device {
        Some(path) => Choice::At(path),
        None if globs.is_empty() && !any => return Err(missing("--device, --match or --any")),
        None => Choice::Matching(globs),
    };
    Ok(Command::Load { device, load, hold })
}

fn scrape(parser: &mut Parser) -> Result<Command, BadArguments> {
    let mut scrape = Scrape::default();
    let mut hold = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("url") => {
                for url in strings(parser)? {
                    scrape.targets.push(url.parse()?);
                }
            }
            Long("every-ms") => scrape.every = Duration::from_millis(parser.value()?.parse()?),
            Long("rounds") => scrape.rounds = Some(parser.value()?.parse()?),
            Long("keep") => scrape.keep.extend(strings(parser)?),
            Long("within-ms") => scrape.within = Duration::from_millis(parser.value()?.parse()?),
            Long("limit-bytes") => scrape.limit_bytes = parser.value()?.parse()?,
            Long("limit-samples") => scrape.limit_samples = parser.value()?.parse()?,
            Long("hold") => hold = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    if scrape.targets.is_empty() {
        return Err(BadArguments::Missing {
            mode: "scrape",
            option: "--url",
        });
    }
    for (option, value) in [("--every-ms", scrape.every), ("--within-ms", scrape.within)] {
        if value.is_zero() {
            return Err(BadArguments::Range {
                option,
                range: "at least 1",
            });
        }
    }
    Ok(Command::Scrape { scrape, hold })
}

fn barrier(parser: &mut Parser) -> Result<Command, BadArguments> {
    let (mut rank, mut size, mut port, mut peers) = (None, None, None, None);
    let (mut patience, mut group, mut hold) = (60, String::new(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rank") => rank = Some(parser.value()?.parse::<u32>()?),
            Long("size") => size = Some(parser.value()?.parse::<u32>()?),
            Long("port") => port = Some(parser.value()?.parse::<u16>()?),
            Long("peers") => peers = Some(Peers::Names(parser.value()?.string()?)),
            Long("peer-addresses") => {
                let addresses = parser.value()?.parse_with(|list| {
                    list.split(',')
                        .map(|address| address.trim().parse())
                        .collect::<Result<Vec<IpAddr>, _>>()
                })?;
                peers = Some(Peers::Addresses(addresses));
            }
            Long("deadline-s") => patience = parser.value()?.parse()?,
            Long("group") => group = parser.value()?.string()?,
            Long("hold") => hold = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    let missing = |option| BadArguments::Missing {
        mode: "barrier",
        option,
    };
    let (rank, size) = (rank.ok_or(missing("--rank"))?, size.ok_or(missing("--size"))?);
    let port = port.ok_or(missing("--port"))?;
    if rank >= size {
        return Err(BadArguments::Range {
            option: "--rank",
            range: "less than --size",
        });
    }
    let peers = match peers {
        Some(peers) => peers,
        // Rank 0 is found, it finds nobody.
        None if rank == 0 => Peers::Addresses(Vec::new()),
        None => return Err(missing("--peers or --peer-addresses")),
    };
    if rank > 0 && peers == Peers::Addresses(Vec::new()) {
        return Err(missing("--peers or --peer-addresses"));
    }
    let rendezvous = Rendezvous {
        group,
        rank,
        size,
        patience: Duration::from_secs(patience),
    };
    Ok(Command::Barrier {
        rendezvous,
        peers,
        port,
        hold,
    })
}

fn strings(parser: &mut Parser) -> Result<Vec<String>, lexopt::Error> {
    parser.values()?.map(|value| value.string()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_with_several_values_may_be_repeated() {
        let line = "devices --match /dev/nvidia[0-9]* /dev/nvidiactl --forge b:7:3 c:195:0 --match /dev/dri/* --hold";
        let Ok(Command::Devices {
            look,
            fail_first: None,
            hold: true,
        }) = parsed(line)
        else {
            panic!("{line}")
        };
        assert_eq!(look.globs, ["/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/dri/*"]);
        assert_eq!(look.forge.len(), 2);
        assert_eq!(look.roots, [PathBuf::from("/dev")]);
    }

    #[test]
    fn a_mode_says_what_it_cannot_do_without() {
        assert_eq!(
            parsed("").unwrap_err(),
            "no mode: devices, load, scrape, barrier or pause"
        );
        assert_eq!(
            parsed("dance").unwrap_err(),
            "no mode `dance`: devices, load, scrape, barrier or pause"
        );
        assert_eq!(
            parsed("load --seconds 3").unwrap_err(),
            "load needs --device, --match or --any"
        );
        assert_eq!(
            parsed("load --device /dev/x").unwrap_err(),
            "load needs --seconds"
        );
        assert_eq!(
            parsed("barrier --rank 1 --size 2 --port 80").unwrap_err(),
            "barrier needs --peers or --peer-addresses"
        );
        assert!(
            parsed("barrier --rank 0 --size 2 --port 80").is_ok(),
            "rank 0 looks for nobody"
        );
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert_eq!(
            parsed("load --device /dev/x --seconds 1 --duty 1.5").unwrap_err(),
            "--duty must be between 0 and 1"
        );
        assert!(parsed("load --device /dev/x --seconds 1 --duty NaN").is_err());
        assert!(parsed("load --device /dev/x --seconds 1 --period-ms 0").is_err());
        assert_eq!(
            parsed("barrier --rank 2 --size 2 --port 80 --peers x").unwrap_err(),
            "--rank must be less than --size"
        );
        assert!(parsed("devices --forge b:7").unwrap_err().contains("b:7"));
        assert!(parsed("pause now").is_err());
    }

    #[test]
    fn exporters_are_visited_where_plain_http_is_spoken() {
        let Ok(Command::Scrape { scrape, hold: false }) =
            parsed("scrape --url http://198.18.0.1:9400/metrics http://b --rounds 3 --keep DCGM_*")
        else {
            panic!("not parsed")
        };
        assert_eq!((scrape.targets.len(), scrape.rounds), (2, Some(3)));
        assert_eq!(parsed("scrape --rounds 3").unwrap_err(), "scrape needs --url");
        assert!(
            parsed("scrape --url https://a")
                .unwrap_err()
                .contains("plain HTTP")
        );
        assert!(parsed("scrape --url http://a --every-ms 0").is_err());
    }

    #[test]
    fn a_device_is_named_by_path_or_by_globs() {
        let Ok(Command::Load { device, load, .. }) =
            parsed("load --match /dev/nvidia[0-9]* /dev/dri/* --seconds 1 --hold-share 0.25")
        else {
            panic!("not parsed")
        };
        assert_eq!(
            device,
            Choice::Matching(vec!["/dev/nvidia[0-9]*".into(), "/dev/dri/*".into()])
        );
        assert_eq!(load.hold_share, 0.25);
        assert!(parsed("load --device /dev/x --seconds 1 --hold-share 2").is_err());
    }

    #[test]
    fn members_are_found_by_name_or_by_address() {
        let Ok(Command::Barrier { peers, .. }) =
            parsed("barrier --rank=1 --size=2 --port=80 --peer-addresses 198.18.0.1,fd00::1")
        else {
            panic!("not parsed")
        };
        assert_eq!(
            peers,
            Peers::Addresses(vec!["198.18.0.1".parse().unwrap(), "fd00::1".parse().unwrap()])
        );
    }

    #[test]
    fn help_is_had_anywhere() {
        for line in [
            "--help",
            "-h",
            "help",
            "devices --help",
            "load -h",
            "scrape -h",
            "barrier --rank 1 --help",
            "pause --help",
        ] {
            assert_eq!(parsed(line), Ok(Command::Help), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_arguments_are_read_or_refused(arguments: Vec<String>) {
            let _ = parse(arguments.iter().map(OsString::from));
            for mode in ["devices", "load", "scrape", "barrier", "pause"] {
                let _ = parse(std::iter::once(OsString::from(mode)).chain(arguments.iter().map(OsString::from)));
            }
        }
    }
}
