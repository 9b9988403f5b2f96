//! The binary as a container runtime runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};

use plimsoll_probe::protocol::{HEADER_BYTES, Identity, IdentitySource, Summary};
use plimsoll_probe::{Report, Transcript};
use rustix::process::{Pid, Signal, kill_process};

fn probe(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-probe"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (Output, Transcript) {
    let output = probe(arguments).output().unwrap();
    let transcript = Transcript::from_log(&String::from_utf8(output.stdout.clone()).unwrap());
    (output, transcript)
}

/// Starts the probe and waits for a line that `last` is content with.
fn started(arguments: &[&str], last: impl Fn(&Report) -> bool) -> (Child, Transcript) {
    let mut child = probe(arguments).spawn().unwrap();
    let log = BufReader::new(child.stdout.take().unwrap());
    let mut transcript = Transcript::default();
    for line in log.lines() {
        let report = Report::from_line(&line.unwrap()).unwrap();
        let enough = last(&report);
        transcript.add(report);
        if enough {
            return (child, transcript);
        }
    }
    panic!(
        "the log ended early, with {}: {transcript:?}",
        child.wait().unwrap()
    );
}

fn stop(child: &mut Child, signal: Signal) -> Option<i32> {
    let pid = Pid::from_child(child);
    kill_process(pid, signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn every_log_begins_with_who_speaks() {
    let (output, transcript) = output(&["devices", "--match", "/dev/no-such-device*"]);
    assert_eq!(output.status.code(), Some(0));
    let started = transcript.started.unwrap();
    assert_eq!(
        (started.mode.as_str(), started.version.as_str()),
        ("devices", env!("CARGO_PKG_VERSION"))
    );
    assert!(started.unix_ms > 0 && started.monotonic_ms > 0 && !started.hostname.is_empty());
    assert!(
        transcript
            .nodes
            .iter()
            .any(|node| node.path == "/dev/null" && node.standard)
    );
    assert_eq!(transcript.walked.unwrap().nodes, transcript.nodes.len() as u64);
    assert_eq!(transcript.skipped_lines, 0);
}

#[test]
fn only_selected_variables_are_told() {
    let mut command = probe(&["devices", "--env", "FOO_*"]);
    command.envs([
        ("NVIDIA_VISIBLE_DEVICES", "all"),
        ("FOO_BAR", "1"),
        ("TOKEN", "secret"),
    ]);
    let log = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let told = Transcript::from_log(&log).environment.unwrap().variables;
    assert_eq!(
        told.into_keys().collect::<Vec<_>>(),
        ["FOO_BAR", "NVIDIA_VISIBLE_DEVICES"]
    );
    assert!(!log.contains("secret"));
}

#[test]
fn a_hold_begins_after_the_work_and_ends_with_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut child, transcript) = started(&["devices", "--hold"], |report| {
            matches!(report, Report::Finished(_))
        });
        assert!(transcript.is_over());
        assert!(child.try_wait().unwrap().is_none(), "it stays");
        assert_eq!(stop(&mut child, signal), Some(0));
    }
}

#[test]
fn a_pause_ends_with_a_signal() {
    let (mut child, _) = started(&["pause"], |report| matches!(report, Report::Started(_)));
    assert_eq!(stop(&mut child, Signal::TERM), Some(0));
}

#[test]
fn a_rendezvous_ends_with_a_signal() {
    let arguments = [
        "barrier",
        "--rank",
        "1",
        "--size",
        "2",
        "--port",
        "9",
        "--peer-addresses",
        "127.0.0.1",
    ];
    let (mut child, _) = started(&arguments, |report| matches!(report, Report::Started(_)));
    assert_eq!(stop(&mut child, Signal::TERM), Some(0));
}

#[test]
fn the_first_time_fails_and_the_second_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("was-here").display().to_string();
    let (first, transcript) = output(&["devices", "--fail-first", &marker, "--hold"]);
    assert_eq!(first.status.code(), Some(1));
    assert!(transcript.finished.is_some(), "it reports before it fails");
    let (second, _) = output(&["devices", "--fail-first", &marker]);
    assert_eq!(second.status.code(), Some(0));
}

#[test]
fn a_marker_that_cannot_be_made_is_named() {
    let (output, transcript) = output(&["devices", "--fail-first", "/no/such/folder/marker"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        transcript
            .failed
            .unwrap()
            .reason
            .contains("/no/such/folder/marker")
    );
}

#[test]
fn bad_arguments_are_explained_and_nothing_is_reported() {
    let (output, _) = output(&["devices", "--frobnicate"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("plimsoll-probe: invalid option '--frobnicate'"),
        "{error}"
    );
}

#[test]
fn help_names_every_mode() {
    let (output, _) = output(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    for mode in ["devices", "load", "barrier", "pause"] {
        assert!(help.lines().any(|line| line.starts_with(mode)), "{mode}");
    }
}

#[test]
fn a_load_works_on_a_device_and_leaves_its_header() {
    let device = tempfile::NamedTempFile::new().unwrap();
    let header = Identity {
        uuid: Some("GPU-1".to_owned()),
        ..Identity::unknown(IdentitySource::Header)
    };
    let header = header.to_header().unwrap();
    std::fs::write(device.path(), &header).unwrap();
    device.as_file().set_len(8 << 20).unwrap();
    let path = device.path().display().to_string();
    let (output, transcript) = output(&[
        "load",
        "--device",
        &path,
        "--duty",
        "0.2",
        "--period-ms",
        "100",
        "--seconds",
        "1",
    ]);
    assert_eq!(output.status.code(), Some(0));
    assert!(transcript.load.unwrap().writes);
    assert!(transcript.load_periods.len() >= 5);
    assert!(
        transcript
            .load_periods
            .iter()
            .all(|period| period.written_bytes > 0)
    );
    assert_eq!(std::fs::read(device.path()).unwrap()[..HEADER_BYTES], header);
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let (output, transcript) = output(&["load", "--device", "/dev/no-such-device", "--seconds", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        transcript.failed.unwrap().reason,
        "opening /dev/no-such-device gave ENOENT"
    );
}

#[test]
fn members_of_a_group_meet() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let members: Vec<Child> = ["2", "1", "0"]
        .iter()
        .map(|rank| {
            let fixed = [
                "--size",
                "3",
                "--port",
                &free,
                "--peer-addresses",
                "127.0.0.1",
                "--deadline-s",
                "20",
            ];
            probe(&[["barrier", "--rank", *rank].as_slice(), &fixed].concat())
                .spawn()
                .unwrap()
        })
        .collect();
    for member in members {
        let output = member.wait_with_output().unwrap();
        let transcript = Transcript::from_log(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(output.status.code(), Some(0));
        assert!(transcript.barrier.unwrap().complete);
        let summary = transcript.finished.unwrap().summary;
        assert_eq!(
            summary,
            Summary::Barrier {
                complete: true,
                came: 3,
                size: 3
            }
        );
    }
}

#[test]
fn an_incomplete_group_is_a_failure() {
    let arguments = [
        "barrier",
        "--rank",
        "0",
        "--size",
        "2",
        "--port",
        "0",
        "--deadline-s",
        "0",
    ];
    let (output, transcript) = output(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(transcript.barrier.unwrap().missing, [1]);
}
