//! Arguments of the commands about submissions.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plimsoll_program::rules::Generation;

/// `plimsoll validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// A PRODUCT.yaml, the directory it lies in, or a tree of them, such as a checkout of the programme's repository.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The folder with the official checklists, AIConformance-VERSION.yaml; default: `docs` beside the version's
    /// directory or here, else only ids and levels are compared.
    #[arg(long, value_name = "DIR")]
    pub(crate) checklists: Option<PathBuf>,
    /// The CNCF's members, one name a line; without it, membership is not decided.
    #[arg(long, value_name = "FILE")]
    pub(crate) members: Option<PathBuf>,
    /// Whose rules: `current` (autumn 2026) or `2026-06`.
    #[arg(long, value_name = "GENERATION", default_value_t = Generation::Current)]
    pub(crate) rules: Generation,
    /// Also ask whether links answer; never asks private addresses. Without it, the rules on links are not decided.
    #[arg(long)]
    pub(crate) online: bool,
    /// Ask every link, also those that answered lately, and keep nothing.
    #[arg(long, requires = "online")]
    pub(crate) no_cache: bool,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = ValidateFormat::Text)]
    pub(crate) format: ValidateFormat,
}

/// How verdicts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValidateFormat {
    /// For people: each finding with its line.
    Text,
    /// For machines: a documented, stable list.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
}

/// `plimsoll submission`.
#[derive(Args, Debug)]
pub(crate) struct SubmissionArgs {
    /// Directories of runs that were made on the product: one, or one for each kind of accelerator or cluster.
    #[arg(value_name = "DIR", required_unless_present = "init")]
    pub(crate) runs: Vec<PathBuf>,
    /// The vendor's part, see --init; may be left out with --update.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["init", "update"])]
    pub(crate) product: Option<PathBuf>,
    /// The official checklist, AIConformance-VERSION.yaml of the programme's repository.
    #[arg(long, value_name = "FILE", required_unless_present = "init")]
    pub(crate) checklist: Option<PathBuf>,
    /// Where vVERSION/PRODUCT/ is written, such as a checkout of the programme's repository; with --update and without
    /// --product, the submission's own directory.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Allow runs on Plimsoll's own lab or the simulated platform, and mark the submission as a sample.
    #[arg(long)]
    pub(crate) sample: bool,
    /// Refresh the submission that is there, and keep what was written by hand.
    #[arg(long)]
    pub(crate) update: bool,
    /// Write a commented product.toml to begin with (or the file that --product names), and end.
    #[arg(long, conflicts_with_all = ["runs", "checklist", "sample", "update"])]
    pub(crate) init: bool,
}
