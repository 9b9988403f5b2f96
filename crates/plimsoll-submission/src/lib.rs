//! From the records of runs to a submission.
//!
//! [`Product`] is what the vendor says (`product.toml`), [`Records`] what the runs say, the official checklist
//! what is asked. [`compose`] answers each requirement from them and writes a directory as the programme wants
//! it, in one step: it is there whole or not at all.
//!
//! A status follows from verdicts. The vendor may state another, with a reason that stays visible in the notes
//! and in the README. What the runs do not decide and the vendor does not state stays blank.

mod answer;
mod artifacts;
mod compose;
mod directory;
mod evidence;
mod existing;
mod product;
mod readme;
mod records;
mod seal;
mod summary;
mod text;

pub use answer::{Answer, Source};
pub use compose::{ComposeError, Composed, Request, compose};
pub use evidence::EvidenceError;
pub use product::{FaultyProduct, Product, ProductError, TEMPLATE};
pub use records::{Records, RecordsError};
pub use summary::summary;
