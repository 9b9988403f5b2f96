//! Where a checklist and the embedded facts differ.

use std::fmt;

use super::Checklist;
use crate::{Category, Level, ProgrammeVersion, Requirement, RequirementId};

/// One way in which a checklist is not what the facts say of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The checklist does not name a version of the programme, so nothing can be compared.
    NoVersion {
        /// What it names, if it names anything.
        text: Option<String>,
    },
    /// The checklist lists a requirement that the facts don't have in this version.
    Additional {
        /// The requirement.
        id: RequirementId,
        /// Its level in the checklist.
        level: Level,
    },
    /// The facts have a requirement in this version that the checklist does not list.
    Absent {
        /// The requirement.
        id: RequirementId,
        /// Its level in the facts.
        level: Level,
    },
    /// The levels differ.
    Level {
        /// The requirement.
        id: RequirementId,
        /// The checklist's.
        checklist: Level,
        /// The facts'.
        facts: Level,
    },
    /// The sections differ.
    Section {
        /// The requirement.
        id: RequirementId,
        /// The checklist's.
        checklist: String,
        /// The facts'.
        facts: Option<Category>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVersion { text: Some(text) } => {
                write!(
                    f,
                    "`metadata.kubernetesVersion` is `{text}`, which is no version of the programme"
                )
            }
            Self::NoVersion { text: None } => f.write_str("`metadata.kubernetesVersion` is missing"),
            Self::Additional { id, level } => write!(f, "`{id}` ({level}) is not in this version"),
            Self::Absent { id, level } => write!(f, "`{id}` ({level}) is not in the checklist"),
            Self::Level { id, checklist, facts } => {
                write!(
                    f,
                    "`{id}` is {checklist} in the checklist, {facts} in this version"
                )
            }
            Self::Section { id, checklist, facts } => {
                let facts = facts.map_or("none", Category::as_str);
                write!(
                    f,
                    "`{id}` is in section `{checklist}` of the checklist, its section is `{facts}`"
                )
            }
        }
    }
}

impl Checklist {
    /// Compares ids, sections and levels with `facts` (usually [`crate::requirements`]) for the version the
    /// checklist names. In the order of the checklist; what it lacks comes last.
    #[must_use]
    pub fn compare(&self, facts: &[Requirement]) -> Vec<Difference> {
        let Some(version) = self.programme() else {
            let text = self.field("kubernetesVersion").map(str::to_owned);
            return vec![Difference::NoVersion { text }];
        };
        let mut differences = self.unlike(version, facts);
        let absent = facts.iter().filter_map(|fact| {
            let level = *fact.levels.get(&version)?;
            let listed = self.entries().any(|(_, entry)| entry.id == fact.id);
            (!listed).then(|| Difference::Absent {
                id: fact.id.clone(),
                level,
            })
        });
        differences.extend(absent);
        differences
    }

    fn unlike(&self, version: ProgrammeVersion, facts: &[Requirement]) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (section, entry) in self.entries() {
            let id = entry.id.clone();
            let fact = facts.iter().find(|fact| fact.id == id);
            let Some((fact, &level)) = fact.and_then(|fact| Some((fact, fact.levels.get(&version)?))) else {
                differences.push(Difference::Additional {
                    id,
                    level: entry.level,
                });
                continue;
            };
            if section.category() != fact.category {
                let (checklist, facts) = (section.name.clone(), fact.category);
                differences.push(Difference::Section {
                    id: id.clone(),
                    checklist,
                    facts,
                });
            }
            if entry.level != level {
                differences.push(Difference::Level {
                    id,
                    checklist: entry.level,
                    facts: level,
                });
            }
        }
        differences
    }
}
