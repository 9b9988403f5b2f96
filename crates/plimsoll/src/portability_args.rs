//! The arguments of `plimsoll portability`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `plimsoll portability`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("where").required(true).multiple(true).args(["on", "context"]))]
pub(crate) struct PortabilityArgs {
    /// Manifests: files, folders, `-` for standard input (what `helm template` or `kustomize build` print).
    #[arg(short = 'f', long = "filename", value_name = "FILES", num_args = 1.., required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Platforms by the records of runs on them: directories of `plimsoll run`.
    #[arg(long, value_name = "RECORD_DIR", num_args = 1..)]
    pub(crate) on: Vec<PathBuf>,
    /// Platforms by contexts of the kubeconfig: surveyed, and asked about each object by a dry run.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) context: Vec<String>,
    /// Kubeconfig file; default: $KUBECONFIG, then ~/.kube/config.
    #[arg(long, value_name = "FILE", requires = "context")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Write the manifests as they run there into this directory, one folder a platform.
    #[arg(long, value_name = "DIR")]
    pub(crate) adapt: Option<PathBuf>,
    /// Really run what should run there, each workload in a namespace of its own, and take it away again.
    #[arg(long, requires = "context")]
    pub(crate) trial: bool,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) format: TableFormat,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// For people.
    Table,
    /// For machines: a documented, stable list.
    Json,
}
