//! The command line: names and meanings of arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::accelerators::request::AcceleratorRequest;
use crate::addresses::NodeIndex;
use crate::name::LabName;

/// A real Kubernetes on one machine, with accelerators that are real to the kernel.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-lab", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Where labs live; `down` leaves nothing there.
    #[arg(
        long,
        global = true,
        hide = true,
        env = "PLIMSOLL_LAB_STATE",
        default_value = "/var/lib/plimsoll-lab"
    )]
    pub(crate) state: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile Kubernetes and what it needs from Go modules into a cache; done already, it does nothing.
    Build(BuildArgs),
    /// Start a lab and print the path of its kubeconfig.
    Up(UpArgs),
    /// Show what runs in a lab.
    Status {
        #[command(flatten)]
        lab: WhichLab,
        /// What to print.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print the path of a lab's kubeconfig.
    Kubeconfig(WhichLab),
    /// Run kubectl, of the lab's own version, on a lab.
    Kubectl {
        #[command(flatten)]
        lab: WhichLab,
        /// What kubectl is told, such as `get pods -A`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Import an image archive (docker or OCI) into every node.
    LoadImage {
        /// The archive, as `docker save` or `plimsoll image save` writes it.
        file: PathBuf,
        #[command(flatten)]
        lab: WhichLab,
    },
    /// Show the log of a component.
    Logs {
        /// Such as `kube-apiserver`, or `kubelet@node-1` for what runs on a node.
        component: String,
        /// Go on as the log grows.
        #[arg(short, long)]
        follow: bool,
        #[command(flatten)]
        lab: WhichLab,
    },
    /// End a component and start it again as it was.
    Restart {
        /// Such as `kube-scheduler`, or `kubelet@node-1` for what runs on a node.
        component: String,
        /// Kill it, as a crash would, instead of asking it to end.
        #[arg(long)]
        kill: bool,
        #[command(flatten)]
        lab: WhichLab,
    },
    /// Add or remove a node.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Remove a lab and everything of it, whatever became of it.
    Down(WhichLab),
    /// Measure how long a lab takes to come up and go, and what it weighs; prints a page of Markdown.
    Bench(BenchArgs),
    /// Print the script that completes this command line in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Offer a node's accelerators; started by `up`.
    #[command(hide = true)]
    Accelerators {
        #[arg(long)]
        config: PathBuf,
    },
    /// Admit gangs as a seeded defect says; started by `up`.
    #[command(hide = true)]
    GangController {
        #[arg(long)]
        config: PathBuf,
    },
    /// Stand before runc as a seeded defect says; started by containerd.
    #[command(hide = true)]
    OciRuntime {
        #[arg(long)]
        config: PathBuf,
        #[arg(last = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Hold the processes of a lab; started by `up`.
    #[command(hide = true)]
    Keep {
        #[arg(long)]
        lab: LabName,
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WhichLab {
    /// The lab's name.
    #[arg(long, value_name = "NAME", default_value = "lab")]
    pub(crate) name: LabName,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Build an optional component as well.
    #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) lab: WhichLab,
    /// How many nodes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=i64::from(NodeIndex::MAX)))]
    pub(crate) nodes: u8,
    /// Accelerators of every node, `VENDOR:COUNT[:dra|plugin[:DIVISION]]`; `none` for none.
    ///
    /// A division is partitions (`3g.40gb+1g.10gb`), virtual functions (`vf4`), or alternatives (`whole|vf4`). Without a
    /// list, a node has what the chosen defects show on, else `nvidia:4,amd:2:plugin`.
    #[arg(long, value_name = "LIST", value_parser = accelerators)]
    pub(crate) accelerators: Option<Accelerators>,
    /// Start an optional component as well.
    #[arg(long, value_name = "COMPONENT", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
    /// Break the platform in a known way.
    #[arg(long = "defect", value_name = "ID", value_delimiter = ',')]
    pub(crate) defects: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The name of the lab that is made and removed again.
    #[arg(long, default_value = "bench")]
    pub(crate) name: LabName,
    /// How often to measure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// How many nodes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=i64::from(NodeIndex::MAX)))]
    pub(crate) nodes: u8,
    /// Accelerators of every node, as `up` takes them.
    #[arg(long, value_name = "LIST", default_value = USUAL, value_parser = accelerators)]
    pub(crate) accelerators: Accelerators,
}

/// The accelerators of a node where nobody says otherwise.
pub(crate) const USUAL: &str = "nvidia:4,amd:2:plugin";

/// The accelerators of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accelerators(pub(crate) Vec<AcceleratorRequest>);

/// Reads a list of them.
pub(crate) fn accelerators(text: &str) -> Result<Accelerators, String> {
    if text.trim() == "none" {
        return Ok(Accelerators(Vec::new()));
    }
    let requests: Result<Vec<AcceleratorRequest>, _> = text.split(',').map(str::parse).collect();
    let requests = requests.map_err(|error| error.to_string())?;
    for (place, request) in requests.iter().enumerate() {
        if requests[..place]
            .iter()
            .any(|other| other.vendor == request.vendor)
        {
            return Err(format!(
                "`{}` is listed twice; give the number once",
                request.vendor
            ));
        }
    }
    Ok(Accelerators(requests))
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Add a node like the others.
    Add(WhichLab),
    /// Remove a node.
    Remove {
        /// Its name, such as `node-2`.
        node: String,
        #[command(flatten)]
        lab: WhichLab,
    },
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("plimsoll-lab").chain(line.split_whitespace()))
    }

    fn up(line: &str) -> UpArgs {
        match parse(line).unwrap().command {
            Command::Up(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn up_without_arguments_is_two_nodes_with_accelerators_of_both_kinds() {
        let args = up("up");
        assert_eq!(args.lab.name.as_str(), "lab");
        assert_eq!(args.nodes, 2);
        assert_eq!(args.accelerators, None);
        let requests = accelerators(USUAL).unwrap().0;
        let requests: Vec<_> = requests.iter().map(ToString::to_string).collect();
        assert_eq!(requests, ["nvidia:4:dra", "amd:2:plugin"]);
        assert!(args.defects.is_empty() && args.with.is_empty());
    }

    #[test]
    fn lists_are_given_with_commas_or_repeated() {
        let args = up("up --defect dra.api-only,gang.dead --defect sec.residue --accelerators none");
        assert_eq!(args.defects, ["dra.api-only", "gang.dead", "sec.residue"]);
        assert_eq!(args.accelerators, Some(Accelerators(Vec::new())));
    }

    #[test]
    fn what_follows_kubectl_is_kubectls_own() {
        for line in [
            "kubectl --name x -- get pods -n y",
            "kubectl --name x get pods -n y",
        ] {
            match parse(line).unwrap().command {
                Command::Kubectl { lab, arguments } => {
                    assert_eq!(lab.name.as_str(), "x", "{line}");
                    assert_eq!(arguments, ["get", "pods", "-n", "y"], "{line}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "up --nodes 0",
            "up --nodes 9",
            "up --name ../etc",
            "up --accelerators nvidia",
            "up --accelerators nvidia:1,nvidia:2:plugin",
            "up --accelerators nvidia:1:dra:9g.90gb",
            "logs",
            "node remove",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
