//! What a lab needs of the machine besides Go, found by looking for the thing itself, not for the package.

use std::path::Path;

/// Something that must be on the machine, and the Debian package that brings it.
struct Need {
    package: &'static str,
    any_of: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need {
        package: "conntrack",
        any_of: &["/usr/sbin/conntrack", "/usr/bin/conntrack", "/sbin/conntrack"],
    },
    Need {
        package: "containernetworking-plugins",
        any_of: CNI_PLUGINS,
    },
    Need {
        package: "iproute2",
        any_of: &["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip", "/bin/ip"],
    },
    Need {
        package: "iptables",
        any_of: &["/usr/sbin/iptables", "/usr/bin/iptables", "/sbin/iptables"],
    },
    Need {
        package: "libseccomp-dev",
        any_of: &["/usr/include/seccomp.h", "/usr/local/include/seccomp.h"],
    },
    Need {
        package: "mount",
        any_of: &["/usr/sbin/losetup", "/usr/bin/losetup", "/sbin/losetup"],
    },
    Need {
        package: "nftables",
        any_of: &["/usr/sbin/nft", "/usr/bin/nft", "/sbin/nft"],
    },
    Need {
        package: "pkg-config",
        any_of: &["/usr/bin/pkg-config", "/usr/local/bin/pkg-config"],
    },
    Need {
        package: "util-linux",
        any_of: &["/usr/bin/nsenter", "/bin/nsenter"],
    },
];

/// Where distributions put the network plugins; the plugin named is the one nodes use.
const CNI_PLUGINS: &[&str] = &["/usr/lib/cni/ptp", "/opt/cni/bin/ptp", "/usr/libexec/cni/ptp"];

/// What the machine lacks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this machine lacks what the lab needs; on Debian and Ubuntu this brings it:\n  apt-get install -y {}", packages.join(" "))]
pub(crate) struct MissingPackages {
    packages: Vec<&'static str>,
}

/// Checks that everything is there.
pub(crate) fn check() -> Result<(), MissingPackages> {
    check_with(|path| Path::new(path).exists())
}

/// The folder of the network plugins.
pub(crate) fn network_plugins() -> &'static Path {
    let found = CNI_PLUGINS
        .iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or(&CNI_PLUGINS[0]);
    Path::new(found).parent().unwrap_or(Path::new("/"))
}

fn check_with(exists: impl Fn(&str) -> bool) -> Result<(), MissingPackages> {
    let lacks = |need: &&Need| !need.any_of.iter().any(|path| exists(path));
    let packages: Vec<_> = NEEDS.iter().filter(lacks).map(|need| need.package).collect();
    if packages.is_empty() {
        Ok(())
    } else {
        Err(MissingPackages { packages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_goes_into_one_line() {
        let error = check_with(|path| !path.contains("nft") && !path.contains("seccomp")).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("apt-get install -y libseccomp-dev nftables"),
            "{error}"
        );
    }

    #[test]
    fn one_of_the_usual_places_is_enough() {
        assert_eq!(
            check_with(|path| !path.starts_with("/usr/sbin") && !path.starts_with("/usr/lib/")),
            Ok(())
        );
    }
}
