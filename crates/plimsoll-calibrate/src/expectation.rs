//! What the suite should say of the sound platforms that come along.

use std::{collections::BTreeMap, sync::LazyLock};

use plimsoll_record::Verdict;

use crate::findings::Finding;

/// What holds for platforms that have no entry of their own for a requirement.
const USUAL: &str = "usual";

/// Verdicts by platform and requirement, where they are not `passed`; those of [`USUAL`] hold everywhere else.
static FILE: LazyLock<BTreeMap<String, BTreeMap<String, Verdict>>> = LazyLock::new(|| {
    match toml::from_str(include_str!("../sound.toml")) {
        Ok(expected) => expected,
        // Embedded at build time and parsed by a test: a fault here is a bug of this crate.
        Err(error) => panic!("sound.toml: {error}"),
    }
});

/// The verdicts that a sound platform should get.
#[derive(Clone, Copy, Debug)]
pub struct Expectations {
    own: Option<&'static BTreeMap<String, Verdict>>,
    usual: Option<&'static BTreeMap<String, Verdict>>,
}

impl Expectations {
    /// Those of the platform of that name; everything passes unless its entry, or the usual one, says otherwise.
    #[must_use]
    pub fn of(platform: &str) -> Self {
        Self {
            own: FILE.get(platform),
            usual: FILE.get(USUAL),
        }
    }

    /// The verdict that a requirement should get.
    #[must_use]
    pub fn verdict(&self, requirement: &str) -> Verdict {
        [self.own, self.usual]
            .into_iter()
            .flatten()
            .find_map(|entry| entry.get(requirement))
            .copied()
            .unwrap_or(Verdict::Passed)
    }

    /// Where the suite said something else.
    #[must_use]
    pub fn unmet(&self, findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .filter_map(|finding| {
                let Finding {
                    requirement,
                    verdict,
                    reason,
                    ..
                } = finding;
                let expected = self.verdict(requirement.as_str());
                (*verdict != expected)
                    .then(|| format!("{requirement} should be {expected}, is {verdict}: {reason}"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_sim::platform::PlatformSpec;

    use super::*;
    use crate::findings::tests::finding;

    #[test]
    fn only_platforms_and_requirements_that_exist_are_named_and_none_is_expected_to_fail() {
        for (platform, verdicts) in FILE.iter() {
            assert!(
                platform == USUAL || PlatformSpec::preset(platform).is_ok(),
                "{platform}"
            );
            for (requirement, verdict) in verdicts {
                assert!(plimsoll_program::find(requirement).is_ok(), "{requirement}");
                assert_ne!(
                    *verdict,
                    Verdict::Failed,
                    "{platform}: an alarm is never expected"
                );
                let usual = FILE.get(USUAL).filter(|_| platform != USUAL);
                let usual = usual.and_then(|usual| usual.get(requirement)).copied();
                assert_ne!(
                    *verdict,
                    usual.unwrap_or(Verdict::Passed),
                    "{platform}: what is usual is not named"
                );
            }
        }
    }

    #[test]
    fn what_is_not_named_should_pass() {
        let nowhere = Expectations::of("of somebody's own");
        let findings = [finding("dra_support", Verdict::Inconclusive, "no driver", "")];
        assert_eq!(
            nowhere.unmet(&findings),
            ["dra_support should be passed, is inconclusive: no driver"]
        );
    }
}
