//! A check's page in Markdown: everything that it declares, and its prose on how to read a failure.

use std::fmt::Write as _;

use plimsoll_checks::{Declaration, Need};
use plimsoll_defects::Defect;
use plimsoll_program::{ProgrammeVersion, Requirement};
use plimsoll_record::{ControlKind, Rule};

use super::checks::level;

pub(super) fn page(declaration: &Declaration, requirement: &Requirement) -> String {
    let mut text = head(declaration, requirement);
    for section in [
        controls(declaration),
        verdict(declaration),
        trials(declaration),
        permissions(declaration),
        cost(declaration),
        defects(declaration),
        reading(declaration),
    ] {
        text.push('\n');
        text.push_str(&section);
    }
    text
}

fn head(declaration: &Declaration, requirement: &Requirement) -> String {
    let kar = requirement
        .kar
        .map_or_else(String::new, |kar| format!(" · KAR-{kar}"));
    let mut text = format!("# {}{kar}\n\n", requirement.id);
    let _ = writeln!(
        text,
        "{}. {}\n",
        requirement.title.trim_end_matches('.'),
        declaration.proves
    );
    let (mut names, mut rule, mut levels) = (String::new(), String::new(), String::new());
    for version in ProgrammeVersion::ALL {
        let _ = write!(names, "| {version} ");
        rule.push_str("|---");
        let _ = write!(levels, "| {} ", level(requirement.level(version)));
    }
    let _ = writeln!(text, "{names}|\n{rule}|\n{levels}|");
    text
}

fn controls(declaration: &Declaration) -> String {
    let mut text = "## Controls\n\n| control | must | shows |\n|---|---|---|\n".to_owned();
    for control in declaration.controls {
        let must = match control.kind {
            ControlKind::Positive => "succeed",
            ControlKind::Negative => "be refused",
            ControlKind::Observed => "is observed only",
        };
        let where_possible = if control.required || control.kind == ControlKind::Observed {
            ""
        } else {
            "; where it can be tried"
        };
        let _ = writeln!(
            text,
            "| {} | {must}{where_possible} | {} |",
            control.name, control.shows
        );
    }
    text
}

fn verdict(declaration: &Declaration) -> String {
    let trials = match declaration.rule {
        Rule::Every => "Every trial has to pass",
        Rule::Any => "One trial that passes is enough",
    };
    format!(
        "## Verdict\n\n\
         - `passed`: {} came out right. {trials}.\n\
         - `failed`: a control came out wrong, and the platform is to blame for it. The first one in the order above is the reason.\n\
         - `inconclusive`: a control could not be told, or there was nothing to try. The reason says what is missing.\n",
        declaration.required().join(", ")
    )
}

fn trials(declaration: &Declaration) -> String {
    format!(
        "## Trials\n\nTried are, where the platform has them: `{}`.\n",
        declaration.adapters.join("`, `")
    )
}

fn permissions(declaration: &Declaration) -> String {
    let mut text =
        "## Permissions\n\nBeyond what every run needs (`plimsoll permissions` prints all of it):\n\n"
            .to_owned();
    for permission in declaration.permissions {
        let _ = writeln!(text, "- {permission}");
    }
    text
}

fn cost(declaration: &Declaration) -> String {
    let Need {
        accelerators,
        nodes,
        exclusive,
        first,
    } = declaration.need;
    let beside = match (exclusive, first) {
        (true, _) => "Nothing else runs beside it.",
        (false, true) => "Other checks run beside it, and borrow accelerators after it.",
        (false, false) => "Other checks run beside it.",
    };
    let nodes = if nodes == 1 {
        "one node".to_owned()
    } else {
        format!("{nodes} nodes")
    };
    format!(
        "## Cost\n\nUp to {accelerators} accelerators that nobody uses, at least {nodes}; about {} s on a sound platform. {beside}\n",
        declaration.typical_seconds
    )
}

fn defects(declaration: &Declaration) -> String {
    let mut text = "## Defects that it notices\n\nEach is seeded to prove it: on the lab (`plimsoll-lab up --defect ID`), on the \
                    simulated platform, or on both.\n\n\
                    | defect | what is broken | what people say of it | noticed by | seeded on |\n|---|---|---|---|---|\n"
        .to_owned();
    for defect in declaration.defects.iter().filter_map(|id| Defect::by_id(id).ok()) {
        let grounds = [
            defect.on_lab().map(|_| "lab"),
            defect.simulated().map(|_| "simulated"),
        ];
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            defect.id,
            defect.title,
            defect.complaint,
            defect.killed_by.join(", "),
            grounds.into_iter().flatten().collect::<Vec<_>>().join(", "),
        );
    }
    text
}

fn reading(declaration: &Declaration) -> String {
    format!(
        "## How to read a failure\n\n{}\n\n{}",
        declaration.advice, declaration.reading
    )
}
