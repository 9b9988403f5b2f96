//! Advice beyond the programme's validator: always notes, never a verdict.

mod claims;
mod files;
mod metadata;
mod texts;

pub use files::SAMPLE;

use super::{checklists::Official, judge::Judge};
use crate::submission::Submission;

impl Judge<'_> {
    pub(super) fn advice(&mut self, text: &str, submission: &Submission, official: &Official) {
        self.advise_on_metadata(submission);
        self.advise_on_keys(submission, official);
        self.advise_on_claims(submission, official);
        self.advise_on_files(submission);
        self.advise_on_marks(text);
    }
}
