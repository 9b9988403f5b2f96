//! Who came, and what members tell each other about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::Arrival;

/// What a member says when it comes to rank 0; one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The group: so that members of two groups, mixed up by names, do not complete each other.
    pub(super) group: String,
    /// The group's size.
    pub(super) size: u32,
    /// Which member it is.
    pub(super) rank: u32,
}

/// What rank 0 says to everybody in the end; one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roster {
    /// Who came.
    pub(super) came: Vec<Arrival>,
}

/// The list of members, ticked off as they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roll {
    size: u32,
    came: BTreeMap<u32, u64>,
}

impl Roll {
    /// A list of `size` members, none of whom has come.
    pub(super) fn new(size: u32) -> Self {
        Self {
            size,
            came: BTreeMap::new(),
        }
    }

    /// A list as somebody else has it; who is no member is left out.
    pub(super) fn told(size: u32, came: &[Arrival]) -> Self {
        let mut roll = Self::new(size);
        for arrival in came {
            roll.arrive(arrival.rank, arrival.at_unix_ms);
        }
        roll
    }

    /// Notes that a member came. Tells of it where it is one, and had not come before.
    pub(super) fn arrive(&mut self, rank: u32, at_unix_ms: u64) -> Option<Arrival> {
        if rank >= self.size || self.came.contains_key(&rank) {
            return None;
        }
        self.came.insert(rank, at_unix_ms);
        Some(Arrival { rank, at_unix_ms })
    }

    /// Whether everybody came.
    pub(super) fn is_complete(&self) -> bool {
        u32::try_from(self.came.len()) == Ok(self.size)
    }

    /// Who came, in the order of ranks.
    pub(super) fn came(&self) -> Vec<Arrival> {
        self.came
            .iter()
            .map(|(rank, at)| Arrival {
                rank: *rank,
                at_unix_ms: *at,
            })
            .collect()
    }

    /// Who did not, in the order of ranks.
    pub(super) fn missing(&self) -> Vec<u32> {
        (0..self.size)
            .filter(|rank| !self.came.contains_key(rank))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strangers_and_repetitions_do_not_count() {
        let mut roll = Roll::new(2);
        assert!(roll.arrive(1, 10).is_some());
        assert_eq!(roll.arrive(1, 20), None);
        assert_eq!(roll.arrive(2, 20), None);
        assert_eq!(roll.missing(), [0]);
        assert_eq!(
            roll.came(),
            [Arrival {
                rank: 1,
                at_unix_ms: 10
            }]
        );
        assert!(!roll.is_complete());
        roll.arrive(0, 30);
        assert!(roll.is_complete());
    }

    proptest! {
        #[test]
        fn everybody_has_come_or_is_missing(size in 0u32..50, ranks: Vec<u8>) {
            let mut roll = Roll::new(size);
            for rank in ranks {
                roll.arrive(u32::from(rank), 0);
            }
            let mut all: Vec<u32> = roll.came().iter().map(|arrival| arrival.rank).chain(roll.missing()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..size).collect::<Vec<_>>());
            prop_assert_eq!(roll.is_complete(), roll.missing().is_empty());
        }
    }
}
