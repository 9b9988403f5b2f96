//! Why the kernel refused something, by the name that manual pages give it.

use serde::{Deserialize, Serialize};

/// The name of a kernel error, such as `EPERM`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Errno(String);

/// Errors that opening, making and reading device nodes give, by number on Linux.
const NAMES: [(i32, &str); 32] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (26, "ETXTBSY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (29, "ESPIPE"),
    (30, "EROFS"),
    (36, "ENAMETOOLONG"),
    (38, "ENOSYS"),
    (40, "ELOOP"),
    (95, "EOPNOTSUPP"),
    (110, "ETIMEDOUT"),
    (121, "EREMOTEIO"),
    (123, "ENOMEDIUM"),
    (124, "EMEDIUMTYPE"),
];

impl Errno {
    /// The error with this number.
    pub fn from_raw(number: i32) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == number);
        Self(known.map_or_else(|| format!("E{number}"), |(_, name)| (*name).to_owned()))
    }

    /// The error called `name`.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// `EPERM`, `ENOENT` and so on; `E<number>` for an error without a name here.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the kernel withheld permission, as the device cgroup and file modes do. Any other error comes from
    /// behind that gate: a node that answers `ENXIO` or `EBUSY` was let through to its driver.
    pub fn is_denial(&self) -> bool {
        matches!(self.as_str(), "EPERM" | "EACCES")
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        Self::from_raw(error.raw_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn names_are_those_of_the_kernel() {
        let name = |error: rustix::io::Errno| Errno::from(error).to_string();
        assert_eq!(name(rustix::io::Errno::PERM), "EPERM");
        assert_eq!(name(rustix::io::Errno::NXIO), "ENXIO");
        assert_eq!(name(rustix::io::Errno::OPNOTSUPP), "EOPNOTSUPP");
        assert_eq!(Errno::from_raw(4_000).as_str(), "E4000");
    }

    #[test]
    fn only_withheld_permission_is_a_denial() {
        assert!(Errno::named("EPERM").is_denial());
        assert!(Errno::named("EACCES").is_denial());
        assert!(!Errno::named("ENXIO").is_denial());
    }
}
