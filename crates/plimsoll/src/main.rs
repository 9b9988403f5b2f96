//! The command line: arguments and wiring only.
fn main() {}
