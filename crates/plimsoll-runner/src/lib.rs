//! Plans a run, executes its checks side by side, keeps the record.
