//! Arguments of `plimsoll registry`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use plimsoll_registry::Support;

use crate::cli::OutputFormat;

/// `plimsoll registry`.
#[derive(Args, Debug)]
pub(crate) struct RegistryArgs {
    /// A checkout of the programme's repository, or any tree of vVERSION/PRODUCT directories.
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// The days on which submissions were merged, one a line: v1.37/acme 2026-11-02; default: the checkout's history.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) dates: Option<PathBuf>,
    /// The day that counts as today; default: today.
    #[arg(long, value_name = "DAY", global = true)]
    pub(crate) today: Option<Date>,
    /// What to print on standard output.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, global = true)]
    pub(crate) format: OutputFormat,
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

/// What to do with a registry.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// List the products.
    List(FilterArgs),
    /// Show all about one product.
    Show {
        /// Its id, such as v1.37/acme, or its directory's or product's name.
        name: String,
    },
    /// The certificates that run out, or have run out, and are not renewed.
    Expiring {
        /// Within this time, such as 60d.
        #[arg(long, value_name = "TIME", default_value = "60d", value_parser = days)]
        within: i32,
    },
    /// What products name: schedulers, operators, gateways, autoscalers, accelerators; each with the line that says so.
    Stats(FilterArgs),
    /// Write static pages, a JSON API, a feed and badges.
    Site {
        /// The directory to write them into.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// Which products.
#[derive(Args, Debug)]
pub(crate) struct FilterArgs {
    /// Only this version of the programme.
    #[arg(long = "program", value_name = "VERSION")]
    pub(crate) program: Option<String>,
    /// Only vendors whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) vendor: Option<String>,
    /// Only those that claim this of a requirement: ID, which means implemented, or ID=STATUS.
    #[arg(long, value_name = "ID[=STATUS]")]
    pub(crate) supports: Vec<Support>,
}

/// `60d`, `8w` or `60`, in days.
fn days(text: &str) -> Result<i32, String> {
    let (number, unit) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    match number.parse::<i32>() {
        Ok(number) if (0..=5000).contains(&number) => Ok(number * unit),
        _ => Err("expected days or weeks, such as 60d or 8w".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_weeks() {
        assert_eq!((days("60d"), days("8w"), days("5")), (Ok(60), Ok(56), Ok(5)));
        assert!(days("-1d").is_err() && days("soon").is_err());
    }
}
