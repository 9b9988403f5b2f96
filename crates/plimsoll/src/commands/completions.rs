//! `plimsoll completions`.

use clap::CommandFactory;

use super::{Ended, print};
use crate::cli::{Cli, CompletionsArgs};

pub(crate) fn completions(args: &CompletionsArgs) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
