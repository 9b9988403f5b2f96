//! Where reports go: the container's log, and the end of them into its termination message.

use std::io;

use crate::host::Host;
use crate::protocol::{Failed, Finished, Report, Summary};

/// What the kubelet takes of a termination message.
const TERMINATION_BYTES: usize = 4096;

/// Writes a report to the log, at once.
pub(super) fn say(host: &impl Host, report: Report) -> io::Result<()> {
    host.log(&report.to_line()?)
}

/// Writes the last report, and leaves it as the termination message where that is possible.
pub(super) fn say_last(host: &impl Host, report: Report) -> io::Result<()> {
    host.leave_message(&last_words(report.clone()));
    say(host, report)
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
    use crate::protocol::OpenNode;

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
