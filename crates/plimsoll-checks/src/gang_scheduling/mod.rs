//! The check `gang_scheduling`.
