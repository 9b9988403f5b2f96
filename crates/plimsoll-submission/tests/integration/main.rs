//! Submissions against the official checklists and the programme's rules.

mod fixture;
mod layered;
mod refused;
mod update;
mod valid;
