//! The content of a simulated device: only its first block is real, and every operation takes its time.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_apiserver::elapse;
use plimsoll_probe::host::Storage;
use plimsoll_probe::protocol::{DeviceNumber, Errno};
use tokio::time::Instant;

use crate::node::device::Machine;

/// What a device reads or writes in a second; slow, so that little is simulated for a busy second.
const BYTES_PER_SECOND: u64 = 32 << 20;

/// No operation is faster.
const SHORTEST: Duration = Duration::from_millis(1);

/// An open device.
#[derive(Debug)]
pub(crate) struct SimulatedStorage {
    machine: Arc<Machine>,
    number: DeviceNumber,
}

impl SimulatedStorage {
    /// A device that may be opened.
    pub(crate) fn new(machine: Arc<Machine>, number: DeviceNumber) -> Self {
        Self { machine, number }
    }

    async fn work(&self, bytes: usize, written_to: Option<u64>) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let takes = Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND).max(SHORTEST);
        elapse(takes).await;
        self.machine.worked(self.number, takes, written_to);
    }
}

impl Storage for SimulatedStorage {
    fn bytes(&self) -> u64 {
        self.machine.device(self.number).map_or(0, |device| device.bytes)
    }

    fn is_direct(&self) -> bool {
        true
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn busy(&self) -> Option<Duration> {
        Some(self.machine.activity_at(self.number, Instant::now()).busy)
    }

    async fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let left = self.bytes().saturating_sub(offset);
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if offset == 0
            && let Some(device) = self.machine.device(self.number)
        {
            let header = device.header.get(..length).unwrap_or(&device.header);
            if let Some(place) = buffer.get_mut(..header.len()) {
                place.copy_from_slice(header);
            }
        }
        self.work(length, None).await;
        Ok(length)
    }

    async fn write_at(&mut self, buffer: &[u8], offset: u64) -> Result<usize, Errno> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(length);
        if end > self.bytes() {
            return Err(Errno::named("ENOSPC"));
        }
        self.work(buffer.len(), Some(end)).await;
        Ok(buffer.len())
    }

    async fn release(&mut self, _offset: u64, _bytes: u64) -> Result<(), Errno> {
        self.machine.clear(self.number);
        Ok(())
    }
}
