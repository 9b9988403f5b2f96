//! Whether something could be had.

use serde::{Deserialize, Serialize};

use super::Errno;

/// The outcome of one attempt. Written as `granted`, `not-tried`, or the kernel error's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Access {
    /// It succeeded.
    Granted,
    /// The kernel refused.
    Refused(Errno),
    /// It was left alone, because trying could do harm.
    NotTried,
}

impl Access {
    /// Whether it succeeded.
    pub fn is_granted(&self) -> bool {
        *self == Self::Granted
    }

    /// Whether it was refused for want of permission, and for no other reason (see [`Errno::is_denial`]).
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Refused(errno) if errno.is_denial())
    }

    /// Whether permission was there: it succeeded, or failed for a reason that lies behind the kernel's gate.
    pub fn is_permitted(&self) -> bool {
        match self {
            Self::Granted => true,
            Self::Refused(errno) => !errno.is_denial(),
            Self::NotTried => false,
        }
    }
}

impl From<Result<(), Errno>> for Access {
    fn from(outcome: Result<(), Errno>) -> Self {
        outcome.map_or_else(Self::Refused, |()| Self::Granted)
    }
}

impl From<String> for Access {
    fn from(word: String) -> Self {
        match word.as_str() {
            "granted" => Self::Granted,
            "not-tried" => Self::NotTried,
            _ => Self::Refused(Errno::named(word)),
        }
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        access.to_string()
    }
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Granted => f.write_str("granted"),
            Self::NotTried => f.write_str("not-tried"),
            Self::Refused(errno) => errno.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Errno};

    #[test]
    fn words_survive_the_way_there_and_back() {
        for access in [
            Access::Granted,
            Access::NotTried,
            Access::Refused(Errno::named("EPERM")),
        ] {
            let word = serde_json::to_string(&access).unwrap();
            assert_eq!(serde_json::from_str::<Access>(&word).unwrap(), access, "{word}");
        }
    }

    #[test]
    fn a_node_without_a_driver_was_permitted_all_the_same() {
        assert!(Access::Refused(Errno::named("ENXIO")).is_permitted());
        assert!(!Access::Refused(Errno::named("EPERM")).is_permitted());
        assert!(!Access::NotTried.is_permitted());
    }
}
