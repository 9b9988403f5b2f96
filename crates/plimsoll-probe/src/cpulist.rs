//! Lists of processors and of NUMA nodes, as the kernel writes them.

use std::collections::BTreeSet;

/// Reads a list as the kernel writes it, such as `0-3,8`. Nothing that is none, and no list longer than any
/// machine's.
#[must_use]
pub fn read(text: &str) -> Option<BTreeSet<u32>> {
    const MOST: u32 = 65_536;
    let mut all = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last > MOST || first > last {
            return None;
        }
        all.extend(first..=last);
    }
    (!all.is_empty()).then_some(all)
}

/// Numbers as the kernel lists them: `0-3,8`.
#[must_use]
pub fn write(numbers: &BTreeSet<u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_read_back() {
        for text in ["0", "0-3,8", "1,3,5-6"] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
        for none in ["", "a", "3-1", "0-99999999999", "0-9999999"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = read(&text);
        }
    }
}
