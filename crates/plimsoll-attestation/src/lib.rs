//! Who says what came out, over which bytes.
//!
//! A run's directory is sealed with an in-toto [`Statement`]: the digest of each of its files and, as predicate, a
//! [test result](https://in-toto.io/attestation/test-result/v0.1). Without a key it stands there as it is
//! (`attestation.intoto.json`): enough to notice accidents. With a key it stands in a signed DSSE [`envelope`]
//! (`attestation.dsse.json`, the public key beside it): enough to notice everybody else. [`verify()`] says which files are
//! not what they were.
//!
//! Nothing here knows what a run is, or asks anybody over a network: keyless signing needs an authority that is online.

mod digests;
pub mod document;
pub mod envelope;
mod key;
mod seal;
mod statement;
mod verify;

pub use digests::{DigestError, digest_file, plain_files};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use seal::{SealError, seal};
pub use statement::{Configuration, Digest, Outcome, Statement, TestResult};
pub use verify::{Fault, Signature, Verification, VerifyError, Wrong, verify};

/// The bare statement of a directory that nobody signed.
pub const STATEMENT_FILE: &str = "attestation.intoto.json";
/// The signed statement.
pub const ENVELOPE_FILE: &str = "attestation.dsse.json";
/// The public key of who signed.
pub const KEY_FILE: &str = "attestation.pub";

/// Whether a file of this name says something of the others, and so is no subject itself.
#[must_use]
pub fn is_own_file(name: &str) -> bool {
    [STATEMENT_FILE, ENVELOPE_FILE, KEY_FILE].contains(&name)
}
