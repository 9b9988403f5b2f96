//! The sections of a checklist.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A section of the checklists' `spec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Category {
    /// `accelerators`
    Accelerators,
    /// `networking`
    Networking,
    /// `schedulingOrchestration`
    SchedulingOrchestration,
    /// `observability`
    Observability,
    /// `security`
    Security,
    /// `operator`
    Operator,
}

impl Category {
    /// Every section, in the checklists' order.
    pub const ALL: [Self; 6] = [
        Self::Accelerators,
        Self::Networking,
        Self::SchedulingOrchestration,
        Self::Observability,
        Self::Security,
        Self::Operator,
    ];

    /// The section's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accelerators => "accelerators",
            Self::Networking => "networking",
            Self::SchedulingOrchestration => "schedulingOrchestration",
            Self::Observability => "observability",
            Self::Security => "security",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no section of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a section of the checklists")]
pub struct UnknownCategory(pub String);

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or_else(|| UnknownCategory(text.to_owned()))
    }
}
