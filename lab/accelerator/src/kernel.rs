//! What the kernel knows of a loop device: its size, how busy it is, what is stored behind it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FallocateFlags, SeekFrom};

/// The size of sectors in `/sys/block`, whatever the device's own is.
const SECTOR: u64 = 512;

/// A loop device by the kernel's name, such as `loop7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoopDevice {
    sysfs: PathBuf,
}

impl LoopDevice {
    /// The loop device at a path such as `/dev/loop7`.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        if !std::fs::metadata(path)?.file_type().is_block_device() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a block device"));
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            sysfs: Path::new("/sys/block").join(name),
        })
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(self.sysfs.join("size"))?;
        text.trim()
            .parse::<u64>()
            .map(|sectors| sectors * SECTOR)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// For how long it has had requests in flight since it exists.
    pub(crate) fn busy(&self) -> io::Result<Duration> {
        parse_busy(&std::fs::read_to_string(self.sysfs.join("stat"))?)
    }

    /// The file behind it; an error when it is detached.
    pub(crate) fn backing(&self) -> io::Result<PathBuf> {
        Ok(std::fs::read_to_string(self.sysfs.join("loop/backing_file"))?
            .trim_end()
            .into())
    }
}

/// The tenth field of a block device's `stat`: milliseconds with requests in flight.
fn parse_busy(stat: &str) -> io::Result<Duration> {
    stat.split_whitespace()
        .nth(9)
        .and_then(|field| field.parse().ok())
        .map(Duration::from_millis)
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "no time in flight among the device's counters",
            )
        })
}

/// How many bytes of a range of a sparse file hold data.
///
/// That is the device's memory in use: what a container wrote and the kernel had to find room for. Discarding
/// gives it back. Buffered writes count once they are written back, direct ones at once.
pub(crate) fn stored(file: &Path, offset: u64, length: u64) -> io::Result<u64> {
    let file = File::open(file)?;
    let end = offset + length;
    let (mut at, mut stored) = (offset, 0);
    while at < end {
        let data = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(data) if data < end => data,
            // No data from here on.
            Ok(_) | Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let hole = rustix::fs::seek(&file, SeekFrom::Hole(data))?.min(end);
        stored += hole - data;
        at = hole;
    }
    Ok(stored)
}

/// Forgets what a device holds from `offset` on, so that the next holder finds nothing of the last one's.
pub(crate) fn forget(device: &Path, offset: u64, size: u64) -> io::Result<()> {
    let Some(length) = size.checked_sub(offset).filter(|length| *length > 0) else {
        return Ok(());
    };
    let file = OpenOptions::new().write(true).open(device)?;
    rustix::fs::fallocate(
        &file,
        FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
        offset,
        length,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::FileExt};

    use super::*;

    #[test]
    fn time_in_flight_is_the_tenth_field() {
        let stat = "     121        0     8456       13        4        0       32        2        0       48       15\n";
        assert_eq!(parse_busy(stat).unwrap(), Duration::from_millis(48));
        assert!(parse_busy("").is_err());
        assert!(parse_busy("1 2 3 4 5 6 7 8 9 x").is_err());
    }

    #[test]
    fn only_what_was_written_is_stored_and_a_range_counts_its_own() {
        const MIB: u64 = 1 << 20;
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 * MIB).unwrap();
        assert_eq!(stored(file.path(), 0, 64 * MIB).unwrap(), 0);
        file.as_file()
            .write_all_at(&vec![1; MIB as usize], 8 * MIB)
            .unwrap();
        file.as_file()
            .write_all_at(&vec![1; MIB as usize], 40 * MIB)
            .unwrap();
        file.as_file().sync_all().unwrap();
        assert_eq!(stored(file.path(), 0, 64 * MIB).unwrap(), 2 * MIB);
        assert_eq!(stored(file.path(), 32 * MIB, 32 * MIB).unwrap(), MIB);
        forget(file.path(), 16 * MIB, 64 * MIB).unwrap();
        assert_eq!(stored(file.path(), 0, 64 * MIB).unwrap(), MIB);
        forget(file.path(), 64 * MIB, 64 * MIB).unwrap();
    }

    #[test]
    fn what_is_no_block_device_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"x").unwrap();
        assert!(LoopDevice::at(file.path()).is_err());
        assert!(LoopDevice::at(Path::new("/dev/does-not-exist")).is_err());
    }
}
