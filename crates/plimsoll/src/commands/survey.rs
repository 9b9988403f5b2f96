//! `plimsoll survey`: what the platform has.

use super::{Ended, block_on, connect, print, print_json};
use crate::{
    cli::{OutputFormat, SurveyArgs},
    failure::Failure,
};

pub(crate) fn survey(args: &SurveyArgs) -> Ended {
    let inventory = block_on(async {
        let platform = connect(&args.cluster).await?;
        plimsoll_platform::survey(&platform)
            .await
            .map_err(|error| Failure::unreachable(&error))
    })?;
    match args.format {
        OutputFormat::Json => print_json(&inventory)?,
        OutputFormat::Text => print(&crate::inventory_table::render(&inventory))?,
    }
    Ok(0)
}
