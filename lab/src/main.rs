//! `plimsoll-lab`: a real Kubernetes on one machine. Wiring only: arguments to commands to exit codes.

mod accelerators;
mod addresses;
mod api_client;
mod bench;
mod build;
mod cli;
mod command;
mod control_plane;
mod defects;
mod dns;
mod down;
mod failure;
mod files;
mod folder;
mod keeper;
mod kubectl;
mod lab;
mod logs;
mod machine;
mod memory;
mod name;
mod nearest;
mod network;
mod node;
mod node_change;
mod output;
mod pki;
mod progress;
mod ready;
mod restart;
mod state;
mod status;
mod tool;
mod traces;
mod up;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Cli::try_parse() {
        Ok(cli) => command::run(cli),
        Err(error) => command::usage(&error),
    }
}
