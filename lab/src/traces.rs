//! What a lab leaves on the machine, found by the lab's name and folder alone, and removed.
//!
//! Nothing here trusts a recorded process id: keepers are found by what they were started with, loop devices
//! by the file behind them, mounts by where they are, links by the alias they carry, cgroups by their path.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::files::{self, FileError};
use crate::folder::LabFolder;
use crate::keeper::MARK;
use crate::name::LabName;
use crate::network;
use crate::node::cgroups::{self, CgroupError};
use crate::tool::{self, ToolError};

/// Why something of a lab stayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("could not end the lab's process {pid}")]
    Kill { pid: i32, source: io::Error },
    #[error("the lab's processes did not end within {} s of being killed", GRACE.as_secs())]
    StillAlive,
    #[error("could not wait for the lab's processes to end")]
    Wait(#[source] io::Error),
    #[error("could not remove the lab's network or devices")]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error("could not unmount `{path}`")]
    Unmount { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
}

/// The kernel takes down a PID namespace in milliseconds; a process in a disk wait may take a little longer.
const GRACE: Duration = Duration::from_secs(20);

/// Removes everything of a lab.
pub(crate) async fn remove_all(name: &LabName, folder: &LabFolder) -> Result<(), RemoveError> {
    loop {
        end_keepers(name, None)?;
        detach_loop_devices(folder.path()).await?;
        network::remove(name).await?;
        cgroups::remove_lab(name)?;
        unmount_below(folder.path())?;
        files::remove_folder(folder.path())?;
        // An `up` that was killed a moment ago may have left a tool behind that finished only now.
        if end_keepers(name, None)? == 0 && !folder.path().exists() {
            return Ok(());
        }
    }
}

/// Ends the lab's keepers, and with them all that they keep: those of `folder` only, if given. Returns how
/// many processes there were to end.
pub(crate) fn end_keepers(lab: &LabName, folder: Option<&Path>) -> Result<usize, RemoveError> {
    let mut ending = Vec::new();
    for pid in process_ids() {
        // The handle first: what is then found out about the number is about this process.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        if !is_keeper_of(pid, lab, folder) {
            continue;
        }
        match pidfd_send_signal(&handle, Signal::KILL) {
            Ok(()) => ending.push(handle),
            Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                return Err(RemoveError::Kill {
                    pid: Pid::as_raw(Some(pid)),
                    source: error.into(),
                });
            }
        }
    }
    ending.iter().try_for_each(await_end)?;
    Ok(ending.len())
}

/// A process's handle becomes readable when it ended: a keeper's after all of its namespace did.
fn await_end(handle: &OwnedFd) -> Result<(), RemoveError> {
    let deadline = Instant::now() + GRACE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| RemoveError::StillAlive)?;
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(RemoveError::StillAlive),
            Ok(_) => return Ok(()),
            // Where this very program started the keeper, its end is announced by a signal as well.
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(RemoveError::Wait(error.into())),
        }
    }
}

fn process_ids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// Whether a process is a keeper of that lab, or the `unshare` that holds one.
pub(crate) fn is_keeper_of(pid: Pid, lab: &LabName, folder: Option<&Path>) -> bool {
    let read = |file: &str| fs::read(format!("/proc/{}/{file}", Pid::as_raw(Some(pid)))).unwrap_or_default();
    says_keeper(&read("cmdline"), &read("environ"), lab, folder)
}

fn says_keeper(cmdline: &[u8], environ: &[u8], lab: &LabName, folder: Option<&Path>) -> bool {
    let mark = format!("{MARK}={lab}");
    let marked = environ
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark.as_bytes());
    let words: Vec<_> = cmdline
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let keeps = |words: &[std::borrow::Cow<'_, str>]| match words {
        [keep, option, name, config, file] => {
            keep == "keep"
                && option == "--lab"
                && name == lab.as_str()
                && config == "--config"
                && folder.is_none_or(|folder| Path::new(file.as_ref()).starts_with(folder))
        }
        _ => false,
    };
    marked && words.windows(5).any(keeps)
}

/// Detaches the loop devices whose files lie below `folder`.
pub(crate) async fn detach_loop_devices(folder: &Path) -> Result<(), ToolError> {
    for device in loop_devices_below(Path::new("/sys/block"), folder) {
        let path = Path::new("/dev").join(&device);
        match tool::run("losetup", ["-d".as_ref(), path.as_os_str()]).await {
            Err(error) if loop_devices_below(Path::new("/sys/block"), folder).contains(&device) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}

fn loop_devices_below(blocks: &Path, folder: &Path) -> Vec<String> {
    let backing = |name: &String| {
        let file = fs::read_to_string(blocks.join(name).join("loop/backing_file")).ok()?;
        Path::new(file.trim_end()).starts_with(folder).then_some(())
    };
    let entries = fs::read_dir(blocks).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.retain(|name| backing(name).is_some());
    names.sort();
    names
}

/// Mounts of a lab live in its keepers' namespaces and end with them; this is for what somebody mounted by hand.
fn unmount_below(folder: &Path) -> Result<(), RemoveError> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for path in mounts_below(&table, folder) {
        rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH).map_err(|error| {
            RemoveError::Unmount {
                path,
                source: error.into(),
            }
        })?;
    }
    Ok(())
}

/// The innermost first.
fn mounts_below(table: &str, folder: &Path) -> Vec<PathBuf> {
    let point = |line: &str| {
        line.split(' ')
            .nth(4)
            .map(|path| PathBuf::from(path.replace("\\040", " ")))
    };
    let mut found: Vec<_> = table
        .lines()
        .filter_map(point)
        .filter(|path| path.starts_with(folder))
        .collect();
    found.sort();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> LabName {
        "lab".parse().unwrap()
    }

    fn words(words: &[&str]) -> Vec<u8> {
        words.join("\0").into_bytes()
    }

    #[test]
    fn the_end_of_ones_own_child_is_awaited_although_it_also_raises_a_signal() {
        // A handler makes the signal interrupt system calls, as the runtime's does in the real program.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let _handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()).unwrap();
        for _ in 0..20 {
            let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
            let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
            let handle = pidfd_open(pid, PidfdFlags::empty()).unwrap();
            pidfd_send_signal(&handle, Signal::KILL).unwrap();
            await_end(&handle).unwrap();
            child.wait().unwrap();
        }
    }

    const KEEP: &[&str] = &[
        "/bin/plimsoll-lab",
        "keep",
        "--lab",
        "lab",
        "--config",
        "/labs/lab/nodes/node-1/k.json",
    ];

    #[test]
    fn a_keeper_is_known_by_its_words_and_its_mark_together() {
        let marked = words(&["PATH=/bin", "PLIMSOLL_LAB_OF=lab"]);
        assert!(says_keeper(&words(KEEP), &marked, &name(), None));
        assert!(says_keeper(
            &words(&[&["unshare", "--pid", "--"], KEEP].concat()),
            &marked,
            &name(),
            None
        ));
        // A shell in which somebody set the variable, and somebody else's program of the same words.
        assert!(!says_keeper(&words(&["bash"]), &marked, &name(), None));
        assert!(!says_keeper(&words(KEEP), &words(&["PATH=/bin"]), &name(), None));
    }

    #[test]
    fn another_labs_keepers_are_left_alone() {
        let other: LabName = "lab-2".parse().unwrap();
        assert!(!says_keeper(
            &words(KEEP),
            &words(&["PLIMSOLL_LAB_OF=lab"]),
            &other,
            None
        ));
        assert!(!says_keeper(
            &words(KEEP),
            &words(&["PLIMSOLL_LAB_OF=lab-2"]),
            &name(),
            None
        ));
    }

    #[test]
    fn one_nodes_keeper_is_told_from_the_others() {
        let marked = words(&["PLIMSOLL_LAB_OF=lab"]);
        let only = |folder: &str| says_keeper(&words(KEEP), &marked, &name(), Some(Path::new(folder)));
        assert!(only("/labs/lab/nodes/node-1"));
        assert!(!only("/labs/lab/nodes/node-10"));
        assert!(!only("/labs/lab/control-plane"));
    }

    #[test]
    fn loop_devices_are_found_by_the_file_behind_them_also_when_it_is_gone() {
        let blocks = tempfile::tempdir().unwrap();
        let devices = [
            ("loop0", "/labs/lab/nodes/node-1/a.img"),
            ("loop1", "/labs/lab/nodes/node-1/b.img (deleted)"),
            ("loop2", "/labs/lab-2/nodes/node-1/a.img"),
            ("loop3", "/home/x/disk.img"),
        ];
        for (device, file) in devices {
            fs::create_dir_all(blocks.path().join(device).join("loop")).unwrap();
            fs::write(
                blocks.path().join(device).join("loop/backing_file"),
                format!("{file}\n"),
            )
            .unwrap();
        }
        fs::create_dir_all(blocks.path().join("vda")).unwrap();
        assert_eq!(
            loop_devices_below(blocks.path(), Path::new("/labs/lab")),
            ["loop0", "loop1"]
        );
    }

    #[test]
    fn mounts_are_taken_off_from_the_inside_and_only_the_labs() {
        let table = "1 0 8:1 / / rw - ext4 a rw\n\
                     2 1 0:2 / /labs/lab/a rw - tmpfs a rw\n\
                     3 2 0:3 / /labs/lab/a/b\\040c rw - tmpfs a rw\n\
                     4 1 0:4 / /labs/lab-2 rw - tmpfs a rw\n";
        let found = mounts_below(table, Path::new("/labs/lab"));
        assert_eq!(
            found,
            [PathBuf::from("/labs/lab/a/b c"), PathBuf::from("/labs/lab/a")]
        );
    }
}
