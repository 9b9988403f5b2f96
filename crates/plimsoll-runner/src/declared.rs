//! Requirements that the platform's owner says don't apply to the product.

use plimsoll_checks::settings::FILE_NAME;
use plimsoll_program::{Requirement, requirements};
use plimsoll_record::{CheckFinished, CheckPlanned, Verdict, What};

use crate::{Journal, Options};

/// Records each of them with the owner's reason, also those that no check decides: a submission wants to know.
/// What the user left out of this run stays left out.
pub(crate) fn tell(options: &Options, journal: &Journal) {
    for requirement in requirements() {
        let Some(reason) = options.settings.declared.get(requirement.id.as_str()) else {
            continue;
        };
        let planned = options
            .plan
            .checks
            .iter()
            .find(|planned| *planned.id() == requirement.id);
        match planned {
            Some(planned) if planned.facts.skipped.is_some() => continue,
            Some(_) => {}
            None => journal.say(
                Some(&requirement.id),
                What::CheckPlanned(facts(options, requirement)),
            ),
        }
        journal.say(Some(&requirement.id), finished(reason));
    }
}

fn facts(options: &Options, requirement: &Requirement) -> CheckPlanned {
    CheckPlanned {
        title: requirement.title.clone(),
        level: requirement.level(options.programme),
        kar: requirement.kar,
        upstream_tests: requirement.upstream_tests.clone(),
        skipped: None,
    }
}

fn finished(reason: &str) -> What {
    What::CheckFinished(CheckFinished {
        verdict: Verdict::NotApplicable,
        reason: format!("declared in {FILE_NAME}: {}", reason.trim()),
        advice: None,
        adapter: None,
        duration_ms: 0,
    })
}
