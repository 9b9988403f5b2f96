//! Runs a command and turns what became of it into an exit code.
//!
//! 0 done · 1 failed · 3 bad input · 130 interrupted.

use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::CommandFactory as _;
use plimsoll_accelerator::gang_controller::{self, GangConfig, GangError};
use plimsoll_accelerator::oci_runtime::{self, RuntimeError};
use plimsoll_accelerator::{ConfigError, NodeConfig};
use plimsoll_defects::{Defect, UnknownDefect};

use crate::build::cache::{Cache, CacheError};
use crate::build::component::{self, ComponentError};
use crate::build::{self, BuildError};
use crate::cli::{Cli, Command, Format, NodeCommand, UpArgs, WhichLab};
use crate::defects::{self, SeedError};
use crate::down::{self, DownError};
use crate::files::{self, FileError};
use crate::folder::{LabsRoot, RootError};
use crate::keeper::client::KeeperError;
use crate::keeper::protocol::Farewell;
use crate::keeper::serve::{self, ServeError};
use crate::logs::{self, LogsError};
use crate::node_change::{self, ChangeError};
use crate::progress::Progress;
use crate::restart;
use crate::state::{LabState, StateError};
use crate::status;
use crate::up::{self, UpError, UpRequest};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Defect(#[from] UnknownDefect),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error("the lab makes namespaces, links and devices: run it as root")]
    NotRoot,
    #[error("could not start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Up(#[from] UpError),
    #[error(transparent)]
    Down(#[from] DownError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Keep(#[from] ServeError),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Logs(#[from] LogsError),
    #[error("could not restart the component")]
    Restart(#[from] KeeperError),
    #[error("could not print the status as JSON")]
    Json(#[source] serde_json::Error),
    #[error(transparent)]
    AcceleratorConfig(#[from] ConfigError),
    #[error(transparent)]
    Accelerators(#[from] Box<plimsoll_accelerator::ServeError>),
    #[error(transparent)]
    GangController(#[from] GangError),
    #[error(transparent)]
    OciRuntime(#[from] RuntimeError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no `{0}`")]
    NoConfig(PathBuf),
    #[error("interrupted")]
    Interrupted,
}

impl CommandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Root(_) | Self::Defect(_) | Self::Seed(_) | Self::Component(_) | Self::NotRoot => 3,
            Self::State(StateError::NoSuchLab(_)) | Self::Logs(LogsError::Unknown { .. }) => 3,
            Self::Change(
                ChangeError::State(StateError::NoSuchLab(_))
                | ChangeError::NoSuchNode { .. }
                | ChangeError::NoArchive(_),
            ) => 3,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Shows help or a usage error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the terminal is gone.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}

fn dispatch(cli: Cli) -> Result<(), CommandError> {
    let progress = Progress::new();
    let root = || LabsRoot::new(cli.state.clone());
    match cli.command {
        Command::Build(args) => {
            component::selected(&args.with)?;
            Ok(build::build(&cache()?, &args.with, &progress)?)
        }
        Command::Up(args) => start(&root()?, args, &progress),
        Command::Kubeconfig(WhichLab { name }) => {
            let folder = root()?.lab(&name);
            LabState::load(&folder, &name)?;
            anstream::println!("{}", folder.kubeconfig().display());
            Ok(())
        }
        Command::Down(WhichLab { name }) => {
            need_root()?;
            let root = root()?;
            within_runtime(async { Ok(down::down(&root, &name, &progress).await?) })
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "plimsoll-lab", &mut std::io::stdout());
            Ok(())
        }
        Command::Status {
            lab: WhichLab { name },
            format,
        } => {
            let folder = root()?.lab(&name);
            let state = LabState::load(&folder, &name)?;
            within_runtime(async {
                let status = status::status(&state, &folder).await;
                match format {
                    Format::Text => anstream::println!("{}", status.table()),
                    Format::Json => {
                        anstream::println!(
                            "{}",
                            serde_json::to_string_pretty(&status).map_err(CommandError::Json)?
                        );
                    }
                }
                Ok(())
            })
        }
        Command::LoadImage {
            file,
            lab: WhichLab { name },
        } => {
            let (root, cache) = (root()?, cache()?);
            within_runtime(async {
                Ok(node_change::load_image(&root, &cache, &name, &file, &progress).await?)
            })
        }
        Command::Logs {
            component,
            follow,
            lab: WhichLab { name },
        } => {
            let folder = root()?.lab(&name);
            let state = LabState::load(&folder, &name)?;
            let nodes: Vec<_> = state.nodes.iter().map(|node| node.node_name()).collect();
            Ok(logs::logs(
                &folder,
                &nodes,
                &component,
                follow,
                &mut std::io::stdout().lock(),
            )?)
        }
        Command::Restart {
            component,
            kill,
            lab: WhichLab { name },
        } => {
            need_root()?;
            let folder = root()?.lab(&name);
            LabState::load(&folder, &name)?;
            let how = if kill { Farewell::Killed } else { Farewell::Asked };
            within_runtime(async { Ok(restart::restart(&folder, &component, how).await?) })
        }
        Command::Node(NodeCommand::Add(WhichLab { name })) => {
            need_root()?;
            let (root, cache) = (root()?, cache()?);
            within_runtime(async {
                anstream::println!("{}", node_change::add(&root, &cache, &name, &progress).await?);
                Ok(())
            })
        }
        Command::Node(NodeCommand::Remove {
            node,
            lab: WhichLab { name },
        }) => {
            need_root()?;
            let (root, cache) = (root()?, cache()?);
            within_runtime(async { Ok(node_change::remove(&root, &cache, &name, &node, &progress).await?) })
        }
        Command::Keep { config, .. } => Ok(serve::serve(&config)?),
        Command::Accelerators { config } => {
            let config = NodeConfig::read(&config)?;
            within_runtime(async { Ok(plimsoll_accelerator::serve(config).await.map_err(Box::new)?) })
        }
        Command::GangController { config } => {
            let config: GangConfig = files::read_json(&config)?.ok_or(CommandError::NoConfig(config))?;
            within_runtime(async { Ok(gang_controller::serve(config).await?) })
        }
        Command::OciRuntime { config, arguments } => Err(oci_runtime::run(&config, &arguments).into()),
    }
}

fn start(root: &LabsRoot, args: UpArgs, progress: &Progress) -> Result<(), CommandError> {
    component::selected(&args.with)?;
    for id in &args.defects {
        Defect::by_id(id)?;
    }
    defects::check(&args.defects, &args.accelerators.0)?;
    need_root()?;
    let cache = cache()?;
    let name = args.lab.name;
    let request = UpRequest {
        name: name.clone(),
        nodes: args.nodes,
        accelerators: args.accelerators.0,
        defects: args.defects,
        with: args.with,
    };
    within_runtime(async {
        tokio::select! {
            lab = up::up(root, &cache, request, progress) => {
                anstream::println!("{}", lab?.folder.kubeconfig().display());
                Ok(())
            }
            _ = tokio::signal::ctrl_c() => {
                down::clear(root, &name).await?;
                Err(CommandError::Interrupted)
            }
        }
    })
}

fn within_runtime(work: impl Future<Output = Result<(), CommandError>>) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)?;
    let done = runtime.block_on(work);
    // Threads that look up names must not hold up the exit.
    runtime.shutdown_background();
    done
}

fn cache() -> Result<Cache, CacheError> {
    Cache::from_environment(|name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    })
}

fn need_root() -> Result<(), CommandError> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(CommandError::NotRoot)
    }
}

/// The error and its causes, one a line.
fn report(error: &CommandError) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    anstream::eprintln!("{red}error{red:#}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  caused by: {cause}");
        source = cause.source();
    }
}
