//! Submissions against the official checklists and the programme's rules.

#![expect(clippy::unwrap_used, reason = "what a test rests on is there, or it fails")]

mod fixture;
#[path = "../../../plimsoll-program/tests/integration/guide_page.rs"]
mod guide_page;
mod guides;
mod layered;
mod refused;
mod update;
mod valid;
