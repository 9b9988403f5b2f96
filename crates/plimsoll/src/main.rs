//! The command line: arguments and wiring only.

mod cli;
mod commands;
mod failure;
mod interrupt;
mod inventory_table;
mod portability_args;
mod registry_args;
mod submission_args;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// A run on the simulated platform is for the most part made of small JSON values: this one takes a fifth off it. Without
/// huge pages, which would cost a run on a cluster a quarter more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are what was asked for; everything else is bad input.
            let asked_for = !error.use_stderr();
            let _ = error.print();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                failure::BAD_INPUT.into()
            };
        }
    };
    let voice = commands::Voice {
        quiet: cli.quiet,
        verbose: cli.verbose,
    };
    let ended = match cli.command {
        Command::Run(args) => commands::run::run(&args, voice),
        Command::Survey(args) => commands::survey::survey(&args, voice),
        Command::Checks(args) => commands::checks::list(&args),
        Command::Explain(args) => commands::checks::explain(&args),
        Command::Report(args) => commands::report::report(&args, voice),
        Command::Compare(args) => commands::compare::compare(&args),
        Command::Verify(args) => commands::verify::verify(&args, voice),
        Command::Sign(args) => commands::sign::sign(&args, voice),
        Command::Keygen(args) => commands::sign::keygen(&args, voice),
        Command::Cleanup(args) => commands::cleanup::cleanup(&args, voice),
        Command::Permissions(args) => commands::permissions::permissions(&args),
        Command::Image(command) => commands::image::image(&command, voice),
        Command::Calibrate(args) => commands::calibrate::calibrate(&args, voice),
        Command::Simulate(args) => commands::simulate::simulate(&args, voice),
        Command::Config(args) => commands::config::config(&args, voice),
        Command::Registry(args) => commands::registry::registry(&args, voice),
        Command::Submission(args) => commands::submission::submission(&args, voice),
        Command::Validate(args) => commands::validate::validate(&args, voice),
        Command::Portability(args) => commands::portability::portability(&args, voice),
        Command::Completions(args) => commands::completions::completions(&args),
    };
    match ended {
        Ok(code) => code.into(),
        Err(failure) => failure.report().into(),
    }
}
