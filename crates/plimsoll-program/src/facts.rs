//! The embedded facts: what is required, how strictly in which version, under which names elsewhere.
//!
//! One data file, `requirements.toml`, holds them; [`requirements`] is its typed form.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::{Category, Level, ProgrammeVersion, RequirementId};

/// One requirement of the programme, or one pillar of its technical baseline.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requirement {
    /// Its id, the same in all versions.
    pub id: RequirementId,
    /// What it is about, in our words.
    pub title: String,
    /// Its section in the checklists; none for a pillar, which no checklist lists.
    pub category: Option<Category>,
    /// The number of its Kubernetes AI Requirement, if it has one.
    pub kar: Option<u32>,
    /// Its level in each version that lists it; see [`Requirement::level`].
    #[serde(default)]
    pub levels: BTreeMap<ProgrammeVersion, Level>,
    /// Its tests in the upstream suite: artifacts are matched by these names.
    #[serde(default)]
    pub upstream_tests: Vec<String>,
    /// When the requirement applies at all, in our words, if its text is conditional.
    pub condition: Option<String>,
}

impl Requirement {
    /// Its level in `version`: [`Level::Pillar`] where that version's checklist does not list it.
    #[must_use]
    pub fn level(&self, version: ProgrammeVersion) -> Level {
        self.levels.get(&version).copied().unwrap_or(Level::Pillar)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    requirement: Vec<Requirement>,
    official: Vec<OfficialFile>,
}

/// What is known of an official checklist file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficialFile {
    /// The version it is for.
    pub version: ProgrammeVersion,
    /// Its SHA-256 digest, in lower-case hexadecimal digits.
    pub sha256: String,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    toml::from_str(include_str!("requirements.toml")).expect("requirements.toml is tested to be valid")
});

/// All requirements in the checklists' order, then the pillars.
#[must_use]
pub fn requirements() -> &'static [Requirement] {
    &FACTS.requirement
}

/// The official checklist files, oldest version first.
#[must_use]
pub fn official_files() -> &'static [OfficialFile] {
    &FACTS.official
}

/// No requirement has the id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("unknown requirement `{id}`{}", did_you_mean(.nearest.as_ref()))]
#[diagnostic(help("`plimsoll checks` lists all requirements"))]
pub struct UnknownRequirement {
    /// The text that was given.
    pub id: String,
    /// The requirement whose id looks most like it, if one looks like it at all.
    pub nearest: Option<RequirementId>,
}

fn did_you_mean(nearest: Option<&RequirementId>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"))
}

/// The requirement with this id.
///
/// # Errors
/// When there is none; names the nearest.
pub fn find(id: &str) -> Result<&'static Requirement, UnknownRequirement> {
    requirements()
        .iter()
        .find(|requirement| requirement.id.as_str() == id)
        .ok_or_else(|| UnknownRequirement {
            id: id.to_owned(),
            nearest: nearest(id),
        })
}

/// Similar enough to be a slip of the fingers or of memory, found by trying typical ones.
const SIMILAR: f64 = 0.8;

fn nearest(id: &str) -> Option<RequirementId> {
    let wanted = id.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let similarity = |requirement: &Requirement| {
        let known = requirement.id.as_str();
        // A part that is a whole word of the id (`gang`) is meant, however short it is.
        let word = known.split('_').any(|word| word == wanted) || known.replace('_', "") == wanted;
        if word {
            1.0
        } else {
            strsim::jaro_winkler(&wanted, known)
        }
    };
    requirements()
        .iter()
        .map(|requirement| (similarity(requirement), requirement))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        // The first of equals: `max_by` would take the last.
        .rev()
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, requirement)| requirement.id.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_sixteen_requirements_and_nine_pillars() {
        let (listed, pillars): (Vec<_>, Vec<_>) = requirements()
            .iter()
            .partition(|requirement| requirement.category.is_some());
        assert_eq!((listed.len(), pillars.len()), (16, 9));
        assert!(listed.iter().all(|requirement| !requirement.levels.is_empty()));
        assert!(pillars.iter().all(|requirement| requirement.levels.is_empty()));
    }

    #[test]
    fn ids_and_test_names_are_well_formed_and_unique() {
        let mut ids = BTreeSet::new();
        let mut tests = BTreeSet::new();
        for requirement in requirements() {
            let id = requirement.id.as_str();
            assert!(
                id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{id}"
            );
            assert!(ids.insert(id), "{id} twice");
            assert!(
                !requirement.title.ends_with('.') && requirement.title.len() < 70,
                "{id}"
            );
            for test in &requirement.upstream_tests {
                assert!(test.starts_with("Test") && tests.insert(test), "{test}");
            }
        }
    }

    #[test]
    fn levels_count_as_the_programme_counts_them() {
        let counts = |version| {
            let of = |level| {
                requirements()
                    .iter()
                    .filter(|known| known.level(version) == level)
                    .count()
            };
            (of(Level::Must), of(Level::Should))
        };
        let all: Vec<_> = ProgrammeVersion::ALL.into_iter().map(counts).collect();
        assert_eq!(all, [(8, 1), (9, 0), (9, 3), (8, 6), (8, 7)]);
    }

    #[test]
    fn a_level_stands_in_the_file_only_where_a_checklist_gives_one() {
        let levels = requirements()
            .iter()
            .flat_map(|requirement| requirement.levels.values());
        assert!(levels.into_iter().all(|level| *level != Level::Pillar));
        assert_eq!(
            find("dra_support").unwrap().level(ProgrammeVersion::V1_36),
            Level::Pillar
        );
    }

    #[test]
    fn every_version_has_one_official_file() {
        let versions: Vec<_> = official_files().iter().map(|file| file.version).collect();
        assert_eq!(versions, ProgrammeVersion::ALL);
        for file in official_files() {
            assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn an_unknown_id_is_refused_with_the_nearest_one() {
        for (given, meant) in [
            ("gang_schedulling", Some("gang_scheduling")),
            ("gang-scheduling", Some("gang_scheduling")),
            ("gang", Some("gang_scheduling")),
            ("Robust_Controller", Some("robust_controller")),
            ("secure_access", Some("secure_accelerator_access")),
            ("dra", Some("dra_support")),
            ("xyzzy", None),
            ("", None),
        ] {
            let error = find(given).unwrap_err();
            assert_eq!(
                error.nearest.as_ref().map(RequirementId::as_str),
                meant,
                "{given}"
            );
        }
        assert_eq!(
            find("gang").unwrap_err().to_string(),
            "unknown requirement `gang`, did you mean `gang_scheduling`?"
        );
    }
}
