//! The command line as people type it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_program::ProgrammeVersion;

/// How much AI can this Kubernetes platform carry? The CNCF AI Conformance programme, end to end.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 all MUST passed · 1 a MUST failed · 2 a MUST could not be decided · 3 bad input · \
4 platform unreachable · 130 interrupted, after cleanup"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say less: only results and errors.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: every event of a run, and the causes of errors.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the checks against a cluster, or a simulated platform, and write record and reports.
    Run(RunArgs),
    /// Show what the platform has; writes nothing to it.
    Survey(SurveyArgs),
    /// List the checks.
    Checks(ListArgs),
    /// Explain one check: what is proven, how, and what it may do.
    Explain(ExplainArgs),
    /// Write reports again from a run's record, without a cluster.
    Report(ReportArgs),
    /// Set two runs side by side: what got worse, what got better, what else changed.
    Compare(CompareArgs),
    /// Whether a run's directory or a submission is what it was when it was sealed, and who signed it.
    Verify(VerifyArgs),
    /// Sign the record and reports of a run, or a submission.
    Sign(SignArgs),
    /// Make a key pair to sign with.
    Keygen(KeygenArgs),
    /// Remove everything any earlier run left on the cluster.
    Cleanup(CleanupArgs),
    /// Print the least ClusterRole for the chosen checks.
    Permissions(PermissionsArgs),
    /// Build, push or list the probe's image; no container engine needed.
    #[command(subcommand)]
    Image(ImageCommand),
    /// Put the suite itself on trial: does it notice broken platforms, and only those? The kill matrix.
    Calibrate(CalibrateArgs),
    /// Serve a simulated platform on a loopback port, with a kubeconfig for kubectl.
    Simulate(SimulateArgs),
    /// What only a platform's owner can say: write a commented plimsoll.toml, or look at the one that is there.
    Config(ConfigArgs),
    /// Make a submission from the records of runs: a directory ready for a pull request.
    Submission(crate::submission_args::SubmissionArgs),
    /// Judge submissions by the programme's rules, and give advice beyond them.
    Validate(crate::submission_args::ValidateArgs),
    /// What is certified, and until when: a checkout of submissions as a registry.
    Registry(crate::registry_args::RegistryArgs),
    /// Will these workloads run there? Reads manifests, and what is known of platforms.
    Portability(crate::portability_args::PortabilityArgs),
    /// Print shell completions.
    Completions(CompletionsArgs),
}

/// Which cluster.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterArgs {
    /// Kubeconfig file; default: $KUBECONFIG, ~/.kube/config, then the Pod's own ServiceAccount.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; default: its current one.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// Which simulated platform, if any.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimulatedArgs {
    /// A simulated platform instead of a cluster: a name, or a TOML file that describes one.
    #[arg(
        long, value_name = "PLATFORM", num_args = 0..=1, require_equals = true,
        default_missing_value = plimsoll_sim::platform::DEFAULT, conflicts_with_all = ["kubeconfig", "context"],
    )]
    pub(crate) simulate: Option<String>,
    /// Break the simulated platform: a defect's id; `plimsoll explain` names those of a check.
    #[arg(long, value_name = "ID", value_delimiter = ',', requires = "simulate")]
    pub(crate) defect: Vec<String>,
    /// What decides everything that would be random on the simulated platform.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
}

/// How big a simulated platform is.
#[derive(Args, Debug, Clone)]
pub(crate) struct SizeArgs {
    /// As many nodes in all, each kind in its share; default: what the platform's file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) nodes: Option<u32>,
    /// As many pods that run already; default: what the platform's file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=500_000))]
    pub(crate) pods: Option<u32>,
}

/// Which checks.
#[derive(Args, Debug, Clone)]
pub(crate) struct SelectionArgs {
    /// Only these requirements.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All but these requirements.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
}

/// `plimsoll run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) simulated: SimulatedArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Version of the programme; default: the cluster's Kubernetes version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) program: Option<ProgrammeVersion>,
    /// What the platform's owner says; default: plimsoll.toml in this directory, if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Let controls run that disturb the platform beyond the run's own objects: a label of a node removed, a plugin's
    /// pod restarted. Otherwise they are reported as not run.
    #[arg(long)]
    pub(crate) allow_disruption: bool,
    /// Directory for record and reports; default: plimsoll-RUN in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How many checks run side by side.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: u16,
    /// The probe's image; default: the one `plimsoll image` builds.
    #[arg(long, value_name = "REF", env = "PLIMSOLL_IMAGE")]
    pub(crate) image: Option<String>,
    /// Go on with an interrupted run: its verdicts stay, the rest is run.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "simulate"])]
    pub(crate) resume: Option<PathBuf>,
    /// Wait this many times as long as usual before giving up (slow image pulls, slow schedulers).
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = scale)]
    pub(crate) timeout_scale: f64,
    /// Sign record and reports with this private key (`plimsoll keygen` makes one).
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && (0.1..=100.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.1 to 100".to_owned()),
    }
}

/// `plimsoll survey`.
#[derive(Args, Debug)]
pub(crate) struct SurveyArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) simulated: SimulatedArgs,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

/// `plimsoll checks`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

/// `plimsoll explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The requirement's id, such as gang_scheduling.
    pub(crate) id: String,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = PageFormat::Text)]
    pub(crate) format: PageFormat,
}

/// `plimsoll report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The run's directory.
    pub(crate) dir: PathBuf,
    /// Print this one on standard output; default: write all of them into the directory again.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
}

/// `plimsoll compare`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 nothing got worse · 1 something fails that did not · 2 something that was proven is not proven any more · 3 bad input"
)]
pub(crate) struct CompareArgs {
    /// The directory of the run before; or a submission (PRODUCT.yaml or its directory): you claimed this, the run shows that.
    pub(crate) before: PathBuf,
    /// The directory of the run after.
    pub(crate) after: PathBuf,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

/// `plimsoll verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The directory of a run, or a submission.
    pub(crate) dir: PathBuf,
    /// Only a signature by this public key will do.
    #[arg(long, value_name = "PUBLIC KEY")]
    pub(crate) key: Option<PathBuf>,
    /// The directory of a run that a submission must have been made from; may be repeated.
    #[arg(long = "record", value_name = "RUN DIR")]
    pub(crate) records: Vec<PathBuf>,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

/// `plimsoll sign`.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The directory of a run, or a submission.
    pub(crate) dir: PathBuf,
    /// The private key.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
    /// Sign also what is not as it was when it was sealed.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `plimsoll keygen`.
#[derive(Args, Debug)]
pub(crate) struct KeygenArgs {
    /// Where to keep the private key; the public one lies beside it as FILE.pub.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `plimsoll cleanup`.
#[derive(Args, Debug)]
pub(crate) struct CleanupArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Only say what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also remove runs that are still alive.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `plimsoll permissions`.
#[derive(Args, Debug)]
pub(crate) struct PermissionsArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// The ClusterRole's name.
    #[arg(long, default_value = "plimsoll")]
    pub(crate) name: String,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = ManifestFormat::Yaml)]
    pub(crate) format: ManifestFormat,
}

/// `plimsoll image`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Write the image as an archive that containerd, podman and docker can load.
    Save {
        /// The archive to write.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Push the image to a registry; credentials as `docker login` keeps them.
    Push {
        /// Where to, such as registry.example.org/ai/plimsoll-probe:v1.
        #[arg(value_name = "REF")]
        reference: String,
        /// Speak plain HTTP to the registry.
        #[arg(long)]
        insecure: bool,
    },
    /// List the images this binary can build.
    List {
        /// What to print on standard output.
        #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
        format: OutputFormat,
    },
}

/// `plimsoll calibrate`.
#[derive(Args, Debug)]
pub(crate) struct CalibrateArgs {
    /// Seed defects into this simulated platform, and try no other sound one: a name, or a TOML file; default: the one
    /// that shows every defect, and every sound platform beside it.
    #[arg(
        long, value_name = "PLATFORM", num_args = 0..=1, require_equals = true, conflicts_with = "lab",
        default_missing_value = plimsoll_sim::platform::DEFAULT,
    )]
    pub(crate) simulate: Option<String>,
    /// On labs instead: real Kubernetes on this machine, one lab after the other, with the `plimsoll-lab` beside this
    /// program; takes root and minutes.
    #[arg(long)]
    pub(crate) lab: bool,
    /// Only these defects; default: all that can show.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) defect: Vec<String>,
    /// Only these checks, and the defects that one of them must notice; default: all of them.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Sample so many pairs of defects, and so many defects under latency.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) pairs: u16,
    /// What decides the samples, and everything that would be random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Try the sound platform on so many seeds.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) seeds: u64,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = CalibrateFormat::Table)]
    pub(crate) format: CalibrateFormat,
    /// Also write calibration.json, calibration.html and calibration.txt into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// How the kill matrix is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CalibrateFormat {
    /// For people at a terminal.
    Table,
    /// For machines: a documented, stable object.
    Json,
    /// A page to look at.
    Html,
}

/// `plimsoll simulate`.
#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// The platform: a name, or a TOML file that describes one.
    #[arg(value_name = "PLATFORM", default_value = plimsoll_sim::platform::DEFAULT)]
    pub(crate) platform: String,
    /// The loopback port; 0: any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Break it: a defect's id.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) defect: Vec<String>,
    /// What decides everything that would be random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the kubeconfig here, and remove it at the end; default: plimsoll-simulated-PORT.kubeconfig in the system's
    /// folder for temporary files.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// List the platforms that come along, and end.
    #[arg(long)]
    pub(crate) list: bool,
}

/// `plimsoll config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// The file.
    #[arg(value_name = "FILE", default_value = plimsoll_checks::settings::FILE_NAME)]
    pub(crate) file: PathBuf,
    /// Write a commented one in which nothing is set; one that is there stays as it is.
    #[arg(long)]
    pub(crate) init: bool,
}

/// `plimsoll completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// For people or for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// For machines: a documented, stable object.
    Json,
}

/// How a check is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    /// For a terminal.
    Text,
    /// The check's whole page, with how to read a failure.
    Markdown,
}

/// How a manifest is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestFormat {
    /// For `kubectl apply -f -`.
    Yaml,
    /// The same as JSON.
    Json,
}

/// The reports of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// The table of verdicts.
    Text,
    /// results.json.
    Json,
    /// junit.xml.
    Junit,
    /// e2e.log.
    Log,
    /// report.html: one page to look at, print and search.
    Html,
    /// All evidence pages, one after the other.
    Markdown,
    /// What failed and what could not be decided, for code scanning.
    Sarif,
    /// A summary for a step of GitHub Actions, to be appended to $GITHUB_STEP_SUMMARY.
    Github,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_timeout_scale_is_a_sensible_number() {
        assert_eq!(scale("2.5"), Ok(2.5));
        for bad in ["0", "-1", "NaN", "inf", "many"] {
            assert!(scale(bad).is_err(), "{bad}");
        }
    }
}
