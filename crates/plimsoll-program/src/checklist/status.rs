//! What a vendor claims of a requirement.

use std::fmt;

/// The status of a requirement. The texts are exact: case and blanks count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not filled in.
    #[default]
    Blank,
    /// `Implemented`
    Implemented,
    /// `Not Implemented`
    NotImplemented,
    /// `Partially Implemented`
    PartiallyImplemented,
    /// `N/A`
    NotApplicable,
    /// A text that the programme does not know.
    Unknown(String),
}

impl Status {
    /// The status as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Blank => "",
            Self::Implemented => "Implemented",
            Self::NotImplemented => "Not Implemented",
            Self::PartiallyImplemented => "Partially Implemented",
            Self::NotApplicable => "N/A",
            Self::Unknown(text) => text,
        }
    }
}

impl From<String> for Status {
    fn from(text: String) -> Self {
        [
            Self::Blank,
            Self::Implemented,
            Self::NotImplemented,
            Self::PartiallyImplemented,
            Self::NotApplicable,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .unwrap_or(Self::Unknown(text))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
