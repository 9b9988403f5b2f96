//! `plimsoll checks` and `plimsoll explain`: printed from the checks' own declarations.

use std::{collections::BTreeMap, fmt::Write};

use plimsoll_checks::{Check, Declaration};
use plimsoll_program::{Level, ProgrammeVersion, Requirement, find};
use plimsoll_record::{ControlKind, Rule};
use serde::Serialize;

use super::{Ended, check_page, print, print_json};
use crate::{
    cli::{ExplainArgs, ListArgs, OutputFormat, PageFormat},
    failure::Failure,
};

/// One check in `plimsoll checks --format json`.
#[derive(Serialize)]
struct Row {
    id: String,
    title: String,
    kar: Option<u32>,
    levels: BTreeMap<String, &'static str>,
    adapters: Vec<&'static str>,
    defects: Vec<&'static str>,
    permissions: Vec<String>,
}

impl Row {
    fn new(declaration: &Declaration, requirement: &Requirement) -> Self {
        Self {
            id: declaration.id.to_string(),
            title: requirement.title.clone(),
            kar: requirement.kar,
            levels: ProgrammeVersion::ALL
                .into_iter()
                .map(|version| (version.to_string(), level(requirement.level(version))))
                .collect(),
            adapters: declaration.adapters.to_vec(),
            defects: declaration.defects.to_vec(),
            permissions: declaration.permissions.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The word of the machine format, which has `absent` where we speak of a pillar.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
        Level::Pillar => "absent",
    }
}

pub(crate) fn list(args: &ListArgs) -> Ended {
    let rows = plimsoll_checks::ALL
        .iter()
        .map(|check| facts(*check).map(|(declaration, requirement)| Row::new(declaration, requirement)))
        .collect::<Result<Vec<_>, _>>()?;
    match args.format {
        OutputFormat::Json => print_json(&rows)?,
        OutputFormat::Text => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
            let mut header = vec!["ID".to_owned(), "KAR".to_owned()];
            header.extend(ProgrammeVersion::ALL.map(|version| version.to_string()));
            header.push("TITLE".to_owned());
            table.set_header(header);
            for row in rows {
                let mut cells = vec![row.id, row.kar.map_or_else(String::new, |kar| kar.to_string())];
                cells.extend(row.levels.values().map(|level| (*level).replace("absent", "–")));
                cells.push(row.title);
                table.add_row(cells);
            }
            print(&format!("{table}\n"))?;
        }
    }
    Ok(0)
}

pub(crate) fn explain(args: &ExplainArgs) -> Ended {
    let requirement = find(&args.id).map_err(|error| {
        Failure::input_with_help(
            &error,
            "`plimsoll checks` lists the requirements that have a check",
        )
    })?;
    let Some(check) = plimsoll_checks::ALL
        .iter()
        .find(|check| check.declaration().id == requirement.id)
    else {
        let mut text = heading(requirement);
        text.push_str("\nThere is no check for this requirement yet.\n");
        print(&text)?;
        return Ok(0);
    };
    print(&match args.format {
        PageFormat::Text => explanation(check.declaration(), requirement),
        PageFormat::Markdown => check_page::page(check.declaration(), requirement),
    })?;
    Ok(0)
}

fn facts(check: &dyn Check) -> Result<(&'static Declaration, &'static Requirement), Failure> {
    let declaration = check.declaration();
    let requirement = find(declaration.id.as_str()).map_err(|error| Failure::input(&error))?;
    Ok((declaration, requirement))
}

fn heading(requirement: &Requirement) -> String {
    let levels: Vec<String> = ProgrammeVersion::ALL
        .into_iter()
        .map(|version| format!("{version} {}", level(requirement.level(version))))
        .collect();
    let kar = requirement
        .kar
        .map_or_else(String::new, |kar| format!(" (KAR-{kar})"));
    format!(
        "{}{kar}: {}\n{}\n",
        requirement.id,
        requirement.title,
        levels.join(" · ")
    )
}

fn explanation(declaration: &Declaration, requirement: &Requirement) -> String {
    let mut text = heading(requirement);
    let _ = writeln!(text, "\nPROVES\n  {}", declaration.proves);
    let _ = writeln!(text, "\nCONTROLS");
    for control in declaration.controls {
        let sign = match control.kind {
            ControlKind::Positive => '+',
            ControlKind::Negative => '−',
            ControlKind::Observed => '~',
        };
        let needed = if control.required {
            ""
        } else {
            " (where it can be tried)"
        };
        let _ = writeln!(text, "  {:<4}{sign} {}{needed}", control.name, control.shows);
    }
    let _ = writeln!(text, "  + must succeed, − must be refused, ~ is observed only");
    let rule = match declaration.rule {
        Rule::Every => "every trial must bring all controls home",
        Rule::Any => "one trial that brings all controls home is enough",
    };
    let _ = writeln!(text, "\nTRIALS\n  {}: {rule}", declaration.adapters.join(", "));
    let need = declaration.need;
    let exclusive = if need.exclusive { ", nothing beside it" } else { "" };
    let _ = writeln!(
        text,
        "\nOCCUPIES\n  up to {} accelerators, at least {} node(s){exclusive}; about {} s on a sound platform",
        need.accelerators, need.nodes, declaration.typical_seconds
    );
    let _ = writeln!(text, "\nPERMISSIONS (beyond what every run needs)");
    for permission in declaration.permissions {
        let _ = writeln!(text, "  {permission}");
    }
    let _ = writeln!(text, "\nNOTICES");
    for defect in declaration.defects {
        let title = plimsoll_defects::Defect::by_id(defect).map_or("", |defect| defect.title.as_str());
        let _ = writeln!(text, "  {defect:<24}{title}");
    }
    let _ = writeln!(text, "\nIF IT FAILS\n  {}", declaration.advice);
    text
}
