//! Accelerator vendors as data: one TOML file each under `vendors/`, embedded at build time.
//!
//! A new vendor is a file and a line in [`VENDORS`]' list; no code names a vendor.
