//! The lab suite: `plimsoll run` on real Kubernetes.
//!
//! One trial for the sound lab and one for each seeded defect that the lab can express; each brings a lab of
//! its own up, runs every check on it, looks at what was left behind, and takes the lab down. They need root,
//! the built components and minutes, so they are ignored unless asked for (`just lab-suite`, `.ci/run`).

#![expect(
    clippy::print_stdout,
    reason = "the trials tell on standard output what they saw, as tests do"
)]

mod trial;

use libtest_mimic::{Arguments, Trial};
use plimsoll_defects::Defect;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("sound", trial::sound),
        Trial::test("sound_in_parts", trial::sound_in_parts),
        Trial::test("killed_run_is_cleaned_up", trial::killed_run_is_cleaned_up),
    ];
    trials.extend(
        Defect::all()
            .iter()
            .filter(|defect| defect.on_lab().is_some())
            .map(|defect| Trial::test(defect.id.clone(), move || trial::defect(defect))),
    );
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(true))
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
