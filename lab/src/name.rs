//! Names of labs: short enough for socket paths and link names, plain enough for labels and folders.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A lab's name: lowercase letters, digits and dashes, at most 20 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct LabName(String);

/// Why a text is not a lab's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a lab's name: expected up to 20 of a-z, 0-9 and -, starting with a letter, ending without -"
)]
pub(crate) struct NameError(String);

impl LabName {
    const MAX: usize = 20;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if plain && starts && !text.ends_with('-') && text.len() <= Self::MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for LabName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_short_names_are_accepted() {
        for name in ["lab", "a", "lab-2", "twenty-characters-ok"] {
            assert_eq!(name.parse::<LabName>().map(String::from), Ok(name.to_owned()));
        }
    }

    #[test]
    fn names_that_could_leave_their_folder_or_break_a_link_name_are_refused() {
        for name in [
            "",
            "..",
            "a/b",
            "Lab",
            "1lab",
            "lab-",
            "-lab",
            "lab_1",
            "this-name-is-far-too-long",
        ] {
            assert_eq!(name.parse::<LabName>(), Err(NameError(name.to_owned())));
        }
    }
}
