//! Lines for the log of the process: what happened to which object, on standard error.

use std::{fmt::Arguments, io::Write};

use k8s_openapi::jiff::Timestamp;

/// Writes one line, with the time; a log that cannot be written to is no reason to stop.
pub(crate) fn line(text: Arguments<'_>) {
    let _lost = writeln!(
        std::io::stderr().lock(),
        "{} {text}",
        Timestamp::now().strftime("%H:%M:%S%.3f")
    );
}

/// An error and all of its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Logs a line, formatted as by `format!`.
macro_rules! log {
    ($($argument:tt)*) => { $crate::log::line(format_args!($($argument)*)) };
}
pub(crate) use log;
