//! Device nodes that say nothing about accelerators.

use crate::protocol::{DeviceNumber, NodeKind};

/// Nodes that container runtimes give to everybody: path, major, minor. All are character devices.
const STANDARD: [(&str, u32, u32); 8] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
    ("/dev/console", 5, 1),
    ("/dev/ptmx", 5, 2),
];

/// Majors of pseudo terminals, which runtimes also put in the place of the console.
const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;

/// Whether every container has this node. Both its place and its number must be the usual ones: an accelerator that
/// goes by the name of `/dev/null` is not standard, nor is a second way to the null device.
pub(super) fn is_standard(path: &str, number: DeviceNumber) -> bool {
    if number.kind != NodeKind::Character {
        return false;
    }
    let is = |usual: &(&str, u32, u32)| *usual == (path, number.major, number.minor);
    let terminal_place = path.starts_with("/dev/pts/") || path == "/dev/console";
    STANDARD.iter().any(is)
        || (path == "/dev/pts/ptmx" && (number.major, number.minor) == (5, 2))
        || (terminal_place && PSEUDO_TERMINALS.contains(&number.major))
}

/// Nodes whose mere opening or closing does something to the machine: a watchdog starts counting, a tape rewinds, a
/// serial line resets what is plugged in. A privileged pod sees them all.
const HAZARDOUS: [&str; 7] = [
    "/dev/watchdog*",
    "/dev/st[0-9]*",
    "/dev/nst[0-9]*",
    "/dev/ttyS[0-9]*",
    "/dev/ttyUSB[0-9]*",
    "/dev/ttyACM[0-9]*",
    "/dev/ttyAMA[0-9]*",
];

/// Majors of tapes and of serial lines; the minor of the watchdog among miscellaneous devices.
const HAZARDOUS_MAJORS: [u32; 5] = [9, 166, 188, 204, 206];
const MISCELLANEOUS: u32 = 10;
const WATCHDOG: u32 = 130;

/// Whether opening this node could do harm.
pub(super) fn is_hazardous(path: &str, number: DeviceNumber) -> bool {
    number.kind == NodeKind::Character
        && (HAZARDOUS.iter().any(|glob| fast_glob::glob_match(glob, path))
            || HAZARDOUS_MAJORS.contains(&number.major)
            || (number.major, number.minor) == (MISCELLANEOUS, WATCHDOG))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> DeviceNumber {
        text.parse().unwrap()
    }

    #[test]
    fn standard_is_a_matter_of_place_and_number() {
        assert!(is_standard("/dev/null", number("c:1:3")));
        assert!(is_standard("/dev/pts/0", number("c:136:0")));
        assert!(is_standard("/dev/pts/ptmx", number("c:5:2")));
        assert!(is_standard("/dev/console", number("c:136:4")));
        assert!(
            !is_standard("/dev/null", number("c:195:0")),
            "an accelerator by another name"
        );
        assert!(!is_standard("/dev/null", number("b:1:3")), "a block device");
        assert!(
            !is_standard("/dev/pts/0", number("c:195:0")),
            "an accelerator among the terminals"
        );
        assert!(
            !is_standard("/dev/nvidia0", number("c:1:3")),
            "the null device where an accelerator should be"
        );
    }

    #[test]
    fn hazards_are_known_by_name_and_by_number() {
        assert!(is_hazardous("/dev/watchdog1", number("c:250:1")));
        assert!(is_hazardous("/dev/renamed", number("c:10:130")));
        assert!(is_hazardous("/dev/ttyS0", number("c:4:64")));
        assert!(!is_hazardous("/dev/nvidia0", number("c:195:0")));
        assert!(
            !is_hazardous("/dev/loop9", number("b:9:0")),
            "majors of block devices are numbered apart"
        );
    }
}
