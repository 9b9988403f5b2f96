//! From a record to its reports.
