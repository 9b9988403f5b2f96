//! The check `dra_support`.
