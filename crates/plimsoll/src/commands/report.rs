//! `plimsoll report`: the reports again, from the record alone.

use plimsoll_report::{E2eLog, Evidence, JunitXml, RecordedRun, ResultsJson, to_string, write_all};

use super::{Ended, Voice, print};
use crate::{
    cli::{ReportArgs, ReportFormat},
    failure::Failure,
};

pub(crate) fn report(args: &ReportArgs, voice: Voice) -> Ended {
    let run = RecordedRun::read(&args.dir).map_err(|error| Failure::input(&error))?;
    match args.format {
        None => {
            write_all(&args.dir, &run).map_err(|error| Failure::input(&error))?;
            voice.say(format!("wrote the reports of run {} into {}", run.id(), args.dir.display()));
        }
        Some(ReportFormat::Text) => print(&table(&run))?,
        Some(ReportFormat::Json) => print(&to_string(&ResultsJson, &run))?,
        Some(ReportFormat::Junit) => print(&to_string(&JunitXml, &run))?,
        Some(ReportFormat::Log) => print(&to_string(&E2eLog, &run))?,
        Some(ReportFormat::Markdown) => print(&to_string(&Evidence, &run))?,
    }
    Ok(plimsoll_report::exit_code(&run))
}

/// The table of verdicts for people.
pub(crate) fn table(run: &RecordedRun) -> String {
    to_string(&plimsoll_report::VerdictTable, run)
}
