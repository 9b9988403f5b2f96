//! Device nodes of the running kernel.

use std::fs;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, StatVfsMountFlags, makedev};

use super::{Linux, walk};
use crate::host::{AlignedBuffer, Devices, OpenMode, Walk};
use crate::protocol::{DeviceNumber, Errno, HEADER_BYTES, NodeKind};

/// Some drivers' nodes wait when opened, and a terminal's would make it ours.
pub(super) const CAREFULLY: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Files of `/proc` and `/sys` that identify a device are a few lines.
const TEXT_BYTES: u64 = 1 << 20;

impl Devices for Linux {
    fn walk(&self, root: &Path) -> Walk {
        walk::walk(root)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> Result<(), Errno> {
        let flags = match mode {
            OpenMode::ReadWrite => OFlags::RDWR,
            OpenMode::ReadOnly => OFlags::RDONLY,
        };
        rustix::fs::open(path, flags | CAREFULLY, Mode::empty())?;
        Ok(())
    }

    fn first_block(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        let read = |flags: OFlags| -> Result<Vec<u8>, rustix::io::Errno> {
            let file = rustix::fs::open(path, OFlags::RDONLY | CAREFULLY | flags, Mode::empty())?;
            let mut buffer = AlignedBuffer::new(HEADER_BYTES);
            let length = rustix::io::read(&file, buffer.as_mut())?;
            Ok(buffer.as_ref().get(..length).unwrap_or_default().to_vec())
        };
        // The device itself is to answer, not a copy that the kernel kept of what it once said.
        match read(OFlags::DIRECT) {
            Err(rustix::io::Errno::INVAL) => Ok(read(OFlags::empty())?),
            outcome => Ok(outcome?),
        }
    }

    fn make_node(&self, path: &Path, number: DeviceNumber) -> Result<(), Errno> {
        let kind = match number.kind {
            NodeKind::Block => FileType::BlockDevice,
            NodeKind::Character => FileType::CharacterDevice,
        };
        let mode = Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            kind,
            mode,
            makedev(number.major, number.minor),
        )?;
        Ok(())
    }

    fn remove_node(&self, path: &Path) -> Result<(), Errno> {
        rustix::fs::unlink(path)?;
        Ok(())
    }

    fn allows_devices(&self, folder: &Path) -> Option<bool> {
        let mount = rustix::fs::statvfs(folder).ok()?;
        Some(!mount.f_flag.contains(StatVfsMountFlags::NODEV))
    }

    fn text(&self, path: &Path) -> Option<String> {
        use std::io::Read as _;
        let mut text = String::new();
        fs::File::open(path)
            .ok()?
            .take(TEXT_BYTES)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn link(&self, path: &Path) -> Option<String> {
        fs::read_link(path).ok()?.into_os_string().into_string().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_tells_the_kernels_answer() {
        let linux = Linux::start().unwrap();
        assert_eq!(linux.open(Path::new("/dev/null"), OpenMode::ReadWrite), Ok(()));
        let missing = linux.open(Path::new("/dev/no-such-node"), OpenMode::ReadOnly);
        assert_eq!(missing, Err(Errno::named("ENOENT")));
    }

    #[test]
    fn a_file_stands_in_for_a_device_of_its_size() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [7; 5000]).unwrap();
        assert_eq!(
            Linux::start().unwrap().first_block(file.path()).unwrap(),
            [7; HEADER_BYTES]
        );
    }

    #[test]
    fn a_mount_says_whether_devices_may_be_opened() {
        let linux = Linux::start().unwrap();
        assert_eq!(linux.allows_devices(Path::new("/dev")), Some(true));
        assert_eq!(linux.allows_devices(Path::new("/no/such/folder")), None);
    }
}
