//! Gangs: pods that start together or not at all.
//!
//! [`group`] reads what stands for a gang, [`rule`] says how gangs are dealt with on a platform with a defect, [`decide`]
//! finds places for all members at once, and [`condition`] is what is said of the group afterwards.

pub(super) mod condition;
pub(super) mod decide;
pub(super) mod domain;
pub(super) mod group;
pub(super) mod min_one;
pub(super) mod rule;
