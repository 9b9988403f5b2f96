//! R16 to R23: what is claimed of the requirements.

use super::{
    checklists::{Official, OfficialRequirement},
    judge::{FILE, Judge},
    shown::quoted,
};
use crate::{
    Level,
    checklist::Status,
    submission::{CategoryClaims, Claim, Submission},
};

/// The MUSTs that a platform may declare not applicable.
const CONDITIONAL: [&str; 1] = ["cluster_autoscaling"];

impl Judge<'_> {
    pub(super) fn claims(&mut self, submission: &Submission, official: &Official) {
        let Some(spec) = &submission.spec else {
            self.error("R16", "", "`spec` is absent", FILE);
            return;
        };
        for (name, requirements) in &official.categories {
            let Some(category) = spec.iter().find(|category| category.name == *name) else {
                let near = spec.first().map_or(FILE, |first| first.place);
                self.error("R17", name, format!("category `{name}` is absent"), near);
                continue;
            };
            for requirement in requirements {
                self.requirement(category, requirement);
            }
        }
    }

    fn requirement(&mut self, category: &CategoryClaims, requirement: &OfficialRequirement) {
        let id = &requirement.id;
        // The last one counts.
        let Some(claim) = category.claims.iter().rev().find(|claim| claim.id.text == *id) else {
            let mut message = format!(
                "`{id}` ({}) is absent from `{}`",
                requirement.level, category.name
            );
            let similar = |claim: &&Claim| strsim::jaro_winkler(&claim.id.text, id) > 0.9;
            if let Some(slip) = category.claims.iter().find(similar) {
                message.push_str(&format!("; is {} meant?", quoted(&slip.id.text)));
            }
            self.error("R18", id, message, category.place);
            return;
        };
        let status = Status::from(claim.status.text.clone());
        if requirement.level == Level::Should && status == Status::Blank && claim.evidence.is_empty() {
            return;
        }
        self.status(requirement, claim, &status);
        self.evidence(requirement, claim, &status);
    }

    fn status(&mut self, requirement: &OfficialRequirement, claim: &Claim, status: &Status) {
        let (id, place) = (&requirement.id, claim.status.place);
        match status {
            Status::Unknown(text) => {
                self.error(
                    "R20",
                    id,
                    format!("{} is no status of the programme", quoted(text)),
                    place,
                );
            }
            Status::Blank => self.error("R20", id, "the status is not filled in", place),
            Status::Implemented
            | Status::NotImplemented
            | Status::PartiallyImplemented
            | Status::NotApplicable => {}
        }
        if requirement.level == Level::Must && *status != Status::Implemented {
            let conditional = CONDITIONAL.contains(&id.as_str()) && self.is_current();
            if conditional && *status == Status::NotApplicable {
                let message = "a conditional MUST is declared not applicable: reviewers read the notes";
                self.warning("R22", id, message, place);
            } else {
                self.error(
                    "R21",
                    id,
                    format!("`{id}` is a MUST and not `Implemented`"),
                    place,
                );
            }
        }
        let notes = &claim.notes.text;
        let blank = if self.is_current() {
            notes.trim().is_empty()
        } else {
            notes.is_empty()
        };
        if *status == Status::NotApplicable && blank {
            self.error("R23", id, "`N/A` needs a reason in the notes", claim.notes.place);
        }
    }
}
