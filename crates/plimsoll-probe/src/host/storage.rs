//! The content of a real device.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom};

use super::Storage;
use super::linux::CAREFULLY;
use crate::protocol::Errno;

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

/// An open device.
#[derive(Debug)]
pub struct LinuxStorage {
    file: OwnedFd,
    bytes: u64,
    direct: bool,
    writable: bool,
}

impl LinuxStorage {
    /// Opens a device for work: without the page cache and for writing, where it allows that.
    ///
    /// # Errors
    /// The kernel's answer to the most modest way of opening it.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let ways = [(true, true), (true, false), (false, true), (false, false)];
        let mut last = Errno::named("ENOENT");
        for (direct, writable) in ways {
            let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
            let cache = if direct { OFlags::DIRECT } else { OFlags::empty() };
            match rustix::fs::open(path, access | cache | CAREFULLY, Mode::empty()) {
                Ok(file) => {
                    let bytes = rustix::fs::seek(&file, SeekFrom::End(0))?;
                    return Ok(Self {
                        file,
                        bytes,
                        direct,
                        writable,
                    });
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

impl Storage for LinuxStorage {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_direct(&self) -> bool {
        self.direct
    }

    fn is_writable(&self) -> bool {
        self.writable
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        Ok(rustix::io::pread(&self.file, buffer, offset)?)
    }

    fn write_at(&mut self, buffer: &[u8], offset: u64) -> Result<usize, Errno> {
        Ok(rustix::io::pwrite(&self.file, buffer, offset)?)
    }

    fn release(&mut self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&self.file, hole, offset, bytes)?;
        Ok(())
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

    #[test]
    fn reads_back_what_it_wrote_and_releases_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let mut storage = LinuxStorage::open(file.path()).unwrap();
        assert_eq!(storage.bytes(), 1 << 20);
        let mut buffer = AlignedBuffer::new(8192);
        buffer.as_mut().fill(9);
        assert_eq!(storage.write_at(buffer.as_ref(), 4096).unwrap(), 8192);
        storage.release(4096, 4096).unwrap();
        storage.read_at(buffer.as_mut(), 4096).unwrap();
        let (released, kept) = buffer.as_ref().split_at(4096);
        assert!(released.iter().all(|byte| *byte == 0));
        assert!(kept.iter().all(|byte| *byte == 9));
    }
}
