//! How much memory a lab takes: every process below its keepers, containers included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::Pid;

use crate::name::LabName;
use crate::traces;

/// The lab's proportional share of memory, in bytes: pages that processes share count once.
pub(crate) fn of_lab(lab: &LabName) -> u64 {
    let parents = parents();
    let roots = parents
        .keys()
        .copied()
        .filter(|pid| Pid::from_raw(*pid).is_some_and(|pid| traces::is_keeper_of(pid, lab, None)));
    descendants(roots, &parents)
        .into_iter()
        .filter_map(proportional_share)
        .sum()
}

/// Every process and its parent.
fn parents() -> BTreeMap<i32, i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect()
}

/// The fourth field; the second is a name in parentheses that may hold anything.
fn parent(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn descendants(roots: impl Iterator<Item = i32>, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut found: BTreeSet<i32> = roots.collect();
    loop {
        let children = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid));
        let more: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn proportional_share(pid: i32) -> Option<u64> {
    share_of(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

fn share_of(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_name_looks_like_fields_does_not_mislead() {
        assert_eq!(parent("12 (a) 1 2 (b) S 7 12 12 0"), Some(7));
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn everything_below_a_root_is_found_and_nothing_beside_it() {
        let parents = BTreeMap::from([(1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (21, 20)]);
        assert_eq!(
            descendants([10].into_iter(), &parents),
            BTreeSet::from([10, 11, 12])
        );
        assert!(descendants([].into_iter(), &parents).is_empty());
    }

    #[test]
    fn the_share_is_read_in_bytes() {
        assert_eq!(
            share_of("00400000-7ff rollup\nRss:  900 kB\nPss:   300 kB\nPss_Anon: 5 kB\n"),
            Some(307_200)
        );
        assert_eq!(share_of(""), None);
    }
}
