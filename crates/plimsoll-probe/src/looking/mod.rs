//! Looking at what a container can reach: its device nodes, those it could make, and how it came by them.

#[cfg(test)]
mod fake;
mod forge;
mod identify;
mod mounts;
mod standard;

use std::io;
use std::path::{Path, PathBuf};

use crate::host::{Devices, FoundNode, OpenMode};
use crate::protocol::{
    Access, DeviceNode, DeviceNumber, Environment, FoundFiles, NodeKind, OpenNode, Opened, Report, Summary,
    TextFile, Walked,
};
use identify::{Content, identify};

/// More of a text file is not told.
const LONGEST_TEXT: usize = 1000;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Where to look for device nodes.
    pub roots: Vec<PathBuf>,
    /// Globs of accelerators' nodes; `*` stays within a folder, `**` does not.
    pub globs: Vec<String>,
    /// Devices to reach by making their nodes.
    pub forge: Vec<DeviceNumber>,
    /// Where to make them.
    pub forge_folders: Vec<PathBuf>,
    /// Globs of environment variables to tell.
    pub variables: Vec<String>,
    /// Globs of mounts to tell, beside [`globs`](Self::globs).
    pub mounts: Vec<String>,
    /// Text files to tell the beginnings of.
    pub texts: Vec<PathBuf>,
    /// Globs of files to look for.
    pub files: Vec<String>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            roots: vec![PathBuf::from("/dev")],
            globs: Vec::new(),
            forge: Vec::new(),
            forge_folders: ["/dev", "/tmp", ".", "/dev/shm"].map(PathBuf::from).to_vec(),
            variables: vec!["*VISIBLE_DEVICES".to_owned()],
            mounts: Vec::new(),
            texts: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Look {
    /// Looks, and says what there is, as it is found. `variables` are those of the process.
    ///
    /// # Errors
    /// Those of `say`.
    pub fn run(
        &self,
        devices: &dyn Devices,
        variables: impl IntoIterator<Item = (String, String)>,
        say: &mut dyn FnMut(Report) -> io::Result<()>,
    ) -> io::Result<Summary> {
        let mut open = Vec::new();
        let walked = self.walk(devices, &mut |node| {
            if node.is_open() && !node.standard {
                let uuid = node.uuid().map(str::to_owned);
                open.push(OpenNode {
                    path: node.path.clone(),
                    number: node.number,
                    uuid,
                });
            }
            say(Report::Node(node))
        })?;
        let nodes = walked.nodes;
        say(Report::Walked(walked))?;

        let told = variables
            .into_iter()
            .filter(|(name, _)| matches_any(&self.variables, name))
            .collect();
        say(Report::Environment(Environment { variables: told }))?;
        for mount in mounts::parse(
            &devices
                .text(Path::new("/proc/self/mountinfo"))
                .unwrap_or_default(),
        ) {
            let places = [&mount.mount_point, &mount.root, &mount.source];
            if places
                .into_iter()
                .any(|place| matches_any(self.globs.iter().chain(&self.mounts), place))
            {
                say(Report::Mount(mount))?;
            }
        }

        for path in &self.texts {
            say(Report::TextFile(TextFile {
                path: path.display().to_string(),
                text: devices
                    .text(path)
                    .map(|text| text.chars().take(LONGEST_TEXT).collect()),
            }))?;
        }
        for pattern in &self.files {
            say(Report::FoundFiles(FoundFiles {
                pattern: pattern.clone(),
                paths: find(devices, pattern),
            }))?;
        }

        let mut forged_open = Vec::new();
        for number in &self.forge {
            let forged = forge::forge(devices, &self.forge_folders, *number);
            if forged.is_open() {
                forged_open.push(*number);
            }
            say(Report::Forged(forged))?;
        }
        Ok(Summary::Devices {
            nodes,
            open,
            forged_open,
            shortened: false,
        })
    }

    /// The nodes that open and that a glob fits or, without globs, that not every container has; by path.
    pub(crate) fn granted(&self, devices: &dyn Devices) -> io::Result<Vec<DeviceNode>> {
        let mut granted = Vec::new();
        self.walk(devices, &mut |node| {
            if (node.matched || self.globs.is_empty()) && !node.standard && node.is_open() {
                granted.push(node);
            }
            Ok(())
        })?;
        Ok(granted)
    }

    fn walk(
        &self,
        devices: &dyn Devices,
        each: &mut dyn FnMut(DeviceNode) -> io::Result<()>,
    ) -> io::Result<Walked> {
        let roots = self.roots.iter().map(|root| root.display().to_string()).collect();
        let mut walked = Walked {
            roots,
            nodes: 0,
            unread: Vec::new(),
        };
        for root in &self.roots {
            let walk = devices.walk(root);
            walked.unread.extend(walk.unread);
            for found in walk.nodes {
                walked.nodes += 1;
                each(self.examine(devices, found))?;
            }
        }
        Ok(walked)
    }

    fn examine(&self, devices: &dyn Devices, found: FoundNode) -> DeviceNode {
        let FoundNode { path, number, mode } = found;
        let matched = matches_any(&self.globs, &path);
        let standard = standard::is_standard(&path, number);
        // Somebody who names a node knows what it is.
        let hazardous = !matched && standard::is_hazardous(&path, number);
        let opened = match (matched || !standard, hazardous) {
            (false, _) => None,
            (true, true) => Some(Opened {
                read_write: Access::NotTried,
                read_only: Access::NotTried,
            }),
            (true, false) => Some(open(devices, Path::new(&path))),
        };
        let identity = opened.as_ref().and_then(|opened| {
            // Blocks can be read again and again; what a character device hands out may be gone then.
            let readable = opened.is_open() && (number.kind == NodeKind::Block || matched);
            let content = if readable {
                Content::Readable
            } else {
                Content::Untouched
            };
            identify(devices, Path::new(&path), number, content)
        });
        DeviceNode {
            path,
            number,
            mode,
            matched,
            standard,
            opened,
            identity,
        }
    }
}

/// The files that match a glob. Only folders that can be told from the glob are read, never a whole tree.
fn find(devices: &dyn Devices, pattern: &str) -> Vec<String> {
    let mut folders = vec![String::new()];
    let mut parts = pattern.trim_start_matches('/').split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let plain = !part.contains(['*', '?', '[', '{', '\\']);
        folders = folders
            .into_iter()
            .flat_map(|folder| {
                if plain && !is_last {
                    return vec![format!("{folder}/{part}")];
                }
                let place = if folder.is_empty() { "/" } else { &folder };
                let mut names = devices.names(Path::new(place));
                names.sort();
                names.dedup();
                names
                    .into_iter()
                    .filter(|name| fast_glob::glob_match(part, name))
                    .map(|name| format!("{folder}/{name}"))
                    .collect()
            })
            .collect();
    }
    folders
}

/// Tries both ways.
fn open(devices: &dyn Devices, path: &Path) -> Opened {
    Opened {
        read_write: devices.open(path, OpenMode::ReadWrite).into(),
        read_only: devices.open(path, OpenMode::ReadOnly).into(),
    }
}

fn matches_any<'a>(globs: impl IntoIterator<Item = &'a String>, text: &str) -> bool {
    globs.into_iter().any(|glob| fast_glob::glob_match(glob, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fake::FakeDevices;
    use super::*;
    use crate::Transcript;
    use crate::protocol::{Identity, IdentitySource};

    fn look_for(glob: &str) -> Look {
        Look {
            globs: vec![glob.to_owned()],
            ..Look::default()
        }
    }

    fn transcript(look: &Look, devices: &FakeDevices, variables: &[(&str, &str)]) -> (Transcript, Summary) {
        let mut transcript = Transcript::default();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let summary = look
            .run(devices, variables, &mut |report| {
                transcript.add(report);
                Ok(())
            })
            .unwrap();
        (transcript, summary)
    }

    fn header(uuid: &str) -> Vec<u8> {
        let identity = Identity {
            uuid: Some(uuid.to_owned()),
            ..Identity::unknown(IdentitySource::Header)
        };
        identity.to_header().unwrap()
    }

    #[test]
    fn a_granted_device_is_opened_and_identified() {
        let devices = FakeDevices::default()
            .node("/dev/null", "c:1:3")
            .node("/dev/nvidia0", "b:7:3")
            .allow("b:7:3")
            .content("b:7:3", &header("GPU-1"));
        let (transcript, summary) = transcript(&look_for("/dev/nvidia[0-9]*"), &devices, &[]);
        let found: Vec<_> = transcript
            .matched()
            .map(|node| (node.path.as_str(), node.uuid()))
            .collect();
        assert_eq!(found, [("/dev/nvidia0", Some("GPU-1"))]);
        assert!(!devices.was_opened("/dev/null"), "standard nodes are left alone");
        let Summary::Devices { nodes, open, .. } = summary else {
            panic!("{summary:?}")
        };
        assert_eq!((nodes, open.len()), (2, 1));
    }

    #[test]
    fn a_renamed_accelerator_is_found_without_its_name() {
        let devices = FakeDevices::default()
            .node("/dev/pts/7", "b:7:3")
            .allow("b:7:3")
            .content("b:7:3", &header("GPU-1"));
        let (transcript, _) = transcript(&look_for("/dev/nvidia[0-9]*"), &devices, &[]);
        let found: Vec<_> = transcript
            .devices()
            .map(|node| (node.is_open(), node.uuid()))
            .collect();
        assert_eq!(found, [(true, Some("GPU-1"))]);
    }

    #[test]
    fn a_hazardous_node_is_seen_but_not_opened() {
        let devices = FakeDevices::default()
            .node("/dev/watchdog", "c:10:130")
            .allow("c:10:130");
        let (transcript, _) = transcript(&Look::default(), &devices, &[]);
        assert_eq!(
            transcript.nodes[0].opened.as_ref().unwrap().read_write,
            Access::NotTried
        );
        assert!(!devices.was_opened("/dev/watchdog"));
    }

    #[test]
    fn only_selecting_variables_are_told() {
        let variables = [
            ("NVIDIA_VISIBLE_DEVICES", "all"),
            ("PASSWORD", "secret"),
            ("TPU_VISIBLE_CHIPS", "0"),
        ];
        let mut look = Look::default();
        look.variables.push("TPU_VISIBLE_CHIPS".to_owned());
        let (transcript, _) = transcript(&look, &FakeDevices::default(), &variables);
        let told = transcript.environment.unwrap().variables;
        assert_eq!(
            told.keys().collect::<Vec<_>>(),
            ["NVIDIA_VISIBLE_DEVICES", "TPU_VISIBLE_CHIPS"]
        );
    }

    #[test]
    fn mounts_are_told_where_a_glob_matches_any_end_of_them() {
        let mountinfo =
            "1 0 0:1 / / rw - overlay overlay rw\n2 1 0:5 /nvidia0 /dev/nvidia0 rw - devtmpfs udev rw\n";
        let devices = FakeDevices::default().text_file("/proc/self/mountinfo", mountinfo);
        let (transcript, _) = transcript(&look_for("/dev/nvidia[0-9]*"), &devices, &[]);
        assert_eq!(transcript.mounts.len(), 1);
        assert_eq!(transcript.mounts[0].filesystem, "devtmpfs");
    }

    #[test]
    fn texts_and_files_are_told_also_those_that_are_not_there() {
        let devices = FakeDevices::default()
            .text_file("/proc/driver/nvidia/version", "Kernel Module  580.95.05\n")
            .text_file("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1", "");
        let look = Look {
            texts: vec!["/proc/driver/nvidia/version".into(), "/proc/none".into()],
            files: vec![
                "/usr/lib/*-linux-gnu/libnvidia-ml.so*".to_owned(),
                "/usr/bin/nvidia-smi".to_owned(),
            ],
            ..Look::default()
        };
        let (transcript, _) = transcript(&look, &devices, &[]);
        assert_eq!(
            transcript.text("/proc/driver/nvidia/version"),
            Some("Kernel Module  580.95.05\n")
        );
        assert_eq!(transcript.text("/proc/none"), None);
        let found: Vec<usize> = transcript.files.iter().map(|files| files.paths.len()).collect();
        assert_eq!(found, [1, 0]);
    }

    #[test]
    fn a_failing_listener_ends_the_look() {
        let devices = FakeDevices::default().node("/dev/null", "c:1:3");
        let broken = Look::default().run(&devices, [], &mut |_| Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn globs_stay_within_a_folder() {
        let matches = |glob: &str, path: &str| matches_any([&glob.to_owned()], path);
        assert!(matches("/dev/nvidia[0-9]*", "/dev/nvidia12"));
        assert!(!matches("/dev/nvidia[0-9]*", "/dev/nvidiactl"));
        assert!(matches("/dev/dri/renderD*", "/dev/dri/renderD128"));
        assert!(!matches("/dev/*", "/dev/dri/renderD128"));
        assert!(matches("/dev/**", "/dev/dri/renderD128"));
    }

    proptest! {
        #[test]
        fn any_glob_matches_or_does_not(glob in ".{0,40}", path in ".{0,40}") {
            let _ = matches_any([&glob], &path);
        }

        #[test]
        fn a_path_without_special_characters_matches_itself(path in "(/[a-z0-9.-]{1,8}){1,4}") {
            prop_assert!(matches_any([&path], &path));
        }
    }
}
