//! One fixture run through every format.

mod browser;
mod comparisons;
mod decides;
mod directory;
mod fixture;
mod formats;
mod killed_runs;
mod page;
mod validator;
