//! Calibration: the suite itself on trial.
//!
//! A [`Plan`] says which runs are made: the suite on sound platforms, which must raise no alarm, and on platforms with
//! seeded defects, alone, in pairs and under latency, each of which must be noticed by the right requirement for the right
//! reason. A [`Ground`] makes them, the simulated platform many at a time, the lab one after the other; [`judge`](mod@judge) says
//! what each one shows, and [`Calibration`] is the whole of it, for machines, for terminals and as a page to look at.
//!
//! | to learn | is in |
//! |---|---|
//! | which runs are made | `plan`, `reach`, `sample` |
//! | how one is made | `simulated`, `lab`, `ground` |
//! | what it shows | `judge`, `expectation` |
//! | how it is told | `document` (JSON), `table`, `page` (HTML) |

mod calibration;
pub mod document;
mod expectation;
mod findings;
mod ground;
pub mod judge;
mod lab;
mod page;
mod plan;
mod reach;
mod sample;
mod simulated;
mod table;
mod trial;

pub use calibration::{Calibration, Judged, Progress, calibrate};
pub use expectation::Expectations;
pub use findings::{Finding, Findings};
pub use ground::Ground;
pub use lab::{Lab, LabError};
pub use page::page;
pub use plan::{Plan, PlanError, Request};
pub use reach::{Unreachable, reaches};
pub use simulated::{Simulated, SimulatedError, SimulatedPlatform, run_id, run_on};
pub use table::{Colour, table};
pub use trial::{Subject, Trial};
