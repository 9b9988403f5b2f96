//! Standard output, for what scripts read.

use std::io::Write as _;

/// Prints a line; a reader that went away (a pager, `head`) has seen enough.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}
