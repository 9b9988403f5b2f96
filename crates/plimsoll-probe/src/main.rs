//! The probe's entry point.
fn main() {}
