//! Comparing versions as precisely as they are stated.

/// What a statement is worth against what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Equal, as precisely as it is stated.
    Equal,
    /// Not even the minor version is stated.
    Coarse,
    /// Another version.
    Differs,
}

/// Compares by dotted numbers. DRA attributes are semantic versions: leading zeros are gone there, and a third number
/// may have been added.
pub(super) fn agreement(stated: &str, found: &str) -> Agreement {
    let (Some(stated), Some(found)) = (numbers(stated), numbers(found)) else {
        return if stated.trim() == found.trim() {
            Agreement::Equal
        } else {
            Agreement::Differs
        };
    };
    let same = stated
        .iter()
        .enumerate()
        .all(|(at, number)| *number == found.get(at).copied().unwrap_or_default());
    match (same, stated.len()) {
        (false, _) => Agreement::Differs,
        (true, 0 | 1) => Agreement::Coarse,
        (true, _) => Agreement::Equal,
    }
}

/// The leading dotted numbers, without what a packager appended.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.trim().trim_start_matches('v');
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let parts: Vec<&str> = text[..end].trim_end_matches('.').split('.').collect();
    parts.into_iter().map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_equal_as_precisely_as_they_are_stated() {
        for stated in [
            "580.95.05",
            "580.95.5",
            "580.95",
            "v580.95.05",
            "580.95.05-server",
        ] {
            assert_eq!(agreement(stated, "580.95.05"), Agreement::Equal, "{stated}");
        }
        assert_eq!(agreement("580.95.0", "580.95"), Agreement::Equal);
    }

    #[test]
    fn a_major_version_alone_says_too_little() {
        assert_eq!(agreement("580", "580.95.05"), Agreement::Coarse);
        assert_eq!(agreement("570", "580.95.05"), Agreement::Differs);
    }

    #[test]
    fn one_number_that_differs_is_another_version() {
        for stated in ["580.65.06", "580.95.06", "58.95.05", "580.95.05.1", "", "unknown"] {
            assert_eq!(agreement(stated, "580.95.05"), Agreement::Differs, "{stated}");
        }
    }
}
