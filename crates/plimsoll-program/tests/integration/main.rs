//! The programme crate against the programme's own files and against bad input.

mod broken_files;
mod official_files;
