//! `plimsoll compare`: two runs side by side.

use std::{io, path::Path};

use plimsoll_report::{Comparison, ComparisonDocument, ComparisonText, RecordedRun};

use super::{Ended, print, print_json, report};
use crate::{
    cli::{CompareArgs, OutputFormat},
    failure::Failure,
};

pub(crate) fn compare(args: &CompareArgs) -> Ended {
    let comparison = Comparison::of(&read(&args.before)?, &read(&args.after)?);
    match args.format {
        OutputFormat::Json => print_json(&ComparisonDocument::of(&comparison))?,
        OutputFormat::Text => {
            let mut text = Vec::new();
            let colour = report::colour(&io::stdout());
            ComparisonText { colour }
                .write(&comparison, &mut text)
                .map_err(|error| Failure::input(&error))?;
            print(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(comparison.exit_code())
}

fn read(path: &Path) -> Result<RecordedRun, Failure> {
    RecordedRun::read(path).map_err(|error| {
        Failure::input_with_help(&error, "`plimsoll compare` takes the directories of two runs")
    })
}
