//! `plimsoll-lab logs`: the log of a component, followed by the kernel's word that it grew.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify;

use crate::folder::{self, LabFolder};
use crate::nearest::nearest;

/// Why a log could not be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error("there is no log of `{component}`{}; there are {}", hint(.suggestion.as_deref()), .known.join(", "))]
    Unknown {
        component: String,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("could not follow `{path}`")]
    Follow { path: PathBuf, source: io::Error },
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
}

/// Writes the log of `component` (`NAME`, or `NAME@NODE`) to `out`; goes on as it grows if `follow`.
pub(crate) fn logs(
    folder: &LabFolder,
    nodes: &[String],
    component: &str,
    follow: bool,
    out: &mut impl Write,
) -> Result<(), LogsError> {
    let path = find(folder, nodes, component)?;
    let failed = |source| LogsError::Read {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(failed)?;
    // Watching before reading, so that nothing written in between is missed.
    let watched = if follow { Some(watch(&path)?) } else { None };
    loop {
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        // A reader that went away (a pager, `head`) has seen enough.
        if out.write_all(&text).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        match &watched {
            Some(watched) => await_growth(watched, &path)?,
            None => return Ok(()),
        }
    }
}

fn find(folder: &LabFolder, nodes: &[String], component: &str) -> Result<PathBuf, LogsError> {
    let known = known(folder, nodes);
    match known.iter().find(|(name, _)| name == component) {
        Some((_, path)) => Ok(path.clone()),
        None => {
            let names: Vec<_> = known.into_iter().map(|(name, _)| name).collect();
            let suggestion = nearest(component, names.iter().map(String::as_str)).map(str::to_owned);
            Err(LogsError::Unknown {
                component: component.to_owned(),
                suggestion,
                known: names,
            })
        }
    }
}

fn known(folder: &LabFolder, nodes: &[String]) -> Vec<(String, PathBuf)> {
    let mut known = of_keeper(&folder.control_plane(), "");
    for node in nodes {
        known.extend(of_keeper(&folder.node(node), &format!("@{node}")));
    }
    known.sort();
    known
}

fn of_keeper(keeper: &Path, suffix: &str) -> Vec<(String, PathBuf)> {
    let folder = folder::log(keeper, "any")
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((format!("{}{suffix}", name.strip_suffix(".log")?), entry.path()))
        })
        .collect()
}

fn watch(path: &Path) -> Result<OwnedFd, LogsError> {
    let failed = |error: rustix::io::Errno| LogsError::Follow {
        path: path.to_owned(),
        source: error.into(),
    };
    let watched = inotify::init(inotify::CreateFlags::CLOEXEC).map_err(failed)?;
    let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::DELETE_SELF;
    inotify::add_watch(&watched, path, flags).map_err(failed)?;
    Ok(watched)
}

fn await_growth(watched: &OwnedFd, path: &Path) -> Result<(), LogsError> {
    let mut events = [0_u8; 4096];
    rustix::io::read(watched, &mut events)
        .map(drop)
        .map_err(|error| LogsError::Follow {
            path: path.to_owned(),
            source: error.into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::LabsRoot;

    fn lab() -> (tempfile::TempDir, LabFolder) {
        let kept = tempfile::tempdir().unwrap();
        let folder = LabsRoot::new(kept.path().to_owned())
            .unwrap()
            .lab(&"lab".parse().unwrap());
        for (keeper, name) in [
            (folder.control_plane(), "etcd"),
            (folder.node("node-1"), "kubelet"),
        ] {
            let log = folder::log(&keeper, name);
            fs::create_dir_all(log.parent().unwrap()).unwrap();
            fs::write(log, format!("{name} says hello\n")).unwrap();
        }
        (kept, folder)
    }

    fn shown(component: &str) -> Result<String, LogsError> {
        let (_kept, folder) = lab();
        let mut out = Vec::new();
        logs(&folder, &["node-1".to_owned()], component, false, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn a_log_is_found_by_component_and_node() {
        assert_eq!(shown("etcd").unwrap(), "etcd says hello\n");
        assert_eq!(shown("kubelet@node-1").unwrap(), "kubelet says hello\n");
    }

    #[test]
    fn an_unknown_component_is_answered_with_the_nearest_and_all() {
        let error = shown("kubelet@node-2").unwrap_err().to_string();
        assert!(
            error.contains("did you mean `kubelet@node-1`") && error.contains("etcd"),
            "{error}"
        );
        assert!(shown("../../lab").is_err());
    }

    #[test]
    fn following_shows_what_is_appended_later() {
        let (_kept, folder) = lab();
        let path = folder::log(&folder.control_plane(), "etcd");
        let (sender, shown) = std::sync::mpsc::channel();
        struct Sender(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for Sender {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0
                    .send(text.to_owned())
                    .map_err(io::Error::other)
                    .map(|()| text.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        std::thread::spawn(move || logs(&folder, &[], "etcd", true, &mut Sender(sender)));
        assert_eq!(shown.recv().unwrap(), b"etcd says hello\n");
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(b"and more\n").unwrap();
        let patience = std::time::Duration::from_secs(10);
        assert_eq!(shown.recv_timeout(patience).unwrap(), b"and more\n");
    }
}
