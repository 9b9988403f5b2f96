//! Where reports go: the container's log, and the end of them into its termination message.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use plimsoll_probe::Report;
use plimsoll_probe::protocol::{Failed, Finished, Summary};

/// The file that the kubelet reads a container's last words from.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// What it takes of it.
const TERMINATION_BYTES: usize = 4096;

/// Writes a report to the log, at once.
pub(crate) fn say(report: Report) -> io::Result<()> {
    let mut log = io::stdout().lock();
    log.write_all(report.to_line()?.as_bytes())?;
    log.flush()
}

/// Writes the last report, and leaves it as the termination message where that is possible.
pub(crate) fn say_last(report: Report) -> io::Result<()> {
    // Only where the kubelet made it: anywhere else it would be one more file in /dev.
    if Path::new(TERMINATION_LOG).is_file() {
        // The log has it all; the message is a convenience.
        let _ = fs::write(TERMINATION_LOG, last_words(report.clone()));
    }
    say(report)
}

/// The report, shortened until it fits.
fn last_words(mut report: Report) -> String {
    loop {
        let line = report.to_line().unwrap_or_default();
        if line.len() < TERMINATION_BYTES {
            return line;
        }
        match &mut report {
            Report::Finished(Finished {
                summary:
                    Summary::Devices {
                        open,
                        forged_open,
                        shortened,
                        ..
                    },
                ..
            }) if !open.is_empty() || !forged_open.is_empty() => {
                open.truncate(open.len() / 2);
                forged_open.truncate(forged_open.len() / 2);
                *shortened = true;
            }
            Report::Failed(Failed { reason }) if !reason.is_empty() => {
                *reason = reason.chars().take(reason.chars().count() / 2).collect();
            }
            _ => return String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_probe::protocol::OpenNode;

    use super::*;

    #[test]
    fn last_words_fit_and_say_that_they_are_shortened() {
        let node = |index: u32| OpenNode {
            path: format!("/dev/device{index}"),
            number: format!("b:7:{index}").parse().unwrap(),
            uuid: Some("GPU-00000000-0000-0000-0000-000000000000".to_owned()),
        };
        let finished = |nodes: u32| {
            let open = (0..nodes).map(node).collect();
            let summary = Summary::Devices {
                nodes: 1,
                open,
                forged_open: Vec::new(),
                shortened: false,
            };
            Report::Finished(Finished {
                elapsed_ms: 1,
                summary,
            })
        };
        let read = |words: &str| match Report::from_line(words) {
            Ok(Report::Finished(Finished {
                summary: Summary::Devices { open, shortened, .. },
                ..
            })) => (open.len(), shortened),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&last_words(finished(3))), (3, false));
        let words = last_words(finished(200));
        assert!(words.len() < TERMINATION_BYTES);
        let (kept, shortened) = read(&words);
        assert!(kept > 0 && shortened);
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let words = last_words(Report::Failed(Failed {
            reason: "é".repeat(9000),
        }));
        assert!(words.len() < TERMINATION_BYTES);
        assert!(Report::from_line(&words).is_ok());
    }
}
