//! Runs a command and turns what became of it into an exit code.
//!
//! 0 done · 1 failed · 3 bad input · 130 interrupted.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use plimsoll_accelerator::NodeConfig;
use plimsoll_accelerator::gang_controller::{self, GangConfig};
use plimsoll_accelerator::oci_runtime;
use plimsoll_defects::Defect;

use crate::bench::{self, BenchRequest};
use crate::build;
use crate::build::cache::{Cache, CacheError};
use crate::build::component;
use crate::cli::{Cli, Command, Format, NodeCommand, UpArgs, WhichLab};
use crate::defects;
use crate::down;
use crate::failure::{CommandError, report};
use crate::files;
use crate::folder::LabsRoot;
use crate::keeper::protocol::Farewell;
use crate::keeper::serve;
use crate::kubectl;
use crate::logs;
use crate::node_change;
use crate::output;
use crate::progress::Progress;
use crate::restart;
use crate::state::LabState;
use crate::status;
use crate::up::{self, UpRequest};

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
            output::line(folder.kubeconfig().display());
            Ok(())
        }
        Command::Kubectl {
            lab: WhichLab { name },
            arguments,
        } => Err(kubectl::become_kubectl(&root()?, &cache()?, &name, &arguments).into()),
        Command::Down(WhichLab { name }) => {
            need_root()?;
            let root = root()?;
            within_runtime(async { Ok(down::down(&root, &name, &progress).await?) })
        }
        Command::Bench(args) => {
            need_root()?;
            let (root, cache) = (root()?, cache()?);
            let request = BenchRequest {
                name: args.name,
                runs: args.runs,
                nodes: args.nodes,
                accelerators: args.accelerators.0,
            };
            within_runtime(async {
                output::line(bench::bench(&root, &cache, &request, &progress).await?.trim_end());
                Ok(())
            })
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "plimsoll-lab", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end());
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
                    Format::Text => output::line(status.table()),
                    Format::Json => {
                        output::line(serde_json::to_string_pretty(&status).map_err(CommandError::Json)?);
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
                output::line(node_change::add(&root, &cache, &name, &progress).await?);
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
    let accelerators = match args.accelerators {
        Some(chosen) => chosen,
        None => defects::accelerators(&args.defects)?,
    };
    defects::check(&args.defects, &accelerators.0)?;
    need_root()?;
    let cache = cache()?;
    let name = args.lab.name;
    let request = UpRequest {
        name: name.clone(),
        nodes: args.nodes,
        accelerators: accelerators.0,
        defects: args.defects,
        with: args.with,
    };
    within_runtime(async {
        let mut claimed = up::claim(root, &cache, request, progress).await?;
        tokio::select! {
            lab = claimed.bring_up(progress) => match lab {
                Ok(lab) => {
                    output::line(lab.folder.kubeconfig().display());
                    Ok(())
                }
                Err(error) => Err(CommandError::HalfUp {
                    lab: name,
                    source: Box::new(error),
                }),
            },
            () = interrupted() => {
                down::clear_for_good(root, &name).await?;
                Err(CommandError::Interrupted)
            }
        }
    })
}

/// Returns when the user, or whoever started this program, asks it to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_cannot_listen) => drop(tokio::signal::ctrl_c().await),
    }
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
