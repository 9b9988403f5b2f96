//! The processes a keeper started: who runs, who is ready, who ended and how.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, WaitStatus};

use super::protocol::{Ending, ProcessReport};

/// Shared between the keeper's threads; every change wakes whoever waits.
#[derive(Default)]
pub(super) struct Table {
    processes: Mutex<BTreeMap<String, ProcessReport>>,
    changed: Condvar,
}

impl Table {
    /// Holds the table. While it is held, [`Table::reap_forever`] takes no exit status away, so a spawn that
    /// fails can collect its own child.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ProcessReport>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a process that was just started, under the lock that covered its spawn.
    pub(super) fn insert(
        &self,
        mut processes: MutexGuard<'_, BTreeMap<String, ProcessReport>>,
        name: &str,
        pid: i32,
        ready: bool,
    ) {
        let report = ProcessReport {
            name: name.to_owned(),
            pid,
            started: Timestamp::now(),
            ready,
            ended: None,
        };
        processes.insert(name.to_owned(), report);
        drop(processes);
        self.changed.notify_all();
    }

    /// Notes that the process of that name and id said it is ready.
    pub(super) fn mark_ready(&self, name: &str, pid: i32) {
        if let Some(report) = self.lock().get_mut(name).filter(|report| report.pid == pid) {
            report.ready = true;
        }
        self.changed.notify_all();
    }

    /// Blocks until the process is `until`, or has ended, or is not known (any more).
    pub(super) fn wait(&self, name: &str, until: impl Fn(&ProcessReport) -> bool) -> Option<ProcessReport> {
        let mut processes = self.lock();
        loop {
            match processes.get(name) {
                None => return None,
                Some(report) if report.ended.is_some() || until(report) => return Some(report.clone()),
                Some(_) => {
                    processes = self
                        .changed
                        .wait(processes)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// All processes, in the order they were started.
    pub(super) fn reports(&self) -> Vec<ProcessReport> {
        let mut reports: Vec<_> = self.lock().values().cloned().collect();
        reports.sort_by_key(|report| report.started);
        reports
    }

    /// Collects every child that ends, the adopted ones (containerd's shims) included. Never returns.
    pub(super) fn reap_forever(&self) {
        loop {
            // Only looks: the status is collected under the lock, see `lock`.
            match rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Ok(_) => self.reap(),
                Err(_no_children) => {
                    let processes = self.lock();
                    if processes.values().all(|report| report.ended.is_some()) {
                        drop(
                            self.changed
                                .wait(processes)
                                .unwrap_or_else(PoisonError::into_inner),
                        );
                    }
                }
            }
        }
    }

    fn reap(&self) {
        let mut processes = self.lock();
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let pid = Pid::as_raw(Some(pid));
            let ended = processes
                .values_mut()
                .find(|report| report.pid == pid && report.ended.is_none());
            if let Some(report) = ended {
                report.ended = ending(status);
            }
        }
        drop(processes);
        self.changed.notify_all();
    }
}

fn ending(status: WaitStatus) -> Option<Ending> {
    status
        .exit_status()
        .map(Ending::Exit)
        .or_else(|| status.terminating_signal().map(Ending::Signal))
}
