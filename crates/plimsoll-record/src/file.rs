//! The record file: one event a line, as JSON, only ever appended to.
//!
//! [`RecordWriter`] hands each line to the kernel before it returns, so a killed process loses nothing it
//! said, and syncs it to the disk with every verdict and at the end. [`read`] gives the events back; the
//! half line that a machine which lost power may leave at the end is no fault.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize,
    de::{self, value::MapDeserializer},
};
use serde_json::Value;

use crate::{Event, FORMAT, What, redaction::redact};

/// What the record is called inside a run's output directory.
pub const FILE_NAME: &str = "record.jsonl";

/// Appends events to a record.
///
/// # Guarantees
/// - No credential is written: each string goes through [`redact`].
/// - One writer per file: the file stays locked while the writer lives.
/// - A line is written whole or cut off at the end of the file, never mixed with another.
#[derive(Debug)]
pub struct RecordWriter {
    /// None where events are only watched.
    file: Option<File>,
}

impl RecordWriter {
    /// Begins a record in a file that must not exist yet: a run never overwrites another's evidence.
    ///
    /// # Errors
    /// When the file exists ([`io::ErrorKind::AlreadyExists`]) or can't be created or locked.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        lock(&file)?;
        Ok(Self { file: Some(file) })
    }

    /// Keeps nothing: for runs that prove nothing of a platform and are only watched, as when the suite itself is on
    /// trial.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { file: None }
    }

    /// Goes on with the record of a run that ended early: returns what it holds, drops the half line a
    /// killed run may have left, and appends from there.
    ///
    /// # Errors
    /// When the record can't be read, or another run still writes it.
    pub fn resume(path: &Path) -> Result<(Self, Vec<Event>), ReadError> {
        let unreadable = |source| ReadError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(unreadable)?;
        lock(&file).map_err(unreadable)?;
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let (events, whole) = parse(path, &bytes)?;
        file.set_len(whole as u64).map_err(unreadable)?;
        if bytes[..whole].last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n").map_err(unreadable)?;
        }
        Ok((Self { file: Some(file) }, events))
    }

    /// Appends an event and returns it as it was recorded, without credentials: what is shown live should
    /// be that one, so that nobody sees what the record does not hold.
    ///
    /// # Errors
    /// When it can't be written. Without a record there is no evidence, so the run has to end.
    pub fn append(&mut self, event: &Event) -> io::Result<Event> {
        let mut value = serde_json::to_value(event)?;
        let recorded = if redact(&mut value) {
            Event::deserialize(&value)?
        } else {
            event.clone()
        };
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&recorded)?;
            line.push(b'\n');
            file.write_all(&line)?;
            if matters(&event.what) {
                file.sync_data()?;
            }
        }
        Ok(recorded)
    }
}

/// What may not be lost even when the machine goes down.
fn matters(what: &What) -> bool {
    match what {
        What::CheckFinished(_) | What::RunFinished => true,
        What::RunStarted(_)
        | What::PlatformSurveyed { .. }
        | What::CheckPlanned(_)
        | What::CheckStarted
        | What::WaitStarted { .. }
        | What::WaitProgressed { .. }
        | What::WaitEnded { .. }
        | What::ObjectCreated { .. }
        | What::Observed { .. }
        | What::ControlDecided(_)
        | What::CleanupStarted
        | What::CleanupFinished { .. }
        | What::Interrupted => false,
    }
}

fn lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::ResourceBusy, "another run is still writing it")
        }
        std::fs::TryLockError::Error(source) => source,
    })
}

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be opened or read.
    #[error("could not read the record `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no whole event.
    #[error("the record `{}` is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is no event.
    #[error("line {line} of the record `{}` is not an event", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The record does not begin with `run-started`.
    #[error("line 1 of the record `{}` is not a `run-started` event with a `format`", path.display())]
    NoStart {
        /// The file.
        path: PathBuf,
    },
    /// The record is of another major version.
    #[error(
        "the record `{}` has format `{format}`, which this version can't read: it reads {FORMAT} and what only adds to it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: String,
    },
    /// An event is missing, or stands twice.
    #[error("line {line} of the record `{}` has `seq` {found}, expected {expected}", path.display())]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The number found.
        found: u64,
        /// The number that follows the line before.
        expected: u64,
    },
}

/// Reads all events of a record.
///
/// A last line without an end that is no event is what a killed run leaves, and is left out. Kinds of events
/// that a later minor version added are left out as well.
///
/// # Errors
/// When the file can't be read or anything else in it is not what a writer of this format writes.
pub fn read(path: &Path) -> Result<Vec<Event>, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(parse(path, &bytes)?.0)
}

/// The events, and how many bytes they take.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Event>, usize), ReadError> {
    let path = || path.to_owned();
    let mut events = Vec::new();
    let mut whole = 0;
    let mut later_minor = false;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let value: Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(_) if !line.ends_with(b"\n") => break,
            Err(source) => {
                return Err(ReadError::Malformed {
                    path: path(),
                    line: number,
                    source,
                });
            }
        };
        if index == 0 {
            let format = format_of(&value).ok_or_else(|| ReadError::NoStart { path: path() })?;
            later_minor = match readable(format) {
                Readable::Fully => false,
                Readable::ExceptNewKinds => true,
                Readable::No => {
                    return Err(ReadError::Format {
                        path: path(),
                        format: format.to_owned(),
                    });
                }
            };
        }
        let seq = value.get("seq").and_then(Value::as_u64);
        if let Some(found) = seq.filter(|seq| *seq != index as u64) {
            return Err(ReadError::OutOfOrder {
                path: path(),
                line: number,
                found,
                expected: index as u64,
            });
        }
        match Event::deserialize(&value) {
            Ok(event) => events.push(event),
            Err(_) if later_minor && is_new_kind(&value) => {}
            Err(source) => {
                return Err(ReadError::Malformed {
                    path: path(),
                    line: number,
                    source,
                });
            }
        }
        whole += line.len();
    }
    if events.is_empty() {
        Err(ReadError::Empty { path: path() })
    } else {
        Ok((events, whole))
    }
}

fn format_of(first: &Value) -> Option<&str> {
    (first.get("event")?.as_str()? == "run-started")
        .then(|| first.get("format")?.as_str())
        .flatten()
}

enum Readable {
    Fully,
    ExceptNewKinds,
    No,
}

/// Who can read what: the same major version; a later minor one may have kinds of events unknown here.
fn readable(format: &str) -> Readable {
    let numbers = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (numbers(format), numbers(FORMAT)) {
        (Some((major, minor)), Some((own_major, own_minor))) if major == own_major => {
            if minor > own_minor {
                Readable::ExceptNewKinds
            } else {
                Readable::Fully
            }
        }
        _ => Readable::No,
    }
}

/// Whether the line's `event` is a kind that [`What`] does not have. Asks [`What`] itself, through an error
/// type that tells this fault from others.
fn is_new_kind(line: &Value) -> bool {
    let Some(kind) = line.get("event").and_then(Value::as_str) else {
        return false;
    };
    let only_kind = MapDeserializer::<_, KindFault>::new(std::iter::once(("event", kind)));
    matches!(What::deserialize(only_kind), Err(KindFault::Unknown))
}

#[derive(Debug, thiserror::Error)]
enum KindFault {
    #[error("unknown kind of event")]
    Unknown,
    #[error("another fault")]
    Other,
}

impl de::Error for KindFault {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_program::ProgrammeVersion;
    use serde_json::json;

    use super::*;
    use crate::{CheckFinished, PlatformFacts, PlatformKind, RunStarted, Verdict};

    fn event(seq: u64, what: What) -> Event {
        Event {
            seq,
            at: "2026-10-01T08:00:00Z".parse().unwrap(),
            requirement: None,
            what,
        }
    }

    fn started() -> What {
        What::RunStarted(RunStarted {
            format: FORMAT.to_owned(),
            run: "r1".to_owned(),
            plimsoll: "0.1.0".to_owned(),
            programme: ProgrammeVersion::V1_36,
            platform: PlatformFacts {
                kind: PlatformKind::Lab,
                kubernetes: "v1.36.3".to_owned(),
                context: None,
            },
        })
    }

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn record(lines: &str) -> Result<Vec<Event>, ReadError> {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, lines).unwrap();
        read(&path)
    }

    fn start_line(format: &str) -> String {
        serde_json::to_string(&event(0, started()))
            .unwrap()
            .replace("\"1.0\"", &format!("\"{format}\""))
            + "\n"
    }

    #[test]
    fn what_is_appended_is_read_again() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        let mut writer = RecordWriter::create(&path).unwrap();
        let finished = What::CheckFinished(CheckFinished {
            verdict: Verdict::Passed,
            reason: "all 3 controls came out right".to_owned(),
            advice: None,
            adapter: Some("native".to_owned()),
            duration_ms: 1200,
        });
        let events = [
            event(0, started()),
            event(1, finished),
            event(2, What::RunFinished),
        ];
        for event in &events {
            assert_eq!(&writer.append(event).unwrap(), event);
        }
        assert_eq!(read(&path).unwrap(), events);
    }

    #[test]
    fn planted_credentials_never_reach_the_file() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        let mut writer = RecordWriter::create(&path).unwrap();
        writer.append(&event(0, started())).unwrap();
        let planted = [
            "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlc2lnbg",
            "hunter2hunter2",
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA\n-----END EC PRIVATE KEY-----",
        ];
        let observed = What::Observed {
            source: format!("log line `Bearer {}`", planted[0]),
            fact: json!({"token": planted[0], "args": ["--password", format!("--password={}", planted[1])], "file": planted[2]}),
        };
        let shown = writer.append(&event(1, observed)).unwrap();
        let wait = What::WaitProgressed {
            wait: 1,
            seen: format!("password: {}", planted[1]),
        };
        writer.append(&event(2, wait)).unwrap();

        let written = std::fs::read_to_string(&path).unwrap();
        for secret in ["eyJhbGci", "hunter2", "MHcCAQ"] {
            assert!(!written.contains(secret), "{secret} in {written}");
        }
        assert_eq!(read(&path).unwrap()[1], shown);
    }

    #[test]
    fn a_record_is_never_overwritten() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        drop(RecordWriter::create(&path).unwrap());
        assert_eq!(
            RecordWriter::create(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn resuming_drops_the_half_line_and_goes_on() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, start_line("1.0") + "{\"seq\":1,\"at\":\"2026").unwrap();
        let (mut writer, events) = RecordWriter::resume(&path).unwrap();
        assert_eq!(events.len(), 1);
        writer.append(&event(1, What::RunFinished)).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn resuming_ends_a_whole_last_line_that_has_no_end() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        std::fs::write(&path, start_line("1.0").trim_end()).unwrap();
        let (mut writer, _) = RecordWriter::resume(&path).unwrap();
        writer.append(&event(1, What::RunFinished)).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn two_writers_at_once_are_refused() {
        let directory = directory();
        let path = directory.path().join(FILE_NAME);
        let mut first = RecordWriter::create(&path).unwrap();
        first.append(&event(0, started())).unwrap();
        let ReadError::Unreadable { source, .. } = RecordWriter::resume(&path).unwrap_err() else {
            panic!("expected the lock's error");
        };
        assert_eq!(source.kind(), io::ErrorKind::ResourceBusy);
    }

    #[test]
    fn a_fault_inside_the_record_names_its_line() {
        let broken = start_line("1.0") + "{\"seq\":1,\n" + "{}\n";
        assert!(matches!(
            record(&broken),
            Err(ReadError::Malformed { line: 2, .. })
        ));
        let unknown =
            start_line("1.0") + "{\"seq\":1,\"at\":\"2026-10-01T08:00:00Z\",\"event\":\"from-the-future\"}\n";
        assert!(matches!(
            record(&unknown),
            Err(ReadError::Malformed { line: 2, .. })
        ));
    }

    #[test]
    fn a_gap_in_the_record_is_a_fault() {
        let gap =
            start_line("1.0") + "{\"seq\":2,\"at\":\"2026-10-01T08:00:00Z\",\"event\":\"run-finished\"}\n";
        assert!(matches!(
            record(&gap),
            Err(ReadError::OutOfOrder {
                line: 2,
                found: 2,
                expected: 1,
                ..
            })
        ));
    }

    #[test]
    fn another_major_format_is_refused_whatever_else_it_holds() {
        for format in ["2.0", "0.9", "one", ""] {
            assert!(
                matches!(record(&start_line(format)), Err(ReadError::Format { .. })),
                "{format}"
            );
        }
        let other = "{\"event\":\"run-started\",\"format\":\"2.0\",\"shape\":[]}\n";
        assert!(matches!(record(other), Err(ReadError::Format { .. })));
    }

    #[test]
    fn a_later_minor_format_may_have_new_kinds_but_no_broken_known_ones() {
        let new = start_line("1.9")
            + "{\"seq\":1,\"at\":\"2026-10-01T08:00:00Z\",\"event\":\"from-the-future\",\"x\":1}\n"
            + "{\"seq\":2,\"at\":\"2026-10-01T08:00:00Z\",\"event\":\"run-finished\"}\n";
        assert_eq!(record(&new).unwrap().len(), 2);
        let broken =
            start_line("1.9") + "{\"seq\":1,\"at\":\"2026-10-01T08:00:00Z\",\"event\":\"wait-ended\"}\n";
        assert!(matches!(
            record(&broken),
            Err(ReadError::Malformed { line: 2, .. })
        ));
    }

    #[test]
    fn nothing_and_other_things_are_no_record() {
        assert!(matches!(record(""), Err(ReadError::Empty { .. })));
        assert!(matches!(record("{\"seq\":0"), Err(ReadError::Empty { .. })));
        assert!(matches!(record("{}\n"), Err(ReadError::NoStart { .. })));
        assert!(matches!(record("[1]\n"), Err(ReadError::NoStart { .. })));
    }
}
