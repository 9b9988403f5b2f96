//! The exit code.

use plimsoll_record::{
    PlatformKind::Cluster,
    Verdict::{self, Failed, Inconclusive, NotApplicable, Passed, Skipped},
};
use plimsoll_report::exit_code;

use crate::fixture::run_of;

/// In programme version 1.36: two MUSTs, a SHOULD and a pillar.
const MUST: &str = "gang_scheduling";
const OTHER_MUST: &str = "secure_accelerator_access";
const SHOULD: &str = "gpu_sharing";
const PILLAR: &str = "dra_support";

fn code(verdicts: &[(&'static str, Verdict)]) -> u8 {
    exit_code(&run_of(Cluster, verdicts)).code()
}

#[test]
fn the_musts_decide() {
    assert_eq!(code(&[(MUST, Passed), (OTHER_MUST, Passed)]), 0);
    assert_eq!(code(&[(MUST, Passed), (OTHER_MUST, Failed)]), 1);
    assert_eq!(code(&[(MUST, Passed), (OTHER_MUST, Inconclusive)]), 2);
    assert_eq!(code(&[(MUST, Inconclusive), (OTHER_MUST, Failed)]), 1);
}

#[test]
fn shoulds_and_pillars_never_change_the_code_of_a_run_with_a_must() {
    for verdict in [Passed, Failed, Inconclusive, NotApplicable, Skipped] {
        assert_eq!(
            code(&[(MUST, Passed), (SHOULD, verdict), (PILLAR, verdict)]),
            0,
            "{verdict}"
        );
        assert_eq!(
            code(&[(MUST, Failed), (SHOULD, verdict), (PILLAR, verdict)]),
            1,
            "{verdict}"
        );
    }
}

#[test]
fn a_run_that_selected_no_must_is_decided_by_what_it_selected() {
    assert_eq!(code(&[(MUST, Skipped), (PILLAR, Passed)]), 0);
    assert_eq!(code(&[(MUST, Skipped), (PILLAR, Failed)]), 1);
    assert_eq!(code(&[(MUST, Skipped), (PILLAR, Inconclusive)]), 2);
}

#[test]
fn nothing_decided_is_not_success() {
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&[(MUST, Skipped), (SHOULD, Skipped)]), 2);
    assert_eq!(code(&[(MUST, NotApplicable), (SHOULD, Passed)]), 2);
    assert_eq!(code(&[(MUST, NotApplicable), (OTHER_MUST, Passed)]), 0);
}
