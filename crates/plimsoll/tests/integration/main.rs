//! The command line as scripts meet it: exit codes, what goes where, and how bad input is told.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

mod bad_input;
mod kubectl;
mod listings;
mod portability;
mod programme;
mod registry;
mod run_guides;
mod scripted;
mod sealed;
mod served;
mod settings;
mod simulated;
mod submission;
mod unfit_server;
mod validate;

use std::{path::Path, process::Output};

/// Runs `plimsoll` far from this user's own cluster and settings.
fn plimsoll(home: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .current_dir(home)
        .output()
        .expect("the built binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}
