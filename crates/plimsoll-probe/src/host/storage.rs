//! The content of a device.

use std::future::Future;
use std::time::Duration;

use crate::protocol::Errno;

/// The content of a device. Its operations take as long as the device does.
pub trait Storage: Send {
    /// How much there is.
    fn bytes(&self) -> u64;

    /// Whether the page cache is bypassed. Offsets and lengths are multiples of 4096 then.
    fn is_direct(&self) -> bool;

    /// Whether it may be written to.
    fn is_writable(&self) -> bool;

    /// For how long the device has had something to do since it exists, by the kernel's own count, where there is one.
    fn busy(&self) -> Option<Duration>;

    /// Reads from `offset` on; how much was read, or the kernel's answer.
    fn read_at(
        &mut self,
        buffer: &mut [u8],
        offset: u64,
    ) -> impl Future<Output = Result<usize, Errno>> + Send;

    /// Writes from `offset` on; how much was written, or the kernel's answer.
    fn write_at(&mut self, buffer: &[u8], offset: u64) -> impl Future<Output = Result<usize, Errno>> + Send;

    /// Gives back the memory behind a range, whose content is lost.
    fn release(&mut self, offset: u64, bytes: u64) -> impl Future<Output = Result<(), Errno>> + Send;
}

/// What direct reads and writes must be multiples of, in place as in length: a page suits every device.
const ALIGNMENT: usize = 4096;

/// Memory that direct reads can go to.
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// `length` zeros.
    pub(crate) fn new(length: usize) -> Self {
        let memory = vec![0; length + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            memory,
            start,
            length,
        }
    }
}

impl AsRef<[u8]> for AlignedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory
            .get(self.start..self.start + self.length)
            .unwrap_or_default()
    }
}

impl AsMut<[u8]> for AlignedBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.memory
            .get_mut(self.start..self.start + self.length)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_where_direct_reads_want_them() {
        for length in [1, 4096, 128 * 1024] {
            let mut buffer = AlignedBuffer::new(length);
            assert_eq!(buffer.as_mut().len(), length);
            assert_eq!(buffer.as_ref().as_ptr() as usize % ALIGNMENT, 0);
        }
    }
}
