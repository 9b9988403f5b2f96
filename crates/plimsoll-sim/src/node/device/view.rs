//! What one container sees of a machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_probe::host::{Devices, FoundNode, OpenMode, Walk};
use plimsoll_probe::protocol::{DeviceNumber, Errno, NodeKind};

use super::{Machine, Rule, Rules};

/// Nodes that container runtimes make for everybody.
const STANDARD: [(&str, u32, u32); 7] = [
    ("/dev/full", 1, 7),
    ("/dev/null", 1, 3),
    ("/dev/pts/ptmx", 5, 2),
    ("/dev/random", 1, 8),
    ("/dev/tty", 5, 0),
    ("/dev/urandom", 1, 9),
    ("/dev/zero", 1, 5),
];

/// Everybody may read and write.
const MODE: u32 = 0o666;

/// The capability to make device nodes, by its bit.
const MKNOD: u64 = 1 << 27;

/// What runtimes let a container do that asks for nothing.
const DEFAULT_CAPABILITIES: u64 = 0xa804_25fb;

/// Everything.
const ALL_CAPABILITIES: u64 = 0x1ff_ffff_ffff;

/// As whom a container runs, and what it may do as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Privileges {
    /// The user.
    pub(crate) user: u32,
    /// Effective capabilities.
    pub(crate) capabilities: u64,
    /// Whether it has the host's devices and no device cgroup.
    pub(crate) privileged: bool,
}

impl Privileges {
    /// Reads them from the security contexts of a pod and of its container; an image that names no user is root's.
    pub(crate) fn read(pod: &serde_json::Value, container: &serde_json::Value) -> Self {
        let context = &container["securityContext"];
        let field = |name: &str| match &context[name] {
            serde_json::Value::Null => pod["securityContext"][name].clone(),
            own => own.clone(),
        };
        let user = field("runAsUser").as_u64().unwrap_or_default();
        let user = u32::try_from(user).unwrap_or(u32::MAX);
        let privileged = context["privileged"] == true;
        let names = |list: &str| {
            let names = context["capabilities"][list].as_array().into_iter().flatten();
            names
                .filter_map(serde_json::Value::as_str)
                .map(str::to_owned)
                .collect::<Vec<String>>()
        };
        let mut capabilities = DEFAULT_CAPABILITIES;
        let (add, drop) = (names("add"), names("drop"));
        if drop.iter().any(|name| name == "ALL") {
            capabilities = 0;
        }
        if drop.iter().any(|name| is_mknod(name)) {
            capabilities &= !MKNOD;
        }
        if add.iter().any(|name| name == "ALL") {
            capabilities = ALL_CAPABILITIES;
        }
        if add.iter().any(|name| is_mknod(name)) {
            capabilities |= MKNOD;
        }
        if privileged {
            capabilities = ALL_CAPABILITIES;
        }
        // Who is not root has none that are effective.
        if user != 0 {
            capabilities = 0;
        }
        Self {
            user,
            capabilities,
            privileged,
        }
    }

    fn may_make_nodes(self) -> bool {
        self.capabilities & MKNOD != 0
    }
}

fn is_mknod(name: &str) -> bool {
    matches!(name, "MKNOD" | "CAP_MKNOD")
}

/// A mount that shows in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VisibleMount {
    /// Where.
    pub(crate) path: String,
    /// What of the host it is; an empty folder if nothing.
    pub(crate) host_path: Option<String>,
}

/// What one container sees of a machine.
#[derive(Debug)]
pub(crate) struct View {
    machine: Arc<Machine>,
    nodes: BTreeMap<String, DeviceNumber>,
    rules: Rules,
    privileges: Privileges,
    mounts: Vec<VisibleMount>,
    files: BTreeMap<String, String>,
    made: Mutex<BTreeMap<String, DeviceNumber>>,
}

impl View {
    /// What a container sees before anything is given to it.
    pub(crate) fn new(machine: Arc<Machine>, privileges: Privileges, mounts: Vec<VisibleMount>) -> Self {
        let standard = STANDARD.map(|(path, major, minor)| {
            let number = DeviceNumber {
                kind: NodeKind::Character,
                major,
                minor,
            };
            (path.to_owned(), number)
        });
        let mut view = Self {
            machine,
            nodes: standard.into_iter().collect(),
            rules: Rules::standard(),
            privileges,
            mounts,
            files: BTreeMap::new(),
            made: Mutex::default(),
        };
        view.show_host_folders();
        view
    }

    /// The host's nodes, where a mount or privilege brings them.
    fn show_host_folders(&mut self) {
        let machine = Arc::clone(&self.machine);
        for device in machine.devices() {
            for mount in &self.mounts {
                let below = mount
                    .host_path
                    .as_ref()
                    .and_then(|host_path| device.path.strip_prefix(host_path.trim_end_matches('/')));
                if let Some(below) = below {
                    self.nodes.insert(format!("{}{below}", mount.path), device.number);
                }
            }
            if self.privileges.privileged {
                self.nodes.insert(device.path.clone(), device.number);
            }
        }
        if self.privileges.privileged {
            self.rules.allow(Rule::ANY);
        }
    }

    /// Puts a device's node into the container and lets it be opened.
    pub(crate) fn give(&mut self, path: &str, number: DeviceNumber) {
        self.nodes.insert(path.to_owned(), number);
        self.allow(Rule::one(number));
    }

    /// Puts a file into the container.
    pub(crate) fn bring(&mut self, path: String, text: String) {
        self.files.insert(path, text);
    }

    /// Lets devices be opened, by whatever node.
    pub(crate) fn allow(&mut self, rule: Rule) {
        self.rules.allow(rule);
    }

    /// The machine behind it.
    pub(crate) fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// As whom the container runs.
    pub(crate) fn privileges(&self) -> Privileges {
        self.privileges
    }

    /// Which device a path leads to, as far as it may be opened.
    pub(crate) fn reach(&self, path: &Path) -> Result<DeviceNumber, Errno> {
        let path = path.to_string_lossy();
        let made = self.made().get(path.as_ref()).copied();
        let number = self
            .nodes
            .get(path.as_ref())
            .copied()
            .or(made)
            .ok_or_else(|| Errno::named("ENOENT"))?;
        if !self.rules.allows(number) {
            return Err(Errno::named("EPERM"));
        }
        if self.machine.device(number).is_none() && !Rules::standard().allows(number) {
            return Err(Errno::named("ENXIO"));
        }
        Ok(number)
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<String, DeviceNumber>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernel's `size` of a block device, in sectors.
    fn size_of_block_device(&self, path: &str) -> Option<String> {
        let number = path.strip_prefix("/sys/dev/block/")?.strip_suffix("/size")?;
        let device = self.machine.device(format!("b:{number}").parse().ok()?)?;
        Some(format!("{}\n", device.bytes / 512))
    }

    fn mountinfo(&self) -> String {
        let mut lines = vec![
            "700 600 0:60 / / rw,relatime - overlay overlay rw".to_owned(),
            "701 700 0:61 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw".to_owned(),
            "702 700 0:62 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755".to_owned(),
            "703 702 0:63 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k".to_owned(),
            "704 700 0:64 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro".to_owned(),
        ];
        for (id, mount) in (705..).zip(&self.mounts) {
            let root = mount.host_path.as_deref().unwrap_or("/");
            lines.push(format!(
                "{id} 700 0:65 {root} {} rw,relatime - ext4 /dev/root rw",
                mount.path
            ));
        }
        lines.join("\n")
    }
}

impl Devices for View {
    fn walk(&self, root: &Path) -> Walk {
        let made = self.made();
        let mut nodes: Vec<FoundNode> = self
            .nodes
            .iter()
            .chain(made.iter())
            .filter(|(path, _)| Path::new(path.as_str()).starts_with(root))
            .map(|(path, number)| FoundNode {
                path: path.clone(),
                number: *number,
                mode: MODE,
            })
            .collect();
        nodes.sort_by(|one, other| one.path.cmp(&other.path));
        Walk {
            nodes,
            unread: Vec::new(),
        }
    }

    fn open(&self, path: &Path, _mode: OpenMode) -> Result<(), Errno> {
        self.reach(path).map(drop)
    }

    fn first_block(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        let number = self.reach(path)?;
        match self.machine.device(number) {
            Some(device) if !device.header.is_empty() => Ok(device.header.clone()),
            Some(_) | None => Err(Errno::named("EIO")),
        }
    }

    fn make_node(&self, path: &Path, number: DeviceNumber) -> Result<(), Errno> {
        if self.privileges.user != 0 {
            // Folders of the image and of the runtime are root's.
            return Err(Errno::named("EACCES"));
        }
        if !self.privileges.may_make_nodes() {
            return Err(Errno::named("EPERM"));
        }
        self.made().insert(path.to_string_lossy().into_owned(), number);
        Ok(())
    }

    fn remove_node(&self, path: &Path) -> Result<(), Errno> {
        self.made()
            .remove(path.to_string_lossy().as_ref())
            .map(drop)
            .ok_or_else(|| Errno::named("ENOENT"))
    }

    fn allows_devices(&self, folder: &Path) -> Option<bool> {
        Some(!folder.starts_with("/dev/shm"))
    }

    fn text(&self, path: &Path) -> Option<String> {
        match path.to_str()? {
            "/proc/self/mountinfo" => Some(self.mountinfo()),
            "/proc/self/status" => Some(format!(
                "Name:\tplimsoll-probe\nCapEff:\t{:016x}\n",
                self.privileges.capabilities
            )),
            "/proc/sys/kernel/random/boot_id" => Some(format!("{}\n", self.machine.boot_id())),
            "/proc/sys/kernel/osrelease" => Some("6.12.0\n".to_owned()),
            other => self
                .files
                .get(other)
                .or_else(|| self.machine.files().get(other))
                .cloned()
                .or_else(|| self.size_of_block_device(other)),
        }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .keys()
            .chain(self.machine.files().keys())
            .filter_map(|path| Path::new(path).strip_prefix(folder).ok())
            .filter_map(|path| Some(path.components().next()?.as_os_str().to_str()?.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn link(&self, path: &Path) -> Option<String> {
        let text = path.to_str()?.strip_prefix("/sys/dev/")?;
        let (kind, number) = text.split_once('/')?;
        let letter = match kind {
            "block" => "b",
            "char" => "c",
            _ => return None,
        };
        self.machine.sysfs(format!("{letter}:{number}").parse().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::{Look, Transcript};
    use serde_json::json;

    use super::*;
    use crate::node::device::HardwareDevice;

    fn number(text: &str) -> DeviceNumber {
        text.parse().unwrap()
    }

    fn machine() -> Arc<Machine> {
        let device = |index: u32| HardwareDevice {
            number: number(&format!("b:7:{index}")),
            path: format!("/dev/nvidia{index}"),
            header: vec![0; 4096],
            bytes: 1 << 30,
        };
        Arc::new(Machine::new("boot-1".to_owned(), [device(0), device(1)]))
    }

    const MAKER: Privileges = Privileges {
        user: 0,
        capabilities: MKNOD,
        privileged: false,
    };

    fn forged(view: &View, text: &str) -> Transcript {
        let look = Look {
            forge: vec![number(text)],
            ..Look::default()
        };
        let mut transcript = Transcript::default();
        look.run(view, [], &mut |report| {
            transcript.add(report);
            Ok(())
        })
        .unwrap();
        transcript
    }

    #[test]
    fn a_given_device_opens_and_a_forged_one_is_kept_out_by_the_cgroup() {
        let mut view = View::new(machine(), MAKER, Vec::new());
        view.give("/dev/nvidia0", number("b:7:0"));
        let transcript = forged(&view, "b:7:1");
        let open: Vec<&str> = transcript
            .devices()
            .filter(|node| node.is_open())
            .map(|node| node.path.as_str())
            .collect();
        assert_eq!(open, ["/dev/nvidia0"]);
        assert_eq!(transcript.walked.as_ref().unwrap().nodes, 8);
        assert!(transcript.forged[0].is_denied_by_kernel(), "{transcript:?}");
        view.allow(Rule::ANY);
        assert!(forged(&view, "b:7:1").forged[0].is_open());
    }

    #[test]
    fn the_kernel_says_how_large_a_device_is() {
        let view = View::new(machine(), MAKER, Vec::new());
        let size = |number: &str| view.text(Path::new(&format!("/sys/dev/block/{number}/size")));
        assert_eq!(size("7:1").as_deref(), Some("2097152\n"));
        assert_eq!(size("7:9"), None);
    }

    #[test]
    fn who_may_not_make_nodes_is_refused_by_name() {
        for (privileges, errno) in [
            (
                Privileges {
                    user: 65_532,
                    ..MAKER
                },
                "EACCES",
            ),
            (
                Privileges {
                    capabilities: 0,
                    ..MAKER
                },
                "EPERM",
            ),
        ] {
            let view = View::new(machine(), privileges, Vec::new());
            assert_eq!(
                view.make_node(Path::new("/tmp/x"), number("b:7:0")),
                Err(Errno::named(errno))
            );
        }
    }

    #[test]
    fn a_privileged_container_and_a_mount_of_the_hosts_dev_show_the_hosts_nodes() {
        let host = Privileges {
            privileged: true,
            ..MAKER
        };
        let view = View::new(machine(), host, Vec::new());
        assert_eq!(view.open(Path::new("/dev/nvidia1"), OpenMode::ReadWrite), Ok(()));
        let mount = VisibleMount {
            path: "/host-dev".to_owned(),
            host_path: Some("/dev".to_owned()),
        };
        let view = View::new(machine(), MAKER, vec![mount]);
        assert_eq!(
            view.open(Path::new("/host-dev/nvidia1"), OpenMode::ReadWrite),
            Err(Errno::named("EPERM"))
        );
    }

    #[test]
    fn capabilities_are_those_of_the_security_context() {
        let read = |context| Privileges::read(&json!({}), &json!({"securityContext": context}));
        assert_eq!(read(json!({})).capabilities, DEFAULT_CAPABILITIES);
        let dropped = read(json!({"capabilities": {"drop": ["ALL"], "add": ["MKNOD"]}}));
        assert_eq!(dropped.capabilities, MKNOD);
        assert_eq!(
            read(json!({"runAsUser": 7, "capabilities": {"add": ["MKNOD"]}})).capabilities,
            0
        );
        let pods = Privileges::read(&json!({"securityContext": {"runAsUser": 9}}), &json!({}));
        assert_eq!(pods.user, 9);
    }

    #[test]
    fn the_kernel_tells_of_the_container_and_of_devices() {
        let view = View::new(machine(), MAKER, Vec::new());
        assert!(
            view.text(Path::new("/proc/self/status"))
                .unwrap()
                .contains("CapEff:\t0000000008000000")
        );
        assert!(
            view.link(Path::new("/sys/dev/block/7:1"))
                .unwrap()
                .ends_with("loop1")
        );
        assert_eq!(view.link(Path::new("/sys/dev/block/7:9")), None);
    }
}
