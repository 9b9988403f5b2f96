//! What a run says: [`Control`]s and the [`Verdict`] that follows from them, the one [`Event`] type that
//! everything during a run is told in, and the record file (`record.jsonl`) that keeps the events.
//!
//! Every report is a function of a record; the live display consumes the same events. Nothing here
//! touches a cluster, and nothing here formats for people.

pub mod control;
pub mod event;
pub mod file;
pub mod redaction;
pub mod verdict;

pub use control::{Control, ControlKind, Outcome};
pub use event::{CheckFinished, CheckPlanned, PlatformFacts, PlatformKind, RunStarted};
pub use event::{Event, What};
pub use file::{FILE_NAME, ReadError, RecordWriter, read};
pub use verdict::{Decision, decide};
pub use verdict::{Rule, Verdict};

/// The format of the record that this version writes: `MAJOR.MINOR`. A reader accepts its own major
/// version; a higher minor only adds fields and events.
///
/// 1.0: first.
pub const FORMAT: &str = "1.0";
