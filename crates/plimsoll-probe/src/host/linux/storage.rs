//! The content of a real device.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Where the kernel counts what the device does.
    counters: PathBuf,
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
                    let number = rustix::fs::fstat(&file)?.st_rdev;
                    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
                    return Ok(Self {
                        file,
                        bytes,
                        direct,
                        writable,
                        counters: format!("/sys/dev/block/{major}:{minor}/stat").into(),
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

    fn busy(&self) -> Option<Duration> {
        busy(&std::fs::read_to_string(&self.counters).ok()?)
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

/// The tenth of a block device's counters: milliseconds with requests in flight.
fn busy(counters: &str) -> Option<Duration> {
    let field = counters.split_whitespace().nth(9)?;
    field.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{AlignedBuffer, run_now};

    #[test]
    fn the_kernel_counts_the_time_with_requests_in_flight() {
        let counters = " 121 0 8456 13 4 0 32 2 0 48 15 0 0 0 0 0 0\n";
        assert_eq!(busy(counters), Some(Duration::from_millis(48)));
        assert_eq!(busy("121 0 8456"), None);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(LinuxStorage::open(file.path()).unwrap().busy(), None, "no device");
    }

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
