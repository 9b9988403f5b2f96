//! Advice on `spec`: what nothing reads, what was changed, what is claimed without evidence.

use super::{
    super::{checklists::Official, judge::Judge, shown::quoted},
    texts::difference,
};
use crate::{
    Level,
    checklist::Status,
    submission::{Claim, Submission},
};

impl Judge<'_> {
    /// N01, N14, Q12: what the validator passes over.
    pub(super) fn advise_on_keys(&mut self, submission: &Submission, official: &Official) {
        for key in &submission.unknown_keys {
            let whose = key.requirement.as_deref().map(|id| format!(" of {}", quoted(id)));
            let message = format!(
                "{}{} is read by nothing",
                quoted(&key.name),
                whose.unwrap_or_default()
            );
            let id = key.requirement.clone().unwrap_or_default();
            self.note("P10", &super::super::shown::harmless(&id), message, key.place);
        }
        if let Some(place) = submission.second_document {
            self.note(
                "N14",
                "",
                "a second document begins here; nothing reads it",
                place,
            );
        }
        for category in submission.spec.iter().flatten() {
            let known = official
                .categories
                .iter()
                .find(|(name, _)| *name == category.name);
            let Some((_, requirements)) = known else {
                let message = format!(
                    "category {} is not in the checklist; nothing reads it",
                    quoted(&category.name)
                );
                self.note(
                    "P10",
                    &super::super::shown::harmless(&category.name),
                    message,
                    category.place,
                );
                continue;
            };
            for (index, claim) in category.claims.iter().enumerate() {
                let id = super::super::shown::harmless(&claim.id.text);
                if !requirements.iter().any(|known| known.id == claim.id.text) {
                    let message = format!(
                        "{} is not in this category of the checklist; nothing reads it",
                        quoted(&claim.id.text)
                    );
                    self.note("P10", &id, message, claim.id.place);
                } else if category.claims[index + 1..]
                    .iter()
                    .any(|later| later.id == claim.id || later.id.text == claim.id.text)
                {
                    let message = format!(
                        "{} stands more than once; the last entry counts, not this one",
                        quoted(&claim.id.text)
                    );
                    self.note("P10", &id, message, claim.id.place);
                }
            }
        }
    }

    pub(super) fn advise_on_claims(&mut self, submission: &Submission, official: &Official) {
        for (name, requirements) in &official.categories {
            let Some(category) = submission
                .spec
                .iter()
                .flatten()
                .find(|category| category.name == *name)
            else {
                continue;
            };
            for requirement in requirements {
                let claim = category
                    .claims
                    .iter()
                    .rev()
                    .find(|claim| claim.id.text == requirement.id);
                if let Some(claim) = claim {
                    self.texts(
                        &requirement.id,
                        requirement.level,
                        requirement.description.as_deref(),
                        claim,
                    );
                    self.substance(&requirement.id, requirement.level, claim);
                }
            }
        }
    }

    /// N02 and N03: texts that are not the official ones.
    fn texts(&mut self, id: &str, level: Level, description: Option<&str>, claim: &Claim) {
        if claim.level.text != level.to_string() {
            let message = match claim.level.text.as_str() {
                "" => format!("the level is absent; it is {level}"),
                other => format!(
                    "the level is {} here and {level} in the checklist, which counts",
                    quoted(other)
                ),
            };
            self.note("P10", id, message, claim.level.place);
        }
        match description {
            Some(official) if claim.description.text.is_empty() => {
                let message = format!(
                    "the description is absent; it begins {}",
                    quoted(&start(official))
                );
                self.note("P10", id, message, claim.description.place);
            }
            Some(official) => {
                if let Some(difference) = difference(official, &claim.description.text) {
                    let message = format!("the description is not the official one: {difference}");
                    self.note("P10", id, message, claim.description.place);
                }
            }
            None => {}
        }
    }

    /// N04, P14: claims that nothing stands behind.
    fn substance(&mut self, id: &str, level: Level, claim: &Claim) {
        let status = Status::from(claim.status.text.clone());
        let has_evidence = claim.evidence.iter().any(|entry| !entry.text.trim().is_empty());
        if level == Level::Must && status == Status::Implemented && !has_evidence {
            self.note(
                "P11",
                id,
                "a MUST is claimed without any evidence",
                claim.status.place,
            );
        }
        if status == Status::NotApplicable {
            let notes = claim.notes.text.to_lowercase();
            let excuses = [
                "not supported",
                "does not support",
                "do not support",
                "doesn't support",
                "unsupported",
            ];
            if excuses.iter().any(|excuse| notes.contains(excuse)) {
                let message =
                    "the reason for N/A reads as if something were not supported, which is no reason";
                self.note("P14", id, message, claim.notes.place);
            }
        }
    }
}

fn start(text: &str) -> String {
    text.split_whitespace().take(8).collect::<Vec<_>>().join(" ")
}
