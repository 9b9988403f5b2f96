//! The content of a real device.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom};

use super::kernel::CAREFULLY;
use crate::host::Storage;
use crate::protocol::Errno;

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

    async fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        Ok(rustix::io::pread(&self.file, buffer, offset)?)
    }

    async fn write_at(&mut self, buffer: &[u8], offset: u64) -> Result<usize, Errno> {
        Ok(rustix::io::pwrite(&self.file, buffer, offset)?)
    }

    async fn release(&mut self, offset: u64, bytes: u64) -> Result<(), Errno> {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&self.file, hole, offset, bytes)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{AlignedBuffer, run_now};

    #[test]
    fn reads_back_what_it_wrote_and_releases_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let mut storage = LinuxStorage::open(file.path()).unwrap();
        assert_eq!(storage.bytes(), 1 << 20);
        let mut buffer = AlignedBuffer::new(8192);
        buffer.as_mut().fill(9);
        assert_eq!(run_now(storage.write_at(buffer.as_ref(), 4096)).unwrap(), 8192);
        run_now(storage.release(4096, 4096)).unwrap();
        run_now(storage.read_at(buffer.as_mut(), 4096)).unwrap();
        let (released, kept) = buffer.as_ref().split_at(4096);
        assert!(released.iter().all(|byte| *byte == 0));
        assert!(kept.iter().all(|byte| *byte == 9));
    }
}
