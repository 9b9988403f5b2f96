//! Work done on a device.

use serde::{Deserialize, Serialize};

/// What a load is about to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadStarted {
    /// The device.
    pub device: String,
    /// The device's size.
    pub device_bytes: u64,
    /// Whether it is written to as well: only a device that carries the reference header is.
    pub writes: bool,
    /// Whether the page cache is bypassed, so that the kernel counts every operation.
    pub direct: bool,
    /// The part of each period that is spent working, 0 to 1.
    pub duty_ratio: f64,
    /// The length of a period.
    pub period_ms: u64,
    /// Device memory that is allocated and held meanwhile.
    pub held_bytes: u64,
}

/// What one period did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LoadPeriod {
    /// Counted from 0.
    pub period: u64,
    /// When it ended, by the wall clock.
    pub ended_unix_ms: u64,
    /// The part of it that was spent working.
    pub busy_ms: u64,
    /// For how long the device was busy in that part, by the kernel's own count: less than was spent where the
    /// processors are busy as well. Absent where the kernel does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_busy_ms: Option<u64>,
    /// Its whole length.
    pub elapsed_ms: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Read and write operations.
    pub operations: u64,
}
