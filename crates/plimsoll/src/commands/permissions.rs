//! `plimsoll permissions`: the least ClusterRole for the chosen checks.

use plimsoll_program::ProgrammeVersion;
use plimsoll_runner::{Plan, Selection};

use super::{Ended, print, print_json};
use crate::{
    cli::{ManifestFormat, PermissionsArgs, SelectionArgs},
    failure::Failure,
};

pub(crate) fn permissions(args: &PermissionsArgs) -> Ended {
    // Permissions don't depend on the version; the newest has every requirement.
    let plan = plan(&args.selection, ProgrammeVersion::V1_37)?;
    let checks: Vec<_> = plan.selected().map(|planned| planned.check).collect();
    let mut role = plimsoll_platform::cluster_role(&plimsoll_runner::permissions(&checks));
    role["metadata"]["name"] = args.name.as_str().into();
    match args.format {
        ManifestFormat::Json => print_json(&role)?,
        ManifestFormat::Yaml => {
            let text = serde_saphyr::to_string(&role).map_err(|error| Failure::input(&error))?;
            print(&text)?;
        }
    }
    Ok(0)
}

/// Plans the chosen checks, or says what is wrong with the choice.
pub(crate) fn plan(selection: &SelectionArgs, programme: ProgrammeVersion) -> Result<Plan, Failure> {
    let selection = Selection {
        only: selection.only.clone(),
        skip: selection.skip.clone(),
    };
    Plan::new(plimsoll_checks::ALL, programme, &selection)
        .map_err(|error| Failure::input_with_help(&error, "`plimsoll checks` lists what can be chosen"))
}
