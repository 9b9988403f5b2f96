//! `plimsoll report`: the reports again, from the record alone.

use std::io;

use anstream::stream::{IsTerminal, RawStream};
use plimsoll_report::{
    Colour, GithubSummary, Html, Junit, Markdown, RecordedRun, Reporter, ResultsJson, Sarif, TestLog,
    VerdictTable, exit_code, write_all,
};

use super::{Ended, Voice};
use crate::{
    cli::{ReportArgs, ReportFormat},
    failure::Failure,
};

pub(crate) fn report(args: &ReportArgs, voice: Voice) -> Ended {
    let run = RecordedRun::read(&args.dir).map_err(|error| Failure::input(&error))?;
    match args.format {
        None => {
            write_all(&args.dir, &run).map_err(|error| Failure::input(&error))?;
            voice.say(format!(
                "wrote the reports of run {} into {}",
                run.facts.run,
                args.dir.display()
            ));
        }
        Some(ReportFormat::Text) => super::print(&table(&run, &io::stdout())?)?,
        Some(ReportFormat::Json) => print(&ResultsJson, &run)?,
        Some(ReportFormat::Junit) => print(&Junit, &run)?,
        Some(ReportFormat::Log) => print(&TestLog, &run)?,
        Some(ReportFormat::Html) => print(&Html, &run)?,
        Some(ReportFormat::Markdown) => print(&Markdown, &run)?,
        Some(ReportFormat::Sarif) => print(&Sarif, &run)?,
        Some(ReportFormat::Github) => print(&GithubSummary, &run)?,
    }
    Ok(exit_code(&run).code())
}

/// Prints one report on standard output.
pub(crate) fn print(reporter: &dyn Reporter, run: &RecordedRun) -> Result<(), Failure> {
    super::print(&text(reporter, run)?)
}

/// How wide a table is where no terminal says: what still reads well in a log.
const PLAIN_WIDTH: u16 = 120;

/// The table of verdicts, as wide and as colourful as where it goes.
pub(crate) fn table(run: &RecordedRun, to: &impl RawStream) -> Result<String, Failure> {
    let width = IsTerminal::is_terminal(to)
        .then(|| comfy_table::Table::new().width())
        .flatten()
        .or(Some(PLAIN_WIDTH));
    text(
        &VerdictTable {
            colour: colour(to),
            width,
        },
        run,
    )
}

/// Whether colours are wanted there: on a terminal, unless the environment says otherwise.
pub(crate) fn colour(to: &impl RawStream) -> Colour {
    match anstream::AutoStream::choice(to) {
        anstream::ColorChoice::Never => Colour::Never,
        _ => Colour::Always,
    }
}

fn text(reporter: &dyn Reporter, run: &RecordedRun) -> Result<String, Failure> {
    let mut text = Vec::new();
    reporter
        .write(run, &mut text)
        .map_err(|error| Failure::input(&error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
