//! TOML files that people write, read field by field.
//!
//! A derive stops at the first fault; here all of them are told at once, each with its place, what is wrong and
//! what to do: an unknown key with the nearest known one, a value that can't be with why. [`read`] is the
//! entrance; its reader asks a [`Table`] for each field and ends with [`Table::finish`], which refuses whatever
//! nobody asked for.

mod fault;
mod reader;

use toml::de::DeTable;

pub use fault::{Fault, FaultKind, nearest};
pub use reader::{Entry, Span, Table, unknown_name};

use reader::Source;

/// Reads a file: `file` is its name in what is said about it, and `hint` where its keys are described.
///
/// # Errors
/// Every fault, in the order of the text; at least one.
pub fn read<T>(
    file: &str,
    text: &str,
    hint: &'static str,
    reader: impl FnOnce(Table<'_>) -> T,
) -> Result<T, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let source = Source::new(file, text, hint);
    for error in &errors {
        let span = error.span().unwrap_or_default();
        source.fault(span, "", FaultKind::Syntax(error.message().to_owned()));
    }
    // What could not be read as TOML would look absent.
    let value = errors.is_empty().then(|| reader(Table::root(&source, &table)));
    let faults = source.into_faults();
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        _ => Err(faults),
    }
}
