//! Seeded defects as data: one TOML file each under `defects/`, named after its id.
//!
//! A defect says what is broken in an operator's words, which requirement must fail for it and what the
//! reason must name, and how each ground (lab, simulated platform) injects it.
