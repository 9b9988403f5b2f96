//! Devices in memory, for tests of everything that looks at devices.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::host::{Devices, FoundNode, OpenMode, Walk};
use crate::protocol::{DeviceNumber, Errno};

/// A container's view: nodes, a device cgroup that allows what was allowed, and files of the kernel.
#[derive(Debug, Default)]
pub(crate) struct FakeDevices {
    nodes: BTreeMap<PathBuf, DeviceNumber>,
    allowed: BTreeSet<DeviceNumber>,
    content: BTreeMap<DeviceNumber, Vec<u8>>,
    mounts: BTreeMap<PathBuf, bool>,
    texts: BTreeMap<PathBuf, String>,
    links: BTreeMap<PathBuf, String>,
    mknod_refused: bool,
    made: RefCell<BTreeMap<PathBuf, DeviceNumber>>,
    opened: RefCell<Vec<PathBuf>>,
}

impl FakeDevices {
    pub(crate) fn node(mut self, path: &str, number: &str) -> Self {
        self.nodes.insert(path.into(), number.parse().unwrap());
        self
    }

    pub(crate) fn allow(mut self, number: &str) -> Self {
        self.allowed.insert(number.parse().unwrap());
        self
    }

    pub(crate) fn content(mut self, number: &str, content: &[u8]) -> Self {
        self.content.insert(number.parse().unwrap(), content.to_vec());
        self
    }

    pub(crate) fn mount(mut self, folder: &str, allows_devices: bool) -> Self {
        self.mounts.insert(folder.into(), allows_devices);
        self
    }

    pub(crate) fn text_file(mut self, path: &str, text: &str) -> Self {
        self.texts.insert(path.into(), text.to_owned());
        self
    }

    pub(crate) fn linked(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.into(), target.to_owned());
        self
    }

    pub(crate) fn without_mknod(mut self) -> Self {
        self.mknod_refused = true;
        self
    }

    pub(crate) fn made_nodes(&self) -> usize {
        self.made.borrow().len()
    }

    pub(crate) fn was_opened(&self, path: &str) -> bool {
        self.opened
            .borrow()
            .iter()
            .any(|opened| opened == Path::new(path))
    }

    fn number(&self, path: &Path) -> Result<DeviceNumber, Errno> {
        let made = self.made.borrow().get(path).copied();
        self.nodes
            .get(path)
            .copied()
            .or(made)
            .ok_or_else(|| Errno::named("ENOENT"))
    }
}

impl Devices for FakeDevices {
    fn walk(&self, root: &Path) -> Walk {
        let nodes = self.nodes.iter().filter(|(path, _)| path.starts_with(root));
        let nodes = nodes
            .map(|(path, number)| FoundNode {
                path: path.display().to_string(),
                number: *number,
                mode: 0o666,
            })
            .collect();
        Walk {
            nodes,
            unread: Vec::new(),
        }
    }

    fn open(&self, path: &Path, _mode: OpenMode) -> Result<(), Errno> {
        self.opened.borrow_mut().push(path.to_owned());
        let number = self.number(path)?;
        if self.allowed.contains(&number) {
            Ok(())
        } else {
            Err(Errno::named("EPERM"))
        }
    }

    fn first_block(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        let number = self.number(path)?;
        self.open(path, OpenMode::ReadOnly)?;
        self.content
            .get(&number)
            .cloned()
            .ok_or_else(|| Errno::named("EIO"))
    }

    fn make_node(&self, path: &Path, number: DeviceNumber) -> Result<(), Errno> {
        if self.mknod_refused {
            return Err(Errno::named("EPERM"));
        }
        self.made.borrow_mut().insert(path.to_owned(), number);
        Ok(())
    }

    fn remove_node(&self, path: &Path) -> Result<(), Errno> {
        self.made
            .borrow_mut()
            .remove(path)
            .map(|_| ())
            .ok_or_else(|| Errno::named("ENOENT"))
    }

    fn allows_devices(&self, folder: &Path) -> Option<bool> {
        self.mounts.get(folder).copied()
    }

    fn text(&self, path: &Path) -> Option<String> {
        self.texts.get(path).cloned()
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let below = self
            .texts
            .keys()
            .filter_map(|path| path.strip_prefix(folder).ok());
        below
            .filter_map(|path| Some(path.components().next()?.as_os_str().to_str()?.to_owned()))
            .collect()
    }

    fn link(&self, path: &Path) -> Option<String> {
        self.links.get(path).cloned()
    }
}
