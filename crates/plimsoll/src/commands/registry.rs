//! `plimsoll registry`: what is certified, and until when.

use std::io::{self, IsTerminal};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use plimsoll_registry::{
    Dates, Filter, Registry, expiring_table, list_table, show_text, stats, stats_table, write_site,
};

use super::{Ended, Voice, print, print_json};
use crate::{
    cli::OutputFormat,
    failure::Failure,
    registry_args::{FilterArgs, RegistryArgs, RegistryCommand},
};

/// How wide a table is where no terminal says: what still reads well in a log.
const PLAIN_WIDTH: u16 = 120;

pub(crate) fn registry(args: &RegistryArgs, voice: Voice) -> Ended {
    let given = args
        .dates
        .as_deref()
        .map(Dates::read)
        .transpose()
        .map_err(Failure::in_file)?;
    let dates = given.unwrap_or_default().or(Dates::of_history(&args.path));
    let registry = Registry::read(&args.path, &dates).map_err(Failure::in_file)?;
    if registry.entries.iter().all(|entry| entry.certificate.is_none()) {
        voice.say("no dates are known: give --dates, or a checkout with its history");
    }
    let today = args.today.unwrap_or_else(today);
    let json = args.format == OutputFormat::Json;
    match &args.command {
        RegistryCommand::List(filter) => {
            let filter = chosen(filter);
            let entries: Vec<_> = registry.filtered(&filter).collect();
            if entries.is_empty() {
                voice.say("no product is as asked for");
            }
            if json {
                print_json(&entries)?
            } else {
                print(&list_table(entries, today, width()))?
            }
        }
        RegistryCommand::Show { name } => {
            let entry = registry.find(name).map_err(Failure::in_file)?;
            if json {
                print_json(entry)?
            } else {
                print(&show_text(entry, today, width()))?
            }
        }
        RegistryCommand::Expiring { within } => {
            let expiring = registry.expiring(today, *within);
            if json {
                let entries: Vec<_> = expiring.iter().map(|(entry, _)| *entry).collect();
                print_json(&entries)?;
            } else {
                print(&expiring_table(&expiring, today, width()))?;
            }
        }
        RegistryCommand::Stats(filter) => {
            let filter = chosen(filter);
            let stats = stats(registry.filtered(&filter));
            if json {
                print_json(&stats)?
            } else {
                print(&stats_table(&stats, width()))?
            }
        }
        RegistryCommand::Site { directory } => {
            let files = write_site(&registry, today, directory).map_err(|error| Failure::input(&error))?;
            voice.say(format!("wrote {files} files into {}", directory.display()));
        }
    }
    Ok(0)
}

fn chosen(args: &FilterArgs) -> Filter {
    Filter {
        version: args.program.clone(),
        vendor: args.vendor.clone(),
        support: args.supports.clone(),
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

fn width() -> Option<u16> {
    let terminal = io::stdout().is_terminal();
    terminal
        .then(|| comfy_table::Table::new().width())
        .flatten()
        .or(Some(PLAIN_WIDTH))
}
